use std::io::Write;

use http_body_util::BodyExt;

use crate::cli::Endpoint;
use crate::client::{block_on, open, page};

/// Prints a line for each request until the server stops or this is interrupted.
pub fn run(at: &Endpoint) -> Result<(), String> {
    block_on(follow(at))?
}

async fn follow(at: &Endpoint) -> Result<(), String> {
    let (authority, request) = page(at, "/_crossgate/tail")?;
    let answer = open(&authority, request).await?;
    let status = answer.status();
    let mut body = answer.into_body();
    if !status.is_success() {
        return Err(format!("the server answered with status {status}"));
    }
    let mut out = std::io::stdout();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| format!("the server went away: {e}"))?;
        let Some(lines) = frame.data_ref() else { continue };
        // Whoever reads the pipe has seen enough.
        if out.write_all(lines).and_then(|()| out.flush()).is_err() {
            return Ok(());
        }
    }
    Ok(())
}
