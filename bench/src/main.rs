//! Measures the figures of SPECIFICATION.md against the release binary of crossgate, in one run on one machine, and
//! prints them as a table. A missed figure is no error: timings depend on the machine, and the table says so.
//!
//! `cargo build --release --locked -p crossgate && cargo run --release --locked -p bench`

#![forbid(unsafe_code)]

mod apis;
mod aws;
mod bare;
mod bare_proxy;
mod bare_server;
mod client;
mod cold;
mod control;
mod decision;
mod lambda;
mod latency;
mod load;
mod mock;
mod processes;
#[cfg(target_os = "linux")]
mod processors;
#[cfg(not(target_os = "linux"))]
#[path = "shared_processors.rs"]
mod processors;
mod proxy;
mod ready;
mod runtime_api;
mod scene;
mod server;
mod stats;
mod stored;
mod table;
mod venv;
mod warm;

use std::process::ExitCode;

use table::Table;

/// What a measurement that could not be made says.
type Failed = String;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let done = match arguments.next().as_deref() {
        None => measure(""),
        Some("only") => measure(&arguments.next().unwrap_or_default()),
        Some("bare-server") => bare_server::run(),
        Some("bare-proxy") => bare_proxy::run(),
        Some(other) => Err(format!(
            "`{other}` is unknown; without arguments every figure is measured, with `only policy`, `only ready`, \
             `only control`, `only stored`, `only mock`, `only proxy`, `only latency`, `only apis`, `only warm`, \
             `only cold`, `only lambda` or `only many` that part"
        )),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench: {message}");
            ExitCode::FAILURE
        }
    }
}

fn measure(part: &str) -> Result<(), Failed> {
    let mut table = Table::default();
    let wanted = |name: &str| part.is_empty() || part == name;
    if wanted("policy") {
        decision::measure(&mut table)?;
    }
    if part == "policy" {
        table.print();
        return Ok(());
    }
    let program = server::program()?;
    // One thread, so that an answer's time holds no wake-up of a second one here.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    runtime.block_on(async {
        if wanted("ready") {
            ready::measure(&program, &mut table).await?;
        }
        if wanted("control") {
            control::measure(&program, &mut table).await?;
        }
        if wanted("stored") {
            stored::measure(&program, &mut table).await?;
        }
        if wanted("mock") {
            mock::measure(&program, &mut table).await?;
        }
        if wanted("proxy") {
            proxy::measure(&program, &mut table).await?;
        }
        if wanted("latency") {
            latency::measure(&program, &mut table).await?;
        }
        if wanted("apis") {
            apis::measure(&program, &mut table).await?;
        }
        if wanted("warm") {
            warm::measure(&program, &mut table).await?;
        }
        if wanted("cold") {
            cold::measure(&program, &mut table).await?;
        }
        if wanted("lambda") {
            lambda::measure(&program, &mut table).await?;
        }
        if wanted("many") {
            lambda::many(&program, &mut table).await?;
        }
        Ok::<(), Failed>(())
    })?;
    table.print();
    Ok(())
}
