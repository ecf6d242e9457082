//! A function URL with the invoke mode `RESPONSE_STREAM`: the function's response goes to the client as it comes.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use lambda::execution::{Invocation, InvokeContext, Part};
use lambda::url::{PRELUDE_TYPE, Prelude, PreludeReader};
use lambda::{FunctionView, InvokeFailure};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::{Refused, add_headers, bad_gateway, broken, failed, not_run};
use crate::listener::{Body, BodySender};
use crate::state::State;
use crate::trace::{Invoked, record};

/// Pieces of a response that wait for a slow client; the function then waits too.
const WAITING_PARTS: usize = 16;

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
    mut context: InvokeContext,
) -> Result<Response<Body>, Refused> {
    let (sender, parts) = mpsc::channel(WAITING_PARTS);
    context.stream = Some(sender);
    let lambda = state.lambda.clone();
    // In a task of its own: a function goes on when its client leaves (Lambda Developer Guide, "Response streaming").
    let running = tokio::spawn(async move { lambda.run(&view, payload, context).await });
    let mut source = Source { parts, running, done: None };
    let Some((content_type, piece)) = source.first().await else {
        let done = source.end().await?;
        record(|events| events.invocation = Some(failed(&done, &why(&done))));
        return Ok(bad_gateway().map(Body::Full));
    };
    let told = Arc::new(OnceLock::new());
    record(|events| events.streamed = Some(told.clone()));
    let mut response = Response::new(Body::default());
    let first = if content_type == PRELUDE_TYPE {
        match source.prelude(piece).await {
            Ok((prelude, body)) => {
                *response.status_mut() =
                    StatusCode::from_u16(prelude.status).unwrap_or(StatusCode::BAD_GATEWAY);
                add_headers(&mut response, prelude.headers);
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

/// Why a function failed, as Lambda describes it.
fn why(done: &Invocation) -> String {
    String::from_utf8_lossy(&done.payload).into_owned()
}

/// A running invocation and what it has written.
struct Source {
    parts: mpsc::Receiver<Part>,
    running: JoinHandle<Result<Invocation, InvokeFailure>>,
    done: Option<Result<Invocation, Refused>>,
}

impl Source {
    /// The next piece; `None` when the invocation is over and all of them were taken.
    async fn next(&mut self) -> Option<Part> {
        if self.done.is_none() {
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return Some(part),
                done = &mut self.running => {
                    self.done = Some(match done {
                        Ok(done) => done.map_err(not_run),
                        Err(panicked) => Err(broken(&panicked)),
                    });
                }
            }
        }
        self.parts.try_recv().ok()
    }

    /// The content type and the first piece of the body, which is empty for an empty response; `None` when the
    /// function failed before there was any: AWS's client for Node begins a response even then.
    async fn first(&mut self) -> Option<(String, Bytes)> {
        let mut content_type = None;
        loop {
            match self.next().await {
                Some(Part::Begin { content_type: kind, .. }) => content_type = Some(kind),
                Some(Part::Chunk(piece)) if !piece.is_empty() => return Some((content_type?, piece)),
                Some(Part::Chunk(_)) => {}
                None => {
                    let well = matches!(&self.done, Some(Ok(done)) if done.function_error.is_none());
                    return content_type.filter(|_| well).map(|kind| (kind, Bytes::new()));
                }
            }
        }
    }

    /// The prelude and what comes of the body with it; or why there is none.
    async fn prelude(&mut self, mut piece: Bytes) -> Result<(Prelude, Bytes), String> {
        let mut reader = PreludeReader::default();
        loop {
            if let Some(read) = reader.take(&piece)? {
                return Ok(read);
            }
            piece = match self.next().await {
                Some(Part::Chunk(next)) => next,
                Some(Part::Begin { .. }) => Bytes::new(),
                None => return Err(reader.missing()),
            };
        }
    }

    /// How the invocation ended.
    async fn end(mut self) -> Result<Invocation, Refused> {
        while self.next().await.is_some() {}
        self.done.unwrap_or_else(|| Err(broken(&"the invocation has no end")))
    }

    /// Waits for the end of a function whose response is no use.
    async fn drain(self, told: Arc<OnceLock<Invoked>>, malformed: String) {
        if let Ok(done) = self.end().await {
            let text = if done.function_error.is_some() { why(&done) } else { malformed };
            let _ = told.set(failed(&done, &text));
        }
    }

    /// Sends what comes until the invocation is over.
    async fn forward(mut self, client: BodySender, first: Bytes, told: Arc<OnceLock<Invoked>>) {
        let mut listening = first.is_empty() || client.send(Ok(first)).await.is_ok();
        while let Some(part) = self.next().await {
            if let (Part::Chunk(piece), true) = (part, listening) {
                listening = client.send(Ok(piece)).await.is_ok();
            }
        }
        match self.end().await {
            Ok(done) if done.function_error.is_none() => {}
            Ok(done) => {
                let error = done.error_type.clone().unwrap_or_default();
                let _ = told.set(failed(&done, &why(&done)));
                let _ = client.send(Err(std::io::Error::other(error))).await;
            }
            Err(refused) => {
                let _ = client.send(Err(std::io::Error::other(refused.detail))).await;
            }
        }
    }
}
