//! InvokeWithResponseStream: a function's response as it comes, framed as an event stream.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use lambda::execution::{Invocation, Part};
use serde_json::{Map, Value};
use wire::{ApiError, Call, EVENT_STREAM, Operation, Reply};

use crate::listener::{Body, BodySender};
use crate::state::State;
use crate::streamed::Streamed;

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
    let (parts, invocation) = state.lambda.invoke_with_response_stream(call)?;
    let mut streamed = Streamed::of(parts, invocation);
    let tail = wants_log(call);
    let Some(first) = streamed.next().await else {
        let done = streamed.end().await?;
        let version = done.executed_version.clone();
        return Ok(respond(operation, call, version, |sender| async move { end(&sender, done, tail).await }));
    };
    let version = match &first {
        Part::Begin { executed_version, .. } => executed_version.clone(),
        Part::Chunk(_) => String::new(),
    };
    Ok(respond(operation, call, version, move |sender| forward(sender, first, streamed, tail)))
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

/// Sends what comes until the invocation is over, or the client gone.
async fn forward(sender: BodySender, first: Part, mut streamed: Streamed, tail: bool) {
    let mut next = streamed.piece_from(first).await;
    while let Some(piece) = next {
        let event = wire::event("PayloadChunk", "application/octet-stream", &piece);
        if sender.send(Ok(event)).await.is_err() {
            return;
        }
        next = streamed.piece().await;
    }
    match streamed.end().await {
        Ok(done) => end(&sender, done, tail).await,
        // Cut, so that the client does not take what it has for the whole.
        Err(failure) => {
            let error = ApiError::from(failure);
            let _ = sender.send(Err(std::io::Error::other(error.code))).await;
        }
    }
}

/// The event that says how it ended.
async fn end(sender: &BodySender, done: Invocation, tail: bool) {
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
