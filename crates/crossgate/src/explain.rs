use doctor::Report;

use crate::cli::{Explain, Format};
use crate::client::{block_on, get};

/// Asks the server for a request's report and prints it.
pub fn run(options: &Explain) -> Result<(), String> {
    let path = format!("/_crossgate/requests/{}", options.request_id);
    let answer = block_on(get(&options.at, &path))??;
    if answer.status != 200 {
        return Err(answer.error());
    }
    if options.drawn.format == Format::Json {
        print!("{}", String::from_utf8_lossy(&answer.body));
        return Ok(());
    }
    let report: Report = serde_json::from_slice(&answer.body).map_err(|e| {
        format!("the server at {} answered something else than a report: {e}", options.at.endpoint)
    })?;
    print!("{}", doctor::render(&report, options.drawn.style()));
    Ok(())
}
