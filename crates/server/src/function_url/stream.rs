//! A function URL with the invoke mode `RESPONSE_STREAM`: the function's response goes to the client as it comes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use lambda::FunctionView;
use lambda::execution::{Invocation, InvokeContext, Part};
use lambda::url::{Head, PRELUDE_TYPE, head};
use wire::{NoMetadata, Prelude};

use super::{Refused, add_headers, bad_gateway, failed, not_run};
use crate::listener::{Body, BodySender};
use crate::state::State;
use crate::streamed::Streamed;
use crate::trace::{Invoked, record};

/// Runs the function and answers as soon as the first of its response is there, or it has failed.
///
/// A response without a prelude is a 200 with the content type that the runtime gave (Lambda Developer Guide, "Building
/// a custom runtime": it is propagated to the client). So what a function that does not stream returns is passed as it
/// is, `statusCode` and all: Lambda streams every payload that comes through such a URL (Lambda Developer Guide,
/// "Invoking a response streaming enabled function using Lambda function URLs"). An error before the response begins is
/// the 502 of buffered URLs; one in the middle cuts the connection, so that the client does not take what it has for the
/// whole (both reasoned: the status is gone by then).
pub(super) async fn invoke(
    state: &Arc<State>,
    view: Arc<FunctionView>,
    payload: Bytes,
    context: InvokeContext,
) -> Result<Response<Body>, Refused> {
    let mut source = Source(Streamed::start(&state.lambda, view, payload, context));
    let Some((content_type, piece)) = source.first().await else {
        let done = source.0.end().await.map_err(not_run)?;
        record(|events| events.invocation = Some(failed(&done, &why(&done))));
        return Ok(bad_gateway().map(Body::Full));
    };
    let told = Arc::new(OnceLock::new());
    record(|events| events.streamed = Some(told.clone()));
    let mut response = Response::new(Body::default());
    let first = if content_type == PRELUDE_TYPE {
        match source.prelude(piece).await {
            Ok((head, body)) => {
                *response.status_mut() = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
                add_headers(&mut response, head.headers);
                body
            }
            Err(malformed) => {
                tokio::spawn(source.drain(told, malformed));
                return Ok(bad_gateway().map(Body::Full));
            }
        }
    } else {
        if let Ok(value) = HeaderValue::from_str(&content_type) {
            response.headers_mut().insert(CONTENT_TYPE, value);
        }
        piece
    };
    // What runtimes send when a function names no type.
    response
        .headers_mut()
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/octet-stream"));
    let (client, body) = Body::stream();
    *response.body_mut() = body;
    tokio::spawn(source.forward(client, first, told));
    Ok(response)
}

/// Why a response that should begin with metadata does not.
fn malformed(none: NoMetadata) -> String {
    format!("the response begins with no metadata: {}", none.reason)
}

/// Why a function failed, as Lambda describes it.
fn why(done: &Invocation) -> String {
    String::from_utf8_lossy(&done.payload).into_owned()
}

/// The response on its way to a client.
struct Source(Streamed);

impl Source {
    /// The content type and the first piece of the body, which is empty for an empty response; `None` when the
    /// function failed before there was any: AWS's client for Node begins a response even then.
    async fn first(&mut self) -> Option<(String, Bytes)> {
        let mut content_type = None;
        loop {
            match self.0.next().await {
                Some(Part::Begin { content_type: kind, .. }) => content_type = Some(kind),
                Some(Part::Chunk(piece)) if !piece.is_empty() => return Some((content_type?, piece)),
                Some(Part::Chunk(_)) => {}
                None => {
                    let well = self.0.succeeded();
                    return content_type.filter(|_| well).map(|kind| (kind, Bytes::new()));
                }
            }
        }
    }

    /// The prelude and what comes of the body with it; or why there is none.
    async fn prelude(&mut self, mut piece: Bytes) -> Result<(Head, Bytes), String> {
        let mut prelude = Prelude::default();
        loop {
            if let Some((metadata, body)) = prelude.push(&piece).map_err(malformed)? {
                return Ok((head(&metadata)?, body));
            }
            piece = self.0.piece().await.ok_or_else(|| malformed(prelude.ended()))?;
        }
    }

    /// Waits for the end of a function whose response is no use.
    async fn drain(self, told: Arc<OnceLock<Invoked>>, malformed: String) {
        if let Ok(done) = self.0.end().await {
            let text = if done.function_error.is_some() { why(&done) } else { malformed };
            let _ = told.set(failed(&done, &text));
        }
    }

    /// Sends what comes until the invocation is over.
    async fn forward(mut self, client: BodySender, first: Bytes, told: Arc<OnceLock<Invoked>>) {
        let mut listening = first.is_empty() || client.send(Ok(first)).await.is_ok();
        while let Some(piece) = self.0.piece().await {
            if listening {
                listening = client.send(Ok(piece)).await.is_ok();
            }
        }
        match self.0.end().await {
            Ok(done) if done.function_error.is_none() => {}
            Ok(done) => {
                let error = done.error_type.clone().unwrap_or_default();
                let _ = told.set(failed(&done, &why(&done)));
                let _ = client.send(Err(std::io::Error::other(error))).await;
            }
            Err(failure) => {
                let _ = client.send(Err(std::io::Error::other(not_run(failure).detail))).await;
            }
        }
    }
}
