//! The Lambda Runtime API (AWS documentation, "Using the Lambda runtime API"), served per environment.
//!
//! Our own bootstrap speaks it over a socket pair that only its environment holds; official clients over TCP on a
//! loopback address. The same router serves both.

mod extension;
#[cfg(jail)]
mod own;

use super::environment::{Environment, InitFailure, Outcome};
use super::report::MAX_RESPONSE;
use super::run::Run;
use super::sockets::{Owner, v4};
use super::spec::Part;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
#[cfg(jail)]
pub(crate) use own::serve_own;
use std::borrow::Cow;
use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::mpsc::Sender;

/// What a body may bring beyond the largest answer before its connection is closed.
const MAX_DRAINED: usize = 64 << 20;

/// The largest streamed response: 200 MB (AWS documentation, "Lambda quotas").
const MAX_STREAM: usize = 200 << 20;

/// A request's line and headers.
const MAX_HEAD: usize = 64 << 10;

const PREFIX: &str = "/2018-06-01/runtime/";

/// Serves one connection until it closes.
pub(crate) async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, environment: Arc<Environment>) {
    let service = service_fn(move |request| {
        let environment = Arc::clone(&environment);
        async move { Ok::<_, Infallible>(route(environment, request).await) }
    });
    let mut http = hyper::server::conn::http1::Builder::new();
    http.title_case_headers(true).pipeline_flush(true).max_buf_size(MAX_HEAD);
    let _ = http.serve_connection(TokioIo::new(io), service).await;
}

/// A listener for official clients, on a random loopback address. In a network namespace shared with others the
/// address is no secret, so [`serve_tcp`] also looks at who connects.
///
/// # Errors
/// The system's.
pub(crate) async fn listen() -> std::io::Result<TcpListener> {
    let [a, b, c, _] = getrandom::u32().unwrap_or(0).to_ne_bytes();
    let random = Ipv4Addr::new(127, a, b, c.clamp(1, 254));
    match TcpListener::bind((random, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// Serves a listener's connections until the process is gone; those of other environments are closed unanswered.
pub(crate) async fn serve_tcp(listener: TcpListener, environment: Arc<Environment>, owner: Owner) {
    let process = Arc::clone(&environment.process);
    tokio::select! {
        () = accept(listener, environment, owner) => {}
        _ = process.wait() => {}
    }
}

async fn accept(listener: TcpListener, environment: Arc<Environment>, owner: Owner) {
    while let Ok((stream, peer)) = listener.accept().await {
        let ends = v4(peer).zip(stream.local_addr().ok().and_then(v4));
        if ends.is_some_and(|(peer, local)| owner.connected(&environment.process, peer, local)) {
            let _ = stream.set_nodelay(true);
            tokio::spawn(serve(stream, Arc::clone(&environment)));
        }
    }
}

async fn route(environment: Arc<Environment>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let request = match extension::route(&environment, request).await {
        Ok(answer) => return answer,
        Err(request) => request,
    };
    let path = request.uri().path();
    let Some(rest) = path.strip_prefix(PREFIX) else {
        return error(
            StatusCode::NOT_FOUND,
            "NotFound",
            &format!("{path} is not part of the Runtime API here"),
        );
    };
    match (request.method(), rest) {
        (&Method::GET, "invocation/next") => next(&environment).await,
        (&Method::POST, "init/error") => {
            let body = whole(request.into_body()).await;
            if environment.fail_init(InitFailure::Error(body)) {
                accepted()
            } else {
                error(StatusCode::FORBIDDEN, "InvalidStateTransition", "init is over")
            }
        }
        // Our own bootstrap only, before anything of a customer's runs: the jail could not be closed.
        (&Method::POST, "init/jail") => {
            let body = whole(request.into_body()).await;
            let text = String::from_utf8_lossy(&body).into_owned();
            environment.fail_init(InitFailure::Jail(text));
            accepted()
        }
        (&Method::POST, _) => match invocation(rest) {
            Some((id, kind)) => {
                let id = id.to_owned();
                finish(&environment, &id, kind, request).await
            }
            None => {
                error(StatusCode::NOT_FOUND, "NotFound", &format!("{path} is not part of the Runtime API"))
            }
        },
        _ => error(StatusCode::NOT_FOUND, "NotFound", &format!("{path} is not part of the Runtime API")),
    }
}

/// `invocation/{id}/response` or `…/error`; `true` for a response.
fn invocation(rest: &str) -> Option<(&str, bool)> {
    let (id, kind) = rest.strip_prefix("invocation/")?.split_once('/')?;
    match kind {
        "response" => Some((id, true)),
        "error" => Some((id, false)),
        _ => None,
    }
}

async fn next(environment: &Arc<Environment>) -> Response<Full<Bytes>> {
    let run = match environment.next() {
        Ok(waiting) => waiting.await,
        Err(reason) => return error(StatusCode::FORBIDDEN, "InvalidStateTransition", reason),
    };
    let Ok(run) = run else {
        return error(
            StatusCode::FORBIDDEN,
            "InvalidStateTransition",
            "asked again, or the environment ends",
        );
    };
    let mut response = Response::new(Full::new(run.job.payload.clone()));
    let to = response.headers_mut();
    to.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers(&run) {
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            to.insert(HeaderName::from_static(name), value);
        }
    }
    response
}

/// What an invocation brings beside its event.
fn headers(run: &Run) -> impl Iterator<Item = (&'static str, Cow<'_, str>)> {
    let Run { job, deadline_ms, .. } = run;
    let context = &job.context;
    let all = [
        ("lambda-runtime-aws-request-id", Some(&context.request_id)),
        ("lambda-runtime-invoked-function-arn", Some(&context.invoked_arn)),
        ("lambda-runtime-trace-id", context.trace_id.as_ref()),
        ("lambda-runtime-client-context", context.client_context.as_ref()),
        ("lambda-runtime-cognito-identity", context.cognito_identity.as_ref()),
    ];
    let texts = all.into_iter().filter_map(|(name, value)| Some((name, Cow::Borrowed(value?.as_str()))));
    texts.chain([("lambda-runtime-deadline-ms", Cow::Owned(deadline_ms.to_string()))])
}

/// Statuses, error types and messages are those of AWS's supervisor (the public source of its Runtime Interface
/// Emulator).
async fn finish(
    environment: &Arc<Environment>,
    id: &str,
    is_response: bool,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    // Before anything changes: an answer for another invocation must not touch this one.
    let Some(stream) = environment.current(id) else {
        whole(request.into_body()).await;
        return not_current(environment, id, is_response);
    };
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let mode = text("lambda-runtime-function-response-mode").filter(|mode| is_response && !mode.is_empty());
    let streaming = mode.as_deref() == Some("streaming");
    let content_type = text("content-type").unwrap_or_else(|| "application/octet-stream".to_owned());
    if mode.is_some() && !streaming {
        whole(request.into_body()).await;
        let refused = "Invalid function response mode";
        let message = format!("RequestId: {id} Error: {refused}");
        let payload = super::report::platform_error("Runtime.InvalidResponseModeHeader", &message);
        environment.answer(id, Outcome::Error(payload), false);
        return error(StatusCode::BAD_REQUEST, "InvalidFunctionResponseMode", refused);
    }
    let collected = match stream {
        Some(stream) if is_response => {
            let executed_version = environment.spec.version.clone();
            let begin = Part::Begin { content_type, executed_version };
            forward(request.into_body(), streaming, begin, &stream).await
        }
        _ => collect(request.into_body()).await,
    };
    // A runtime that broke off: its end, or the time-out, ends the invocation.
    let Some(collected) = collected else {
        let text = "HTTP request detected as truncated";
        return error(StatusCode::BAD_REQUEST, "TruncatedHTTPRequest", text);
    };
    let complete = collected.complete;
    let outcome = match (complete, is_response, collected.failed) {
        (false, ..) => Outcome::TooLarge,
        (true, true, None) => Outcome::Response(collected.body),
        (true, true, Some(error)) => Outcome::Error(error),
        (true, false, _) => Outcome::Error(collected.body),
    };
    match (environment.answer(id, outcome, false), complete) {
        (false, _) => not_current(environment, id, is_response),
        (true, true) => accepted(),
        (true, false) => {
            let text = format!("Exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).");
            error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &text)
        }
    }
}

/// The answer to a response or an error for what is not in progress, or has its answer already.
fn not_current(environment: &Environment, id: &str, is_response: bool) -> Response<Full<Bytes>> {
    if environment.has_answered(id) {
        let to = if is_response { "InvocationResponse" } else { "InvocationErrorResponse" };
        let text = format!(
            "State transition from RuntimeResponseSentState to {to} failed for runtime. Error: State transition is \
             not allowed"
        );
        return error(StatusCode::FORBIDDEN, "InvalidStateTransition", &text);
    }
    error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID")
}

/// A body that was read.
struct Collected {
    body: Bytes,
    /// Whether it was small enough.
    complete: bool,
    /// The error JSON that the trailers of a streamed response bring.
    failed: Option<Bytes>,
}

/// Hands a response on piece by piece; one that is not streamed is read first, for its bound. `None`: it broke off.
async fn forward(mut body: Incoming, streaming: bool, begin: Part, to: &Sender<Part>) -> Option<Collected> {
    if !streaming {
        let collected = collect(body).await?;
        if collected.complete {
            // Whoever listened is gone: the invocation goes on all the same.
            let _ = to.send(begin).await;
            let _ = to.send(Part::Chunk(collected.body)).await;
        }
        return Some(Collected { body: Bytes::new(), ..collected });
    }
    let _ = to.send(begin).await;
    let (mut seen, mut failed) = (0usize, None);
    while let Some(frame) = body.frame().await {
        match frame.ok()?.into_data() {
            Ok(data) => {
                seen += data.len();
                if seen <= MAX_STREAM && !data.is_empty() {
                    let _ = to.send(Part::Chunk(data)).await;
                }
            }
            Err(frame) => failed = frame.into_trailers().ok().as_ref().and_then(trailing_error),
        }
    }
    Some(Collected { body: Bytes::new(), complete: seen <= MAX_STREAM, failed })
}

/// The error of a streamed response (AWS documentation, "Building a custom runtime": base64 of the error JSON).
fn trailing_error(trailers: &HeaderMap) -> Option<Bytes> {
    let text = |name: &str| trailers.get(name).and_then(|v| v.to_str().ok());
    let kind = text("lambda-runtime-function-error-type")?;
    let body = text("lambda-runtime-function-error-body").and_then(|b| STANDARD.decode(b).ok());
    let told = body.filter(|b| serde_json::from_slice::<serde::de::IgnoredAny>(b).is_ok());
    Some(told.map_or_else(|| super::report::platform_error(&kind.replace(['"', '\\'], "?"), ""), Bytes::from))
}

/// The body as far as it came and is kept.
async fn whole(body: Incoming) -> Bytes {
    collect(body).await.map(|collected| collected.body).unwrap_or_default()
}

/// The body, and whether it was small enough; what is too large is read to its end but not kept, so that the
/// connection stays usable. `None`: it broke off.
async fn collect(mut body: Incoming) -> Option<Collected> {
    let mut kept = BytesMut::new();
    let mut seen = 0usize;
    let mut single = None;
    let mut failed = None;
    while let Some(frame) = body.frame().await {
        let data = match frame.ok()?.into_data() {
            Ok(data) => data,
            Err(frame) => {
                failed = frame.into_trailers().ok().as_ref().and_then(trailing_error);
                continue;
            }
        };
        seen += data.len();
        if seen > MAX_DRAINED {
            return Some(Collected { body: Bytes::new(), complete: false, failed: None });
        }
        if seen > MAX_RESPONSE {
            kept.clear();
            single = None;
        } else if seen == data.len() {
            single = Some(data); // most bodies come in one piece: not copied
        } else {
            if let Some(first) = single.take() {
                kept.extend_from_slice(&first);
            }
            kept.extend_from_slice(&data);
        }
    }
    let body = single.unwrap_or_else(|| kept.freeze());
    Some(Collected { body, complete: seen <= MAX_RESPONSE, failed })
}

fn json(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}\n")));
    *response.status_mut() = StatusCode::ACCEPTED;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn error(status: StatusCode, kind: &str, message: &str) -> Response<Full<Bytes>> {
    json(status, serde_json::json!({ "errorMessage": message, "errorType": kind }).to_string())
}
