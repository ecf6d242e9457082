//! The journey of a call to a function URL: who calls, may they (two actions), the function, its answer.

mod stream;

use std::sync::Arc;

use arn::TraceId;
use bytes::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode};
use lambda::execution::{Invocation, InvokeContext, InvokeError};
use lambda::url::{IamCaller, Request as UrlRequest, event, response};
use lambda::{FunctionUrl, FunctionView, InvokeFailure};
use policy::{Check, Principal};
use serde_json::{Value, json};

use crate::aws::Answer;
use crate::caller::Signer;
use crate::decide::{Surroundings, decide};
use crate::listener::{Body, Request};
use crate::random::random;
use crate::state::State;
use crate::trace::{Invoked, Journey, record};

/// A request's payload: 6 MB [Lambda quotas].
pub const MAX_BODY: usize = 6 << 20;
/// As recorded for a call without permission.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
     https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";
/// Characters of a function's error kept for explanations.
const ERROR_KEPT: usize = 2_000;

/// Why a call got no answer of its function: the status, the error's type, the body, and what the trace is told.
struct Refused {
    status: StatusCode,
    kind: &'static str,
    body: Value,
    detail: String,
}

fn forbidden(message: Value, detail: impl Into<String>) -> Refused {
    let (status, kind) = (StatusCode::FORBIDDEN, "AccessDeniedException");
    Refused { status, kind, body: json!({ "Message": message }), detail: detail.into() }
}

/// Answers a call to the function URL `id`.
pub async fn answer(
    state: &Arc<State>,
    request: &Request,
    id: &str,
    request_id: &str,
    now_ms: i64,
) -> Answer {
    let mut caller = "anonymous".to_owned();
    let (response, error) = match run(state, request, id, request_id, now_ms, &mut caller).await {
        Ok(response) => (response, None),
        Err(refused) => {
            let mut response = json_response(refused.status, &refused.body).map(Body::Full);
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(refused.kind));
            (response, Some((refused.kind.to_owned(), refused.detail)))
        }
    };
    Answer { response, caller, journey: Journey::Aws { service: "lambda", operation: "FunctionUrl", error } }
}

async fn run(
    state: &Arc<State>,
    request: &Request,
    id: &str,
    request_id: &str,
    now_ms: i64,
    caller: &mut String,
) -> Result<Response<Body>, Refused> {
    let head = &request.head;
    let found = state.lambda.function_url(id).map_err(|e| broken(&e))?;
    // Recorded: a URL that does not exist is forbidden, with a null text.
    let url = found.ok_or_else(|| forbidden(Value::Null, format!("there is no function URL {id}")))?;
    let origin = head.text("origin");
    let cors = |preflight| match (&url.cors, origin) {
        (Some(cors), Some(origin)) => cors.headers(origin, preflight),
        _ => Vec::new(),
    };
    if head.method == Method::OPTIONS
        && url.cors.is_some()
        && head.text("access-control-request-method").is_some()
    {
        let mut response = Response::new(Body::default());
        add_headers(&mut response, cors(true));
        return Ok(response);
    }
    let signer = if url.auth_type == "AWS_IAM" { Some(signer(state, request, now_ms)?) } else { None };
    if let Some(signer) = &signer {
        *caller = signer.caller.principal.arn();
    }
    authorize(state, request, &url, signer.as_ref(), now_ms)?;
    let trace = TraceId::new(head.text("x-amzn-trace-id"), now_ms, random()).request;
    let payload = event_of(state, request, id, signer, (request_id, &trace), now_ms)?;
    let view = state.lambda.lookup(&url.function_arn).map_err(|e| broken(&e))?;
    let view = view.ok_or_else(|| gone(&url.function_arn))?;
    let context = InvokeContext {
        request_id: request_id.to_owned(),
        invoked_arn: url.function_arn.clone(),
        trace_id: Some(trace.clone()),
        ..InvokeContext::default()
    };
    let mut answer = match url.invoke_mode.as_str() {
        "RESPONSE_STREAM" => stream::invoke(state, view, payload, context).await?,
        _ => invoke(state, &view, payload, context).await?.map(Body::Full),
    };
    add_headers(&mut answer, vec![("x-amzn-trace-id", trace)]);
    add_headers(&mut answer, cors(false));
    Ok(answer)
}

fn signer(state: &State, request: &Request, now_ms: i64) -> Result<Signer, Refused> {
    let head = &request.head;
    // Recorded for calls without permission; AWS's bodies for broken signatures are not recorded, so these say what is
    // wrong in the words of every other signature error.
    let refused = |e: &sigv4::AuthError| forbidden(e.message_with_expected().into(), e.message.clone());
    let signed = sigv4::parse(head.method.as_str(), head.path(), head.query(), &head.signed());
    let Some(signed) = signed.map_err(|e| refused(&e))? else {
        return Err(forbidden("Forbidden".into(), "the URL wants AWS_IAM and the request is not signed"));
    };
    signed
        .check_scope("lambda", None)
        .and_then(|()| state.callers.prove(&signed, &request.body, head, now_ms))
        .map_err(|e| refused(&e))
}

/// Both actions must be allowed (Lambda Developer Guide, "Control access to Lambda function URLs": since October 2025).
fn authorize(
    state: &State,
    request: &Request,
    url: &FunctionUrl,
    signer: Option<&Signer>,
    now_ms: i64,
) -> Result<(), Refused> {
    let caller = signer.map_or_else(|| Principal::Anonymous.into(), |s| s.caller.clone());
    let arn = arn::Arn::parse(&url.function_arn).map_err(|e| broken(&e))?;
    let around = Surroundings {
        source_ip: Some(&request.head.source_ip),
        user_agent: request.head.text("user-agent"),
        region: &arn.region,
        now_ms,
    };
    let policy = state.lambda.function_policy(&url.function_arn).map_err(|e| broken(&e))?;
    for (action, key, value) in [
        ("lambda:InvokeFunctionUrl", "lambda:FunctionUrlAuthType", url.auth_type.as_str()),
        ("lambda:InvokeFunction", "lambda:InvokedViaFunctionUrl", "true"),
    ] {
        let mut context = state.lambda.tag_context(&url.function_arn).map_err(|e| broken(&e))?;
        context.set(key, value);
        if action == "lambda:InvokeFunctionUrl" {
            context.set("lambda:FunctionArn", url.function_arn.as_str());
        }
        if let Some(referer) = request.head.text("referer") {
            context.set("aws:referer", referer);
        }
        let check = Check {
            action: action.to_owned(),
            resource: url.function_arn.clone(),
            resource_account: arn::AccountId::new(&arn.account).ok(),
            resource_policy: policy.clone(),
            context,
        };
        let verdict = decide(&state.iam, &caller, check, &around).map_err(|e| broken(&e))?;
        if !verdict.allowed {
            return Err(forbidden(FORBIDDEN.into(), verdict.sentence.unwrap_or_default()));
        }
    }
    Ok(())
}

fn event_of(
    state: &State,
    request: &Request,
    id: &str,
    signer: Option<Signer>,
    (request_id, trace): (&str, &str),
    now_ms: i64,
) -> Result<Bytes, Refused> {
    let head = &request.head;
    let caller = match signer {
        None => None,
        Some(signer) => {
            let context = state.iam.principal_context(&signer.caller).map_err(|e| broken(&e))?;
            let user_id = context.get("aws:userid").and_then(|v| v.first()).cloned().unwrap_or_default();
            let principal = &signer.caller.principal;
            Some(IamCaller {
                access_key: signer.access_key_id.clone(),
                account: principal.account().map(|a| a.to_string()).unwrap_or_default(),
                user_id,
                arn: principal.arn(),
            })
        }
    };
    let headers: Vec<(String, Bytes)> = head
        .headers
        .iter()
        // The signature is not for the function.
        .filter(|(name, _)| *name != hyper::header::AUTHORIZATION || caller.is_none())
        .map(|(name, value)| (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes())))
        .collect();
    let host = head.host();
    let (domain, port) = host.rsplit_once(':').unwrap_or((host, ""));
    Ok(event(&UrlRequest {
        url_id: id,
        method: head.method.as_str(),
        path: head.path(),
        query: head.query(),
        protocol: &format!("{:?}", head.version),
        headers: &headers,
        body: &request.body,
        source_ip: &head.source_ip,
        domain,
        port: port.parse().unwrap_or_else(|_| head.local.port()),
        trace,
        request_id,
        now_ms,
        caller,
    }))
}

async fn invoke(
    state: &State,
    view: &FunctionView,
    payload: Bytes,
    context: InvokeContext,
) -> Result<Response<Bytes>, Refused> {
    let done = state.lambda.run(view, payload, context).await.map_err(not_run)?;
    let told = |text: String| record(|events| events.invocation = Some(failed(&done, &text)));
    if done.function_error.is_some() {
        told(String::from_utf8_lossy(&done.payload).into_owned());
        return Ok(bad_gateway());
    }
    let answer = match response(&done.payload) {
        Ok(answer) => answer,
        Err(why) => {
            told(why);
            return Ok(bad_gateway());
        }
    };
    let mut sent = Response::new(answer.body);
    *sent.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
    add_headers(&mut sent, answer.headers);
    Ok(sent)
}

fn gone(arn: &str) -> Refused {
    forbidden(Value::Null, format!("the function {arn} does not exist"))
}

fn not_run(failure: InvokeFailure) -> Refused {
    match failure {
        InvokeFailure::NotRun(InvokeError::Throttled(reason)) => Refused {
            status: StatusCode::TOO_MANY_REQUESTS,
            kind: "TooManyRequestsException",
            body: json!({ "Message": "Rate Exceeded.", "Reason": format!("{reason:?}"), "Type": "User" }),
            detail: format!("throttled: {reason:?}"),
        },
        InvokeFailure::NotRun(error) => broken(&error),
        InvokeFailure::NotFound(arn) => gone(&arn),
        InvokeFailure::Broken(error) => broken(&error),
    }
}

/// What explanations tell of a run that went wrong.
fn failed(done: &Invocation, why: &str) -> Invoked {
    Invoked {
        error: Some(why.chars().take(ERROR_KEPT).collect()),
        warning: done.warning.clone(),
        cold: done.cold,
        duration_ms: done.durations.duration.as_secs_f64() * 1000.0,
    }
}

/// Recorded: what a client gets when the function fails.
fn bad_gateway() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"Internal Server Error"));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn broken(error: &dyn std::fmt::Display) -> Refused {
    let detail = error.to_string();
    let body = json!({ "Message": "Internal Server Error" });
    Refused { status: StatusCode::BAD_GATEWAY, kind: "InternalServerErrorException", body, detail }
}

fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(hyper::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Adds headers that are valid; what a function wrote may not be.
fn add_headers<N: AsRef<str>, B>(response: &mut Response<B>, headers: Vec<(N, String)>) {
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_ref().as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
            // Framing is the server's.
            if !matches!(name.as_str(), "content-length" | "transfer-encoding" | "connection") {
                response.headers_mut().append(name, value);
            }
        }
    }
}
