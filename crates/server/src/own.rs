//! `/_crossgate/…`: health, traces, tail, and the packages that `GetFunction` points to.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Method, Response, StatusCode};
use policy::Decision;
use serde_json::json;
use subtle::ConstantTimeEq;
use tokio::sync::broadcast::error::RecvError;

use crate::clock::now_ms;
use crate::contexts;
use crate::decide::Surroundings;
use crate::explain;
use crate::listener::{Body, Head, Request};
use crate::state::State;
use crate::tail;
use crate::trace::{FAILED, OTHERS, Trace};

/// How often a quiet `tail` is sent an empty piece, so that a client that is gone is noticed.
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(15);

/// The most bytes of a question to `simulate`.
pub const MAX_BODY: usize = 64 * 1024;

/// Answers one of the server's own pages; `page` is what follows `/_crossgate/`.
pub async fn answer(state: &Arc<State>, request: &Request, page: &str) -> Response<Body> {
    let head = &request.head;
    let wanted = if page == "simulate" { Method::POST } else { Method::GET };
    if head.method != wanted {
        return error(
            StatusCode::METHOD_NOT_ALLOWED,
            "the pages below /_crossgate/ are read with GET; /_crossgate/simulate is asked with POST",
        );
    }
    // A package is opened by the token in its address, as AWS's presigned addresses are.
    if let Some(token) = page.strip_prefix("code/") {
        return package(state, token).await;
    }
    if !may_read(state.admin_token.as_deref(), head, || state.executor.may_be_function(head.peer, head.local))
    {
        return error(
            StatusCode::FORBIDDEN,
            "the pages below /_crossgate/ are for clients on loopback that call the server by a loopback name and are \
             no functions, or that send `authorization: Bearer …` with the server's --admin-token",
        );
    }
    match page.split_once('/').unwrap_or((page, "")) {
        ("health", "") => json_page(StatusCode::OK, &health()),
        ("requests", id) if !id.is_empty() => {
            match state.ring.find(id).or_else(|| explain::taken_up(state, id)) {
                Some(trace) => {
                    json_page(StatusCode::OK, &tokio::task::block_in_place(|| story(state, &trace)))
                }
                None => error(
                    StatusCode::NOT_FOUND,
                    &format!(
                        "no request {id} is remembered; the server keeps in memory the latest {FAILED} that failed \
                         and the latest {OTHERS} others"
                    ),
                ),
            }
        }
        ("metrics", "") => metrics(state),
        ("tail", "") => follow(state),
        ("simulate", "") => simulate(state, request),
        _ => error(
            StatusCode::NOT_FOUND,
            "there is no such page; there are /_crossgate/health, /_crossgate/metrics, /_crossgate/requests/{id}, \
             /_crossgate/tail and /_crossgate/simulate",
        ),
    }
}

/// The report, the condition contexts of its decisions, and where a decision refused, that decision as
/// `sts:DecodeAuthorizationMessage` takes it.
fn story(state: &State, trace: &Trace) -> serde_json::Value {
    let mut story = json!(explain::report(state, trace));
    story["contexts"] = contexts::of(trace);
    let refused = trace.events.decisions.iter().find(|decided| !decided.decision.is_allowed());
    let encoded = refused.and_then(|decided| {
        let told = Decision::explain_with(&decided.request(), &decided.caller, &decided.resource());
        // A store that cannot be read must not hide the report.
        state.iam.encode_authorization_message(&told).ok().flatten()
    });
    if let Some(encoded) = encoded {
        story["encodedMessage"] = encoded.into();
    }
    story
}

fn health() -> serde_json::Value {
    json!({
        "status": "running",
        "version": env!("CARGO_PKG_VERSION"),
        "services": ["apigateway", "execute-api", "iam", "lambda", "logs", "organizations", "sts"],
    })
}

fn simulate(state: &State, request: &Request) -> Response<Body> {
    let head = &request.head;
    let question: doctor::Question = match serde_json::from_slice(&request.body) {
        Ok(question) => question,
        Err(e) => return error(StatusCode::BAD_REQUEST, &format!("the body is no question: {e}")),
    };
    let around = Surroundings {
        source_ip: Some(&head.source_ip),
        user_agent: head.text("user-agent"),
        region: "us-east-1",
        now_ms: now_ms(),
    };
    match explain::simulate(state, &question, &around) {
        Ok(simulation) => json_page(StatusCode::OK, &simulation),
        Err(message) => error(StatusCode::BAD_REQUEST, &message),
    }
}

/// Counters in the form that Prometheus reads.
fn metrics(state: &State) -> Response<Body> {
    let mut response = Response::new(Body::from(state.execution.metrics()));
    let kind = hyper::header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

async fn package(state: &State, token: &str) -> Response<Body> {
    let Some(path) = state.lambda.code(token, now_ms()) else {
        return error(
            StatusCode::FORBIDDEN,
            "this address of a function's package is not valid, or not any more",
        );
    };
    match tokio::fs::read(path).await {
        Ok(bytes) => {
            let mut response = Response::new(Body::from(bytes));
            let kind = hyper::header::HeaderValue::from_static("application/zip");
            response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
            response
        }
        Err(_) => error(StatusCode::NOT_FOUND, "the package is gone: the function was updated or deleted"),
    }
}

fn follow(state: &Arc<State>) -> Response<Body> {
    let (mut traces, mut ending) = state.ring.follow();
    let (sender, body) = Body::stream();
    tokio::spawn(async move {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(HEARTBEAT, traces.recv()) => next,
                // Also when the server is gone already.
                _ = ending.changed() => return,
            };
            let piece = match next {
                Err(_) => Bytes::from_static(b""),
                Ok(Ok(trace)) => Bytes::from(tail::line(&trace)),
                Ok(Err(RecvError::Lagged(lost))) => {
                    Bytes::from(format!("… {lost} requests left out: too many to show\n"))
                }
                Ok(Err(RecvError::Closed)) => return,
            };
            if sender.send(Ok(piece)).await.is_err() {
                return;
            }
        }
    });
    Response::new(body)
}

/// Clients on this machine, by a loopback name (a web page whose name resolves to 127.0.0.1 calls by its own), but no
/// functions (of other accounts' requests they may know nothing), or with the token.
fn may_read(token: Option<&str>, head: &Head, is_function: impl Fn() -> bool) -> bool {
    let sent = head.text("authorization").and_then(|value| value.strip_prefix("Bearer "));
    if let (Some(wanted), Some(sent)) = (token, sent) {
        return bool::from(wanted.as_bytes().ct_eq(sent.as_bytes()));
    }
    head.peer.ip().is_loopback() && is_loopback_name(head.host()) && !is_function()
}

fn is_loopback_name(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn error(status: StatusCode, message: &str) -> Response<Body> {
    json_page(status, &json!({ "message": message }))
}

fn json_page(status: StatusCode, value: &impl serde::Serialize) -> Response<Body> {
    let mut bytes = serde_json::to_vec_pretty(value).unwrap_or_default();
    bytes.push(b'\n');
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(peer: [u8; 4], host: &str, token: Option<&str>) -> Head {
        let mut request = hyper::Request::get("/_crossgate/health").header("host", host);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut head = Head::made_of(request.body(()).unwrap().into_parts().0);
        head.peer = (peer, 1).into();
        head
    }

    #[test]
    fn loopback_clients_or_the_token() {
        let no = || false;
        assert!(!may_read(None, &head([127, 0, 0, 1], "localhost", None), || true), "a function");
        let (here, elsewhere) = ([127, 0, 0, 1], [192, 0, 2, 7]);
        for host in ["127.0.0.1:4566", "localhost:4566", "x.localhost", "[::1]:4566"] {
            assert!(may_read(None, &head(here, host, None), no), "{host}");
        }
        assert!(!may_read(None, &head(here, "evil.example", None), no));
        assert!(!may_read(None, &head(elsewhere, "localhost", None), no));
        assert!(!may_read(Some("t"), &head(elsewhere, "localhost", None), no));
        assert!(!may_read(Some("t"), &head(elsewhere, "server.example", Some("x")), no));
        assert!(may_read(Some("t"), &head(elsewhere, "server.example", Some("t")), no));
        assert!(!may_read(Some("t"), &head(here, "localhost", Some("wrong")), no));
    }
}
