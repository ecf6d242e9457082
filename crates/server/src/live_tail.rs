//! StartLiveTail: log events as they are stored, framed as an event stream.

use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use logs::LiveTail;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};
use wire::{ApiError, Call, EVENT_STREAM, Operation, Reply};

use crate::listener::{Body, BodySender};
use crate::state::State;

/// An update each second, and three hours of a session (StartLiveTail, API Reference).
const EVERY: Duration = Duration::from_secs(1);
const SESSION: Duration = Duration::from_secs(3 * 3600);

/// Opens the session and answers with its stream.
///
/// # Errors
/// Those of the service: no session was opened.
pub fn start(
    state: &Arc<State>,
    operation: &'static Operation,
    call: &Call,
) -> Result<Response<Body>, ApiError> {
    let tail = tokio::task::block_in_place(|| state.logs.live_tail(call))?;
    let (sender, body) = Body::stream();
    let mut ending = state.ring.follow().1;
    tokio::spawn(async move {
        tokio::select! {
            () = follow(sender, tail) => {}
            // A server that stops waits for its open answers.
            _ = ending.wait_for(|ending| *ending) => {}
        }
    });
    let mut response = wire::render(operation, Reply::empty(), &call.request_id).map(|_| body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM));
    Ok(response)
}

async fn follow(sender: BodySender, tail: LiveTail) {
    // Streams of this protocol begin with the members that are no events, here none (Smithy, "initial-response").
    if !send(&sender, "initial-response", &json!({})).await
        || !send(&sender, "sessionStart", &tail.start).await
    {
        return;
    }
    let end = Instant::now() + SESSION;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < end {
        ticks.tick().await;
        if !send(&sender, "sessionUpdate", &tail.update().0).await {
            return;
        }
    }
    let text = json!({"message": "The session has lasted for three hours"});
    let event = wire::exception("SessionTimeoutException", "application/json", text.to_string().as_bytes());
    let _ = sender.send(Ok(event)).await;
}

/// `false`: the client is gone.
async fn send(sender: &BodySender, kind: &str, payload: &Value) -> bool {
    let event = wire::event(kind, "application/json", payload.to_string().as_bytes());
    sender.send(Ok(event)).await.is_ok()
}
