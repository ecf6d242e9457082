//! The cross-account story, played on a server of its own through the public API, each step shown and checked.

mod scene;

use std::io::IsTerminal;
use std::net::SocketAddr;

use doctor::Style;

use scene::{GRANT_OF_THE_SEED, Scene};

/// Plays the story.
///
/// # Errors
/// The first step that went otherwise than it should.
pub fn run() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        let server = server::Server::start(server::Config {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            storage: server::Storage::InMemory,
            source_arn_on_role_calls: false,
            dev_credentials: true,
            dev_account: None,
            admin_token: None,
            jwks: Vec::new(),
            sandbox: server::SandboxPolicy::Prefer,
            runtime_layer: None,
            strict_runtimes: false,
            concurrency: None,
            retry_delay: None,
            quotas: Vec::new(),
            network: server::NetworkPolicy::Host,
            idle_environments: std::time::Duration::from_secs(600),
            max_environments: None,
        })
        .await
        .map_err(|e| e.to_string())?;
        for warning in server.warnings() {
            eprintln!("warning: {warning}");
        }
        let address = server.address();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(server.run_until(async {
            // The sender is dropped when the story ends early, which ends the server as well.
            let _ = stopped.await;
        }));
        let color = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let told = story(address, Style { color, ..Style::default() }).await;
        drop(stop);
        running.await.map_err(|e| format!("the server broke: {e}"))?;
        told
    })
}

async fn story(address: SocketAddr, style: Style) -> Result<(), String> {
    println!(
        "An API in account {} whose GET /users runs a Python function in account {},\n\
         on a server of its own at http://{address}. Every step goes through the public AWS API.",
        scene::A,
        scene::B
    );
    let mut scene = Scene::new(address.to_string(), style);

    scene.function().await?;
    scene.api().await?;
    scene.step("GET /users, with nothing granted in account B");
    scene.get(500).await?;

    scene.step("The grant as the article writes it: the account's root as principal, and a source ARN");
    scene.show(&scene.command(GRANT_OF_THE_SEED));
    scene.grant_of_the_seed().await?;
    scene.get(500).await?;

    scene.step("The first grant that works: the execution role as principal, no source ARN");
    scene.show("aws lambda add-permission … --principal arn:aws:iam::222222222222:role/apigw-exec");
    scene.grant_the_role().await?;
    scene.get(200).await?;

    scene.step("The second: the role taken off the integration, API Gateway itself as principal, with the source ARN");
    scene.show("aws apigateway update-integration … op=replace,path=/credentials,value=");
    scene.show(&scene.command(
        "aws lambda add-permission … --principal apigateway.amazonaws.com \
         --source-arn 'arn:aws:execute-api:us-east-1:222222222222:API/*/GET/users'",
    ));
    scene.grant_the_service().await?;
    scene.get(200).await?;

    scene.step("The next error people meet: a handler that raises");
    scene.replace_handler("def handler(event, context):\n    raise KeyError('user')\n").await?;
    scene.get(502).await?;

    scene.step("And one that returns a string instead of a response");
    scene.replace_handler("def handler(event, context):\n    return 'Hello'\n").await?;
    scene.get(502).await?;

    println!(
        "\nEvery step went as it does on AWS. To start a server of your own:\n\n  \
         crossgate serve\n  eval \"$(crossgate env 222222222222)\"    # then: aws, boto3, terraform, curl, as they are\n  \
         crossgate explain last                  # why the last refused request was refused\n"
    );
    Ok(())
}
