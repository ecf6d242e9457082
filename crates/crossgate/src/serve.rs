use std::io::{IsTerminal, Write};

use crate::cli::{Network, Sandbox, Serve};

/// Runs the server until it is told to stop.
pub fn run(options: Serve) -> Result<(), String> {
    let config = server::Config {
        listen: options.listen,
        storage: match (options.in_memory, options.data) {
            (true, _) => server::Storage::InMemory,
            (false, Some(directory)) => server::Storage::Directory(directory),
            (false, None) => server::Storage::Directory(".crossgate".into()),
        },
        source_arn_on_role_calls: options.source_arn_on_role_calls,
        dev_credentials: !options.no_dev_credentials,
        dev_account: options.dev_account,
        admin_token: options.admin_token,
        jwks: options.jwks,
        sandbox: match options.sandbox {
            Sandbox::Require => server::SandboxPolicy::Require,
            Sandbox::Prefer => server::SandboxPolicy::Prefer,
            Sandbox::Off => server::SandboxPolicy::Off,
        },
        runtime_layer: options.runtime_layer,
        strict_runtimes: options.strict_runtimes,
        concurrency: options.concurrency,
        quotas: options.quota,
        retry_delay: options.retry_delay.map(std::time::Duration::from_secs),
        network: match options.network {
            Network::Host => server::NetworkPolicy::Host,
            Network::Isolated => server::NetworkPolicy::Isolated,
        },
        idle_environments: std::time::Duration::from_secs(options.idle_environments),
        max_environments: options.max_environments.map(|count| count as usize),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        let server = server::Server::start(config).await.map_err(|e| e.to_string())?;
        println!("listening on http://{}", server.address());
        // A pipe that nobody reads any more must not stop the server.
        let _ = std::io::stdout().flush();
        for warning in server.warnings() {
            eprintln!("warning: {warning}");
        }
        if std::io::stdout().is_terminal() {
            let address = server.address();
            eprintln!(
                "\n  eval \"$(crossgate env 222222222222 --endpoint http://{address})\"   use AWS tools as an account\n  \
                 crossgate tail --endpoint http://{address}                      watch the requests\n"
            );
        }
        server.run_until(stop_signal()).await;
        Ok(())
    })
}

/// Ctrl-C or SIGTERM.
async fn stop_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        },
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}
