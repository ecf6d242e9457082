//! The journey of a call to an AWS API: which service and operation, who calls, may they, do it, answer.

use std::sync::Arc;

use arn::{Arn, TraceId};
use bytes::Bytes;
use hyper::Response;
use hyper::header::HeaderValue;
use policy::Check;
use sigv4::{AuthError, SignedRequest};
use wire::{ApiError, Call, Operation, Protocol, Reply, Service};

use crate::caller::Signer;
use crate::clock::now_ms;
use crate::decide::{Surroundings, decide};
use crate::federated::{self, Unsigned};
use crate::listener::{Body, Head, Request};
use crate::live_tail;
use crate::random::random;
use crate::refusal::{Refused, refusal};
use crate::response_stream;
use crate::state::State;
use crate::subscriptions;
use crate::trace::{Invoked, Journey, record};
use crate::user_pool::PoolKeys;

/// What an answer is, and what the trace is told of it.
pub struct Answer {
    pub response: Response<Body>,
    pub caller: String,
    pub journey: Journey,
}

/// The region of calls that nobody signed.
const DEFAULT_REGION: &str = "us-east-1";

/// Answers one call.
pub async fn answer(state: &Arc<State>, request: &Request, request_id: &str) -> Answer {
    let mut at = Progress::default();
    let result = run(state, request, request_id, &mut at).await;
    let (response, error) = match result {
        Ok(response) => (response, None),
        Err(error) => {
            let told = (error.code.clone(), error.message.clone().unwrap_or_default());
            (worded(at.service, &error, request_id).map(Body::Full), Some(told))
        }
    };
    Answer {
        response,
        caller: at.caller,
        journey: Journey::Aws {
            service: at.service.map_or("", Service::name),
            operation: at.operation.map_or("", |operation| operation.name),
            error,
        },
    }
}

/// How far a call got: an error is worded in the protocol of its service.
#[derive(Default)]
struct Progress {
    service: Option<Service>,
    operation: Option<&'static Operation>,
    caller: String,
}

async fn run(
    state: &Arc<State>,
    request: &Request,
    request_id: &str,
    at: &mut Progress,
) -> Result<Response<Body>, ApiError> {
    let Request { head, body } = request;
    let signed = sigv4::parse(head.method.as_str(), head.path(), head.query(), &head.signed());
    let signing_name = signed.as_ref().ok().and_then(|s| s.as_ref()).map(|s| s.service.as_str());
    at.service = wire::find_service(head, body, signing_name);
    let Some(service) = at.service else { return Err(unknown_service(signing_name, head)) };
    let protocol = service.protocol();
    let signed = signed.map_err(|e| refused(protocol, &e))?;
    let operation = wire::route(service, head, body);
    at.operation = operation.as_ref().ok().copied();

    let now_ms = now_ms();
    if let Some(operation) = at.operation.filter(|operation| operation.anonymous) {
        let region = signed.map_or_else(|| DEFAULT_REGION.to_owned(), |signed| signed.region);
        let around = Unsigned { request, region, request_id, now_ms };
        let answer = Box::pin(federated::answer(state, operation, around, &mut at.caller)).await?;
        return Ok(answer.map(Body::Full));
    }
    let (signer, region, body) = authenticate(state, signed, (head, body), now_ms, protocol)?;
    at.caller = signer.caller.principal.arn();
    let asked =
        Asked { signer: &signer, region, request_id, source_ip: Some(Arc::clone(&head.source_ip)), now_ms };
    perform(state, head, body, operation?, asked).await
}

/// Who asks, from where, and when.
struct Asked<'a> {
    signer: &'a Signer,
    region: String,
    request_id: &'a str,
    /// `None` for calls of services.
    source_ip: Option<Arc<str>>,
    now_ms: i64,
}

/// A call of API Gateway's on someone's behalf, without a signature: it never left this process.
pub async fn on_behalf(
    state: &Arc<State>,
    service: Service,
    (head, body): (&Head, Bytes),
    signer: &Signer,
    region: &str,
    request_id: &str,
) -> Response<Bytes> {
    let asked = Asked { signer, region: region.to_owned(), request_id, source_ip: None, now_ms: now_ms() };
    let result = match wire::route(service, head, &body) {
        Ok(operation) => perform(state, head, body, operation, asked).await,
        Err(error) => Err(error),
    };
    let (head, body) =
        result.unwrap_or_else(|e| worded(Some(service), &e, request_id).map(Body::Full)).into_parts();
    match body {
        Body::Full(bytes) => Response::from_parts(head, bytes),
        Body::Stream(_) => {
            let text = "answers that are streamed cannot be mapped; invoke the function with `Invoke`";
            worded(Some(service), &ApiError::new("NotImplemented", 501, text), request_id)
        }
    }
}

/// Parses, decides, runs, answers.
async fn perform(
    state: &Arc<State>,
    head: &Head,
    body: Bytes,
    operation: &'static Operation,
    asked: Asked<'_>,
) -> Result<Response<Body>, ApiError> {
    let Asked { signer, region, request_id, source_ip, now_ms } = asked;
    let service = operation.service;
    let protocol = service.protocol();
    let (input, payload) = wire::parse(operation, head, body)?;
    wire::validate(operation, &input)?;
    let Some(account) = signer.caller.principal.account() else {
        return Err(refused(protocol, &AuthError::invalid_token()));
    };
    // Only Lambda is known to pass it on, and to answer it (reasoned form: that of API Gateway's recorded answers).
    let traced =
        service == Service::Lambda && matches!(operation.name, "Invoke" | "InvokeWithResponseStream");
    let trace = traced.then(|| TraceId::new(head.text("x-amzn-trace-id"), now_ms, random()).response);
    let call = Call {
        operation: operation.name,
        input,
        payload,
        account,
        region,
        request_id: request_id.to_owned(),
        now_ms,
        trace,
    };
    let around = Surroundings {
        source_ip: source_ip.as_deref(),
        user_agent: head.text("user-agent"),
        region: requested_region(service, &call.region),
        now_ms,
    };
    for mut check in checks(state, service, &call, signer)? {
        // Programs do not send one; whoever does has it compared.
        if let Some(referer) = head.text("referer") {
            check.context.set("aws:referer", referer);
        }
        let (action, resource) = (check.action.clone(), check.resource.clone());
        let verdict = decide(&state.iam, &signer.caller, check, &around)?;
        if !verdict.allowed {
            let refused = Refused {
                operation: call.operation,
                account: call.account.as_str(),
                action: &action,
                resource: &resource,
            };
            return Err(refusal(service, refused, &verdict.sentence.unwrap_or_default()));
        }
    }
    let mut response = match (service, call.operation) {
        (Service::Lambda, "InvokeWithResponseStream") => {
            Box::pin(response_stream::invoke(state, operation, &call)).await?
        }
        (Service::Logs, "StartLiveTail") => live_tail::start(state, operation, &call)?,
        _ => {
            let reply = handle(state, service, &call, signer).await?;
            wire::render(operation, reply, request_id).map(Body::Full)
        }
    };
    if let Some(trace) = call.trace.and_then(|trace| HeaderValue::try_from(trace).ok()) {
        response.headers_mut().insert("x-amzn-trace-id", trace);
    }
    Ok(response)
}

/// `aws:RequestedRegion`. Services with one endpoint for all regions have that endpoint's (User Guide: IAM calls are
/// always made to us-east-1).
fn requested_region(service: Service, signed: &str) -> &str {
    match (service, Arn::partition_of(signed)) {
        (Service::Iam | Service::Organizations, "aws") => "us-east-1",
        (Service::Iam | Service::Organizations, "aws-cn") => "cn-north-1",
        (Service::Iam | Service::Organizations, "aws-us-gov") => "us-gov-west-1",
        _ => signed,
    }
}

/// Who signed, for which region, and the body as it was before it was framed for sending.
fn authenticate(
    state: &State,
    signed: Option<SignedRequest>,
    (head, body): (&Head, &Bytes),
    now_ms: i64,
    protocol: Protocol,
) -> Result<(Signer, String, Bytes), ApiError> {
    let signed = signed.ok_or_else(|| refused(protocol, &AuthError::missing(signing(protocol))))?;
    let signer = state.callers.prove(&signed, body, head, now_ms).map_err(|e| refused(protocol, &e))?;
    let body = state.callers.unframed(&signed, body).map_err(|e| refused(protocol, &e))?;
    Ok((signer, signed.region, body))
}

/// What must be allowed before the call runs.
fn checks(state: &State, service: Service, call: &Call, signer: &Signer) -> Result<Vec<Check>, ApiError> {
    let principal = &signer.caller.principal;
    match service {
        Service::Iam | Service::Sts | Service::Organizations => {
            state.iam.checks(service.name(), call, &signer.caller)
        }
        Service::Lambda => state.lambda.checks(call, principal),
        Service::ApiGateway => state.gateway.checks(call, principal),
        Service::Logs => state.logs.checks(call, principal),
    }
}

async fn handle(
    state: &Arc<State>,
    service: Service,
    call: &Call,
    signer: &Signer,
) -> Result<Reply, ApiError> {
    match (service, call.operation) {
        (Service::Lambda, "Invoke") => {
            let reply = state.lambda.invoke(call).await?;
            if reply.output.contains_key("FunctionError") {
                let told = reply
                    .payload
                    .as_deref()
                    .map(|p| String::from_utf8_lossy(p).chars().take(2_000).collect());
                record(|events| events.invocation = Some(Invoked { error: told, ..Invoked::default() }));
            }
            Ok(reply)
        }
        (Service::Logs, "PutSubscriptionFilter") => tokio::task::block_in_place(|| {
            subscriptions::check(state, call)?;
            run_here(state, service, call, signer)
        }),
        // Accepts an event, which runs in a task of this runtime.
        (Service::Lambda, "InvokeAsync") => state.lambda.invoke_async(call),
        (
            Service::ApiGateway,
            "TestInvokeMethod"
            | "TestInvokeAuthorizer"
            | "FlushStageAuthorizersCache"
            | "FlushStageCache"
            | "GetUsage"
            | "UpdateUsage",
        ) => {
            let keys = PoolKeys { issuers: state.iam.issuers(), now_ms: call.now_ms };
            Box::pin(state.execution.operation(call, &keys)).await
        }
        (Service::Lambda, "CreateFunction" | "UpdateFunctionConfiguration") => {
            let reply = tokio::task::block_in_place(|| run_here(state, service, call, signer))?;
            prepare(state, &reply);
            Ok(reply)
        }
        // Everything else reads, or writes and waits for the disk: other requests go on meanwhile.
        _ if reads_only(call.operation) => run_here(state, service, call, signer),
        _ => tokio::task::block_in_place(|| run_here(state, service, call, signer)),
    }
}

fn run_here(state: &State, service: Service, call: &Call, signer: &Signer) -> Result<Reply, ApiError> {
    let principal = &signer.caller.principal;
    match service {
        Service::Iam | Service::Sts | Service::Organizations => {
            state.iam.handle(service.name(), call, &signer.caller)
        }
        Service::Lambda => state.lambda.handle_sync(call, principal),
        Service::ApiGateway => state.gateway.handle(call, principal),
        Service::Logs => state.logs.handle(call),
    }
}

/// Readies the interpreter while the client gets its answer, so that the first call finds it running.
fn prepare(state: &Arc<State>, reply: &Reply) {
    let Some(runtime) = reply.output.get("Runtime").and_then(|r| r.as_str()).map(str::to_owned) else {
        return;
    };
    let executor = state.executor.clone();
    // Warns of a runtime that is not there; the answer of an invocation says so too.
    tokio::spawn(async move { executor.prepare(&runtime).await.ok() });
}

fn reads_only(operation: &str) -> bool {
    ["Get", "List", "Describe"].iter().any(|verb| operation.starts_with(verb))
}

/// A signature's error, as an API's.
fn refused(protocol: Protocol, error: &AuthError) -> ApiError {
    let protocol = signing(protocol);
    ApiError::new(error.code(protocol), error.status(protocol), error.message.clone())
}

fn signing(protocol: Protocol) -> sigv4::Protocol {
    match protocol {
        Protocol::Query => sigv4::Protocol::Query,
        Protocol::Json => sigv4::Protocol::Json,
        Protocol::RestJson => sigv4::Protocol::RestJson,
    }
}

fn unknown_service(signing_name: Option<&str>, head: &Head) -> ApiError {
    match signing_name {
        Some(name) => ApiError::new(
            "NotImplemented",
            501,
            format!(
                "crossgate does not run the service {name}; it runs apigateway, lambda, iam, sts, organizations and logs"
            ),
        ),
        None => ApiError::new(
            "NotFound",
            404,
            format!(
                "{} {} is neither a call to an AWS API (those are signed) nor to a deployed API: those are at \
                 http://{{api}}.execute-api.{{region}}.localhost/{{stage}}/… or /_aws/execute-api/{{api}}/{{stage}}/…",
                head.method,
                head.path()
            ),
        ),
    }
}

/// An error in its service's protocol; where the service never became known, as Lambda's are, which people read best.
fn worded(service: Option<Service>, error: &ApiError, request_id: &str) -> Response<Bytes> {
    wire::render_error(service.unwrap_or(Service::Lambda), error, request_id)
}

/// A body over `limit`, which holds `what`. The words are those that Lambda has for its operations (recorded for
/// CreateFunction; quoted in public issues for InvokeFunction).
pub fn too_large(what: &str, limit: usize, request_id: &str) -> Response<Body> {
    let text = format!("Request must be smaller than {limit} bytes for {what}");
    worded(None, &ApiError::new("RequestEntityTooLargeException", 413, text), request_id).map(Body::Full)
}
