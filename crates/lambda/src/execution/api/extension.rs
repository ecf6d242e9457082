//! The Extensions API, version 2020-01-01, and the two APIs to subscribe to records with.

use super::{accepted, error, json, whole};
use crate::execution::environment::Environment;
use crate::execution::extensions::{ID, Refused, uuid};
use crate::execution::telemetry::{self, Invalid, Subscription};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use std::sync::Arc;

type Answer = Response<Full<Bytes>>;

/// The header with an error's type.
const ERROR_TYPE: &str = "Lambda-Extension-Function-Error-Type";
/// Events named in one registration; there are two.
const MAX_EVENTS: usize = 16;

impl From<Refused> for Answer {
    fn from(Refused(kind, text): Refused) -> Answer {
        error(StatusCode::FORBIDDEN, kind, &text)
    }
}

/// Answers `/2020-01-01/…`, `/2022-07-01/…` and `/2020-08-15/…`; `None` for other paths.
pub(super) async fn route(
    environment: &Arc<Environment>,
    request: Request<Incoming>,
) -> Result<Answer, Request<Incoming>> {
    let path = request.uri().path().trim_end_matches('/');
    let done = match (request.method(), path) {
        (&Method::POST, "/2020-01-01/extension/register") => register(environment, request).await,
        (&Method::GET, "/2020-01-01/extension/event/next") => next(environment, &request).await,
        (&Method::POST, "/2020-01-01/extension/init/error") => {
            failed(environment, request, "Extension.InitError").await
        }
        (&Method::POST, "/2020-01-01/extension/exit/error") => {
            failed(environment, request, "Extension.ExitError").await
        }
        (&Method::PUT, "/2022-07-01/telemetry") => {
            subscribe(environment, request, telemetry::Api::Telemetry).await
        }
        (&Method::PUT, "/2020-08-15/logs") => subscribe(environment, request, telemetry::Api::Logs).await,
        _ => return Err(request),
    };
    Ok(done.unwrap_or_else(Answer::from))
}

fn header<'a>(request: &'a Request<Incoming>, name: &str) -> Option<&'a str> {
    request.headers().get(name).and_then(|v| v.to_str().ok()).filter(|v| !v.is_empty())
}

/// The name of the extension that asks.
fn name(environment: &Environment, request: &Request<Incoming>) -> Result<String, Refused> {
    environment.extensions.name(header(request, ID))
}

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
}

async fn register(environment: &Arc<Environment>, request: Request<Incoming>) -> Result<Answer, Refused> {
    let name = header(&request, "Lambda-Extension-Name").unwrap_or_default().to_owned();
    let features = header(&request, "Lambda-Extension-Accept-Feature").unwrap_or_default();
    let tell_account = features.split(',').any(|f| f.trim() == "accountId");
    let body = whole(request.into_body()).await;
    let invalid = |text: String| Refused("InvalidRequestFormat", text);
    let wanted: Registration = serde_json::from_slice(&body).map_err(|e| invalid(e.to_string()))?;
    if wanted.events.len() > MAX_EVENTS {
        return Err(invalid(format!("more than {MAX_EVENTS} events")));
    }
    let id = environment.register(&name, &wanted.events)?;
    let spec = &environment.spec;
    let mut told = serde_json::json!({
        "functionName": spec.name, "functionVersion": spec.version, "handler": spec.handler,
    });
    if tell_account {
        told["accountId"] = spec.account.as_str().into();
    }
    Ok(with_id(json(StatusCode::OK, told.to_string()), &id))
}

async fn next(environment: &Arc<Environment>, request: &Request<Incoming>) -> Result<Answer, Refused> {
    let name = name(environment, request)?;
    let waiting = environment.extension_next(&name)?;
    let gone =
        || Refused("Extension.InvalidExtensionState", "asked again, or the environment ends".to_owned());
    let event = waiting.await.map_err(|_| gone())?;
    let mut answer =
        with_id(json(StatusCode::OK, event.to_string()), header(request, ID).unwrap_or_default());
    if event["eventType"] == "INVOKE"
        && let Ok(id) = HeaderValue::from_str(&uuid())
    {
        answer.headers_mut().insert("lambda-extension-event-identifier", id);
    }
    Ok(answer)
}

async fn failed(
    environment: &Arc<Environment>,
    request: Request<Incoming>,
    kind: &'static str,
) -> Result<Answer, Refused> {
    let name = name(environment, &request)?;
    let told = header(&request, ERROR_TYPE).map(str::to_owned);
    whole(request.into_body()).await;
    let told = told.ok_or_else(|| Refused("Extension.MissingHeader", format!("{ERROR_TYPE} not found")))?;
    environment.extension_failed(&name, kind, told.chars().take(256).collect());
    Ok(accepted())
}

async fn subscribe(
    environment: &Arc<Environment>,
    request: Request<Incoming>,
    api: telemetry::Api,
) -> Result<Answer, Refused> {
    let name = name(environment, &request)?;
    let body = whole(request.into_body()).await;
    let word = if api == telemetry::Api::Telemetry { "Telemetry" } else { "Logs" };
    if environment.extensions.is_closed() {
        let text = format!("{word} API subscription is closed already");
        return Ok(error(StatusCode::FORBIDDEN, &format!("{word}.SubscriptionClosed"), &text));
    }
    let done =
        Subscription::parse(api, &body).and_then(|subscription| environment.subscribe(&name, subscription));
    Ok(match done {
        Ok(()) => json(StatusCode::OK, "\"OK\"".to_owned()),
        Err(Invalid(text)) => error(StatusCode::BAD_REQUEST, &format!("{word}.ValidationError"), &text),
    })
}

fn with_id(mut answer: Answer, id: &str) -> Answer {
    if let Ok(id) = HeaderValue::from_str(id) {
        answer.headers_mut().insert("lambda-extension-identifier", id);
    }
    answer
}
