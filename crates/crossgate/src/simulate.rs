use std::process::ExitCode;

use bytes::Bytes;
use doctor::{Question, Simulation};
use http_body_util::Full;

use crate::cli::{Format, Simulate};
use crate::client::{block_on, page, send};

/// Asks the server what would be decided. Exit status: 0 allowed, 1 denied, 2 the question cannot be answered.
pub fn run(options: &Simulate) -> ExitCode {
    match ask(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("crossgate: {message}");
            ExitCode::from(2)
        }
    }
}

fn ask(options: &Simulate) -> Result<bool, String> {
    let mut context: Vec<(String, Vec<String>)> = Vec::new();
    for (key, value) in &options.context {
        match context.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(key)) {
            Some((_, values)) => values.push(value.clone()),
            None => context.push((key.clone(), vec![value.clone()])),
        }
    }
    let question = Question {
        principal: options.principal.clone(),
        action: options.action.clone(),
        resource: options.resource.clone(),
        resource_account: options.resource_account.as_ref().map(ToString::to_string),
        context,
    };
    let body = serde_json::to_vec(&question).map_err(|e| e.to_string())?;
    let (authority, mut request) = page(&options.at, "/_crossgate/simulate")?;
    *request.method_mut() = hyper::Method::POST;
    *request.body_mut() = Full::new(Bytes::from(body));
    let answer = block_on(async { send(&authority, request).await })??;
    if answer.status != 200 {
        return Err(answer.error());
    }
    let simulation: Simulation = serde_json::from_slice(&answer.body).map_err(|e| {
        format!("the server at {} answered something else than a simulation: {e}", options.at.endpoint)
    })?;
    match options.drawn.format {
        Format::Json => print!("{}", String::from_utf8_lossy(&answer.body)),
        Format::Text => print!("{}", simulation.render(options.drawn.style())),
    }
    Ok(simulation.allowed)
}
