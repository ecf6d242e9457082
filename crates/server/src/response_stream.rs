//! InvokeWithResponseStream: a function's response as it comes, framed as an event stream.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use lambda::InvokeFailure;
use lambda::execution::{Invocation, Part};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use wire::{ApiError, Call, EVENT_STREAM, Operation, Reply};

use crate::listener::{Body, BodySender};
use crate::state::State;

/// Runs the function and answers as soon as its response begins, or it has failed.
///
/// # Errors
/// Those of Invoke: the function was not run.
pub async fn invoke(
    state: &Arc<State>,
    operation: &'static Operation,
    call: &Call,
) -> Result<Response<Body>, ApiError> {
    if call.text("InvocationType") == Some("DryRun") {
        let reply = Reply { status: Some(204), ..Reply::default() };
        return Ok(wire::render(operation, reply, &call.request_id).map(Body::Full));
    }
    let (mut parts, running) = state.lambda.invoke_with_response_stream(call)?;
    // In a task of its own: it goes on when the client leaves.
    let mut running = tokio::spawn(running);
    let tail = wants_log(call);
    tokio::select! {
        biased;
        Some(part) = parts.recv() => {
            let version = match part {
                Part::Begin { executed_version, .. } => executed_version,
                Part::Chunk(_) => String::new(),
            };
            Ok(respond(operation, call, version, move |sender| follow(sender, parts, running, tail)))
        }
        done = &mut running => {
            let done = finished(done)?;
            let version = done.executed_version.clone();
            Ok(respond(operation, call, version, move |sender| end(sender, parts, done, tail)))
        }
    }
}

type Finished = Result<Result<Invocation, InvokeFailure>, tokio::task::JoinError>;

fn finished(done: Finished) -> Result<Invocation, ApiError> {
    let broken = |e: tokio::task::JoinError| ApiError::new("ServiceException", 500, e.to_string());
    Ok(done.map_err(broken)??)
}

fn wants_log(call: &Call) -> bool {
    call.text("LogType") == Some("Tail")
}

fn respond<F: Future<Output = ()> + Send + 'static>(
    operation: &'static Operation,
    call: &Call,
    executed_version: String,
    write: impl FnOnce(BodySender) -> F,
) -> Response<Body> {
    let mut output = Map::new();
    output.insert("StatusCode".to_owned(), 200.into());
    output.insert("ExecutedVersion".to_owned(), executed_version.into());
    let reply = Reply { output, payload: None, status: Some(200) };
    let (sender, body) = Body::stream();
    tokio::spawn(write(sender));
    let mut response = wire::render(operation, reply, &call.request_id).map(|_| body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    response
}

/// Sends what comes until the invocation is over.
async fn follow(
    sender: BodySender,
    mut parts: mpsc::Receiver<Part>,
    mut running: tokio::task::JoinHandle<Result<Invocation, InvokeFailure>>,
    tail: bool,
) {
    loop {
        tokio::select! {
            biased;
            Some(part) = parts.recv() => {
                if !send(&sender, part).await {
                    return;
                }
            }
            done = &mut running => {
                match finished(done) {
                    Ok(done) => end(sender, parts, done, tail).await,
                    // Cut, so that the client does not take what it has for the whole.
                    Err(error) => {
                        let _ = sender.send(Err(std::io::Error::other(error.code))).await;
                    }
                }
                return;
            }
        }
    }
}

/// The last pieces, and the event that says how it ended.
async fn end(sender: BodySender, mut parts: mpsc::Receiver<Part>, done: Invocation, tail: bool) {
    while let Ok(part) = parts.try_recv() {
        if !send(&sender, part).await {
            return;
        }
    }
    let mut last = Map::new();
    if let Some(error) = done.function_error {
        // AWS documents both fields without values; that they are Invoke's is reasoning.
        last.insert("ErrorCode".to_owned(), error.as_str().into());
        let details = String::from_utf8_lossy(&done.payload).into_owned();
        last.insert("ErrorDetails".to_owned(), details.into());
    }
    if tail {
        last.insert("LogResult".to_owned(), STANDARD.encode(&done.log_tail).into());
    }
    let event = wire::event("InvokeComplete", "application/json", Value::Object(last).to_string().as_bytes());
    let _ = sender.send(Ok(event)).await;
}

/// `false`: the client is gone.
async fn send(sender: &BodySender, part: Part) -> bool {
    match part {
        Part::Begin { .. } => true,
        Part::Chunk(data) => {
            let event = wire::event("PayloadChunk", "application/octet-stream", &data);
            sender.send(Ok(event)).await.is_ok()
        }
    }
}
