//! Lets other programs check this crate against their own reading of the models, one JSON object per line.
//!
//! `shapes samples` prints for every operation an input, an output and the response that this crate renders for it;
//! `shapes parse` reads requests from standard input and prints what this crate makes of each;
//! `shapes errors` prints one rendered response for every error of every model.
//! `tests/botocore_check.py` drives all three.

use std::io::{BufRead, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};
use wire::{ApiError, Reply, Service, find_service, parse, parse_response, render, render_error, route};

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    match std::env::args().nth(1).as_deref() {
        Some("samples") => print_samples(&mut out),
        Some("errors") => print_errors(&mut out),
        Some("parse") => {
            for line in std::io::stdin().lock().lines() {
                writeln!(out, "{}", read_request(&serde_json::from_str(&line?)?))?;
                out.flush()?;
            }
            Ok(())
        }
        _ => Err("usage: shapes samples | errors | parse".into()),
    }
}

fn print_samples(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    for op in Service::all().iter().flat_map(|s| s.operations()) {
        for amount in [samples::Amount::Full, samples::Amount::Required] {
            let (input, payload) = samples::input(op, amount);
            let (output, answer) = samples::output(op, amount);
            let sent = (!answer.is_empty()).then(|| answer.clone());
            let response = render(op, Reply { output: output.clone(), payload: sent, status: None }, "id-1");
            let line = json!({
                "service": op.service.name(), "operation": op.name, "amount": format!("{amount:?}"),
                "input": input, "payload": STANDARD.encode(payload),
                "output": output, "answer": STANDARD.encode(answer), "response": response_json(&response),
            });
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn print_errors(out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    for &service in Service::all() {
        for shape in service.model().shapes() {
            let Some(traits) = shape.error else { continue };
            let error = ApiError::new(traits.code, 0, "the <text> of the \"error\" & more");
            let response = response_json(&render_error(service, &error, "id-1"));
            let line = json!({"service": service.name(), "shape": shape.name, "code": traits.code,
                              "status": traits.status, "message": error.message, "response": response});
            writeln!(out, "{line}")?;
        }
    }
    Ok(())
}

fn response_json(response: &http::Response<Bytes>) -> Value {
    let headers: Map<String, Value> = response
        .headers()
        .iter()
        .map(|(name, value)| (name.to_string(), json!(String::from_utf8_lossy(value.as_bytes()))))
        .collect();
    json!({"status": response.status().as_u16(), "headers": headers, "body": STANDARD.encode(response.body())})
}

/// `{"method", "uri", "headers": {}, "body": base64}` as `{"service", "operation", "input", "payload"}` or `{"error"}`.
fn read_request(line: &Value) -> Value {
    let text = |name: &str| line[name].as_str().unwrap_or_default();
    let mut request = http::Request::builder().method(text("method")).uri(text("uri"));
    for (name, value) in line["headers"].as_object().into_iter().flatten() {
        request = request.header(name, value.as_str().unwrap_or_default());
    }
    let (Ok(request), Ok(body)) = (request.body(()), STANDARD.decode(text("body"))) else {
        return json!({"error": "the request cannot be made"});
    };
    let (parts, ()) = request.into_parts();
    let Some(service) = find_service(&parts, &body, None) else { return json!({"error": "no service"}) };
    let read = route(service, &parts, &body).and_then(|op| {
        let (input, payload) = parse(op, &parts, body.into())?;
        // The client side must make the same of what the server side would answer with nothing in it.
        let empty = render(op, Reply::empty(), "id-1");
        parse_response(op, empty.status(), empty.headers(), empty.body())?;
        Ok(json!({"service": service.name(), "operation": op.name, "input": input,
                  "payload": STANDARD.encode(payload)}))
    });
    read.unwrap_or_else(|error| json!({"error": error.to_string()}))
}
