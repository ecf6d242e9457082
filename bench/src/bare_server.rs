//! The server that MOCK is compared with: hyper alone, on the same runtime as `crossgate serve`, which answers every
//! request with the same bytes. `bench bare-server` reads the answer as JSON from standard input, prints its address,
//! and ends with its standard input.

use std::convert::Infallible;
use std::io::Write;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_LENGTH, DATE, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;

use crate::Failed;
use crate::bare::{Bare, input_line, until_input_ends};
use crate::client::Answer;

/// The server, as `bench bare-server`.
pub fn run() -> Result<(), Failed> {
    let answer: Value =
        serde_json::from_str(&input_line()?).map_err(|e| format!("no answer to give: {e}"))?;
    let (headers, body) = read(&answer)?;
    until_input_ends(serve(headers, body))
}

async fn serve(headers: HeaderMap, body: Bytes) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    std::io::stdout().flush()?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let (headers, body) = (headers.clone(), body.clone());
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(body.clone()));
            *response.headers_mut() = headers.clone();
            async move { Ok::<_, Infallible>(response) }
        });
        let connection =
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::spawn(async move {
            let _ = connection.await;
        });
    }
}

fn read(answer: &Value) -> Result<(HeaderMap, Bytes), Failed> {
    let mut headers = HeaderMap::new();
    for (name, value) in answer.get("headers").and_then(Value::as_object).into_iter().flatten() {
        let name: HeaderName = name.parse().map_err(|e| format!("{name}: {e}"))?;
        let value = value.as_str().and_then(|v| HeaderValue::from_str(v).ok());
        headers.insert(name, value.ok_or("a header that is no text")?);
    }
    let body = answer.get("body").and_then(Value::as_str).unwrap_or_default().to_owned();
    Ok((headers, body.into()))
}

/// A bare server that gives `answer`.
///
/// # Errors
/// It does not start.
pub fn start(answer: &Answer) -> Result<Bare, Failed> {
    // hyper adds the length and the date itself, as it does for crossgate.
    let headers: Map<String, Value> = answer
        .headers
        .iter()
        .filter(|(name, _)| **name != CONTENT_LENGTH && **name != DATE)
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()))
        .collect();
    let body = String::from_utf8_lossy(&answer.body);
    Bare::start("bare-server", &json!({"headers": headers, "body": body}).to_string())
}
