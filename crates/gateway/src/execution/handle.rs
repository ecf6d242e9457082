//! A call from its first byte to its answer.

use std::sync::Arc;

use arn::TraceId;
use bytes::Bytes;
use store::StoreError;

use super::access_log::{Admitted, Answered};
use super::call::{Met, MethodCall};
use super::client::{ClientRequest, ClientResponse, MAX_BODY, MAX_HEAD};
use super::compression::{self, Undecodable};
use super::custom_response::Names;
use super::front_door::FrontDoor;
use super::gateway_response::{GatewayResponse, ResponseType};
use super::integrate::{Failure, Replied};
use super::journal::{Journal, Level};
use super::response_cache::Lookup;
use super::served::Served;
use super::stream::Stream;
use super::trace::{CacheResult, GatewayTrace, Why};
use super::{Inner, entrance, headers, integrate, response_cache, usage_plan};

type Outcome = Result<ClientResponse, Box<Failure>>;

/// An answer to a call.
pub struct Handled {
    /// All of it, or its head.
    pub response: ClientResponse,
    /// What happened. Of an answer that is still to come, what happened so far.
    pub trace: Box<GatewayTrace>,
    /// The body of an answer that is passed on as it comes. It must be passed on: the call is logged at its end.
    pub stream: Option<Box<Stream>>,
}

pub(super) async fn handle(
    inner: &Arc<Inner>,
    mut client_request: Box<ClientRequest>,
    door: &dyn FrontDoor,
) -> Handled {
    if let Some(method) = headers::overriding_method(&client_request) {
        client_request.method = method.into();
    }
    let request = &*client_request;
    let mut trace = Box::<GatewayTrace>::default();
    let mut journal = Journal::new(Level::Off, request.now_ms, request.began);
    let (stage, path) = split(&request.path);
    let response = match inner.stages.get(&inner.store, &request.api_id, stage) {
        Ok(Some(found)) => match &*found {
            Ok(stage) => {
                let served = match &stage.canary {
                    Some((percent, canary)) if chance() < *percent => canary,
                    _ => stage,
                };
                trace.stage = served.stage.clone();
                let mut admitted = Admitted { canary: served.for_canary(), ..Admitted::default() };
                let told = (&mut journal, &mut *trace, &mut admitted);
                let minimum = served.api.compression;
                let plain = minimum.map_or(Ok(None), |_| compression::decompressed(request));
                let outcome = match &plain {
                    Ok(plain) => {
                        let request = plain.as_deref().unwrap_or(request);
                        // Boxed: whoever awaits this call makes a future of the sum, and moves it when it begins.
                        Box::pin(serve(inner, request, door, served, path, told)).await
                    }
                    Err(why) => Err(undecodable(why)),
                };
                let outcome = match outcome {
                    Ok(Replied { head, rest: Some(rest) }) => {
                        let response = named(head, request);
                        trace.status = response.status;
                        trace.api_id.clone_from(&request.api_id);
                        let (stage, canary) = (found.clone(), served.is_canary);
                        let (inner, head, told) = (inner.clone(), response.clone(), trace.clone());
                        let request = client_request;
                        let stream =
                            Stream { inner, stage, canary, request, head, trace, admitted, journal, rest };
                        return Handled { response, trace: told, stream: Some(Box::new(stream)) };
                    }
                    Ok(Replied { head, rest: None }) => Ok(head),
                    Err(failure) => Err(failure),
                };
                let mut response =
                    finish(request, outcome, Some((served, &admitted)), &mut journal, &mut trace);
                if let Some(minimum) = minimum.filter(|_| trace.why.is_none()) {
                    Box::pin(compression::compress(minimum, request, &mut response)).await;
                }
                if trace.why.is_some() {
                    trace.changes_since_deployment = changes_since(inner, served);
                }
                write_log(inner, request, served, journal);
                tell(
                    inner,
                    served,
                    &Answered { request, response: &response, trace: &trace, admitted: &admitted },
                );
                trace.api_id = std::mem::take(&mut client_request.api_id);
                return Handled { response, trace, stream: None };
            }
            Err(why) => internal(why.clone()),
        },
        Ok(None) => match inner.stages.no_stage(&inner.store, &request.api_id, stage) {
            Ok(why) => Failure::new(GatewayResponse::forbidden(), why),
            Err(error) => internal(store_failed(&error)),
        },
        Err(error) => internal(store_failed(&error)),
    };
    trace.stage = stage.into();
    let response = finish(request, Err(response), None, &mut journal, &mut trace);
    trace.api_id = client_request.api_id;
    Handled { response, trace, stream: None }
}

/// A number from 0 to 100; 0 when the system has no randomness.
fn chance() -> f64 {
    f64::from(u32::from_le_bytes(super::random::random())) / (f64::from(u32::MAX) + 1.0) * 100.0
}

/// A body whose coding is not known, or that is not coded as it says (guide, "Call an API method with a compressed
/// payload").
fn undecodable(why: &Undecodable) -> Box<Failure> {
    match why {
        Undecodable::Coding(content_encoding) => Failure::new(
            GatewayResponse::unsupported_media_type(),
            Why::ContentEncoding { content_encoding: content_encoding.clone() },
        ),
        Undecodable::TooLarge => Failure::new(GatewayResponse::too_large(), Why::BodyTooLarge),
    }
}

/// The stage and the rest, which begins with one slash. Slashes before the stage are dropped, and so are all but one
/// behind it (recording test_lambda_aws_proxy_integration).
fn split(path: &str) -> (&str, &str) {
    let path = path.trim_start_matches('/');
    // Byte by byte, which is faster for paths this short than what `str` has for searching.
    match path.bytes().position(|byte| byte == b'/') {
        None => (path, "/"),
        Some(at) => {
            let rest = &path[at..];
            let slashes = rest.bytes().take_while(|byte| *byte == b'/').count();
            (&path[..at], &rest[slashes - 1..])
        }
    }
}

async fn serve(
    inner: &Inner,
    request: &ClientRequest,
    door: &dyn FrontDoor,
    served: &Served,
    path: &str,
    (journal, trace, admitted): (&mut Journal, &mut GatewayTrace, &mut Admitted),
) -> Result<Replied, Box<Failure>> {
    let api = &*served.api;
    trace.deployment = Some(api.facts.clone());
    journal.level = served.default_level;
    // A custom domain stays open: closing the API's own host is what the switch is for.
    if api.disabled && request.custom_domain.is_none() {
        return Err(Failure::new(GatewayResponse::forbidden(), Why::EndpointDisabled));
    }
    // Guide, "Invoke a private API" and, of others, "API Gateway issues with private DNS": 403 both ways.
    let private = api.facts.endpoint_type == "PRIVATE";
    if private != request.vpc_endpoint.is_some() {
        let why = Why::VpcEndpoint { through: request.vpc_endpoint.clone() };
        return Err(Failure::new(GatewayResponse::forbidden(), why));
    }
    if let Some(domain) = request.custom_domain.as_ref().and_then(|domain| domain.private.as_deref()) {
        entrance::through_domain(door, request, domain)?;
    }
    let size = request.head_size();
    if size > MAX_HEAD {
        return Err(Failure::new(GatewayResponse::head_too_large(), Why::HeadTooLarge { size }));
    }
    if request.body_too_large || request.body.len() > MAX_BODY {
        return Err(Failure::new(GatewayResponse::too_large(), Why::BodyTooLarge));
    }
    let found = api.routes.find(path, &request.method);
    let Some((found, route)) = found.and_then(|m| api.methods.get(m.target).map(|r| (m, r))) else {
        let why = no_route(inner, served, path, &request.method);
        return Err(Failure::new(GatewayResponse::missing_authentication_token(), why));
    };
    let settings = served.settings.get(found.target).copied().unwrap_or_default();
    journal.level = settings.level;
    trace.route = Some(route.facts.clone());
    trace.method = Some(found.target);
    journal.info(|| format!("Extended Request Id: {}", request.extended_request_id));
    let values = found.variables.iter().map(|span| path.get(span.clone()).unwrap_or_default());
    let mut call = MethodCall {
        request,
        api,
        route,
        stage: &served.stage,
        variables: &served.variables,
        path,
        context_path: request.context_path(),
        path_parameters: route.variables.iter().map(|n| &**n).zip(values).collect(),
        caller: None,
        authorizer: None,
        key: None,
        certificate: served.certificate.clone(),
        canary: served.for_canary(),
        test: false,
        met: Met::default(),
    };
    let let_in = entrance::admit(inner, door, &mut call, journal, trace).await;
    admitted.caller.clone_from(&call.caller);
    admitted.authorizer.clone_from(&call.authorizer);
    let_in?;
    usage_plan::admit(inner, &mut call, admitted, settings.limit, journal)?;
    // What is streamed is not kept (guide, "Stream the integration response").
    let caching = settings.caching.filter(|_| !route.facts.streamed);
    let (Some(caching), Some(key)) = (caching, &route.cache_key) else {
        return integrate::run(&*inner.backend, &call, journal, trace).await;
    };
    match response_cache::look_up(&inner.responses, caching, key, served.cache_area, &call, door)? {
        Lookup::Hit(response) => {
            trace.cache = Some(CacheResult::Hit);
            Ok(response.into())
        }
        Lookup::Miss { key, warn } => {
            trace.cache = Some(CacheResult::Miss);
            let mut reply = integrate::run(&*inner.backend, &call, journal, trace).await?;
            let kept = (key, warn);
            response_cache::keep(&inner.responses, caching, kept, &mut reply.head, request.now_ms);
            Ok(reply)
        }
    }
}

/// With the headers that name the request.
fn named(mut response: ClientResponse, request: &ClientRequest) -> ClientResponse {
    for (name, id) in
        [("x-amzn-RequestId", &request.request_id), ("x-amz-apigw-id", &request.extended_request_id)]
    {
        let name = Bytes::from_static(name.as_bytes());
        response.headers.push((name, Bytes::copy_from_slice(id.as_bytes())));
    }
    response
}

/// Of the route that is found, if one is.
fn path_parameters<'a>(
    served: &'a Served,
    request: &ClientRequest,
    path: &'a str,
) -> Vec<(&'a str, &'a str)> {
    let Some(found) = served.api.routes.find(path, &request.method) else { return Vec::new() };
    let Some(route) = served.api.methods.get(found.target) else { return Vec::new() };
    let values = found.variables.into_iter().map(|span| path.get(span).unwrap_or_default());
    route.variables.iter().map(|n| &**n).zip(values).collect()
}

/// The headers that every answer has, the log's last line, and the trace's results.
fn finish(
    request: &ClientRequest,
    outcome: Outcome,
    by: Option<(&Served, &Admitted)>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> ClientResponse {
    let response = match outcome {
        Ok(response) => {
            let response = named(response, request);
            journal.info(|| format!("Method completed with status: {}", response.status));
            response
        }
        Err(failure) => {
            let Failure { response, why, trace_id } = *failure;
            trace.response_type = Some(response.kind);
            trace.why = Some(why);
            trace.error_message = response.message();
            let mut sent =
                response.to_response(&request.request_id, &request.extended_request_id, trace_id.as_deref());
            if let Some((served, admitted)) = by.filter(|(served, _)| !served.api.responses.is_empty()) {
                let plain = sent.clone();
                let call = Answered { request, response: &plain, trace, admitted };
                let (_, path) = split(&request.path);
                let variables = &served.variables;
                let names = Names {
                    call: &call,
                    variables,
                    path_parameters: &path_parameters(served, request, path),
                };
                served.api.responses.apply(&response, &names, &mut sent, journal);
            }
            journal.error(|| format!("Method completed with status: {}", sent.status));
            sent
        }
    };
    if let Some((served, _)) = by {
        log_ids(journal, trace, served, &response);
    }
    trace.status = response.status;
    trace.latency_ms = journal.elapsed_ms();
    response
}

/// The log's last lines, after successes and failures (published logs of both); the second where X-Ray traces the stage.
pub(super) fn log_ids(
    journal: &mut Journal,
    trace: &GatewayTrace,
    served: &Served,
    response: &ClientResponse,
) {
    if let Some(id) = &trace.integration_request_id {
        journal.info(|| format!("AWS Integration Endpoint RequestId : {id}"));
    }
    if served.traced
        && let Some(root) = response.header("x-amzn-trace-id").and_then(TraceId::root_of)
    {
        journal.info(|| format!("X-ray Tracing ID : {root}"));
    }
}

/// Counts the call and writes the access log. Both only touch memory; the log's events are stored with others, off the
/// request's path.
pub(super) fn tell(inner: &Inner, served: &Served, call: &Answered<'_>) {
    let trace = call.trace;
    served.metrics.add(trace);
    if let Some(series) = trace.method.and_then(|at| served.method_metrics.get(at)?.as_ref()) {
        series.add(trace);
    }
    if let Some(text) = served.untold() {
        inner.logs.warn(text);
    }
    if let Some(log) = &served.access_log {
        let facts = &served.api.facts;
        let lines = vec![(call.request.now_ms, log.line(call))];
        inner.logs.execution_log(&facts.account, &facts.region, &log.group, &served.log_stream, lines);
    }
}

pub(super) fn write_log(inner: &Inner, request: &ClientRequest, served: &Served, journal: Journal) {
    if journal.level == Level::Off {
        return;
    }
    let lines = journal.into_events(&request.request_id);
    if !lines.is_empty() {
        let facts = &served.api.facts;
        inner.logs.execution_log(&facts.account, &facts.region, &served.log_group, &served.log_stream, lines);
    }
}

/// Changes to the API since the stage's deployment was made; `None` when there are none.
fn changes_since(inner: &Inner, served: &Served) -> Option<u64> {
    let facts = &served.api.facts;
    let now = inner.stages.api(&inner.store, &facts.api_id).ok()??;
    now.change_count.checked_sub(facts.change_count).filter(|n| *n > 0)
}

fn no_route(inner: &Inner, served: &Served, path: &str, method: &str) -> Why {
    let facts = &served.api.facts;
    let (path_text, method_text) = (path.to_owned(), method.to_owned());
    let present = inner.stages.present(&inner.store, &facts.api_id).ok().flatten();
    if let Some(present) = present
        && present.find(path, method).is_some()
    {
        return Why::NotDeployed {
            path: path_text,
            method: method_text,
            resource_path: present.find_path(path).map(|(template, _)| template).unwrap_or_default(),
            changes_since: changes_since(inner, served).unwrap_or(0),
        };
    }
    let routes = &served.api.routes;
    Why::NoRoute {
        matched: routes.find_path(path),
        nearest: arn::nearest(path, routes.templates()).map(str::to_owned),
        path: path_text,
        method: method_text,
    }
}

fn internal(why: Why) -> Box<Failure> {
    Failure::new(GatewayResponse::internal(ResponseType::Default5xx, 500), why)
}

fn store_failed(error: &StoreError) -> Why {
    Why::Configuration { detail: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_around_the_stage_collapse() {
        for (path, expected) in [
            ("/test/a/b", ("test", "/a/b")),
            ("/test//a", ("test", "/a")),
            ("//test/a", ("test", "/a")),
            ("/test", ("test", "/")),
            ("/test/", ("test", "/")),
            ("/", ("", "/")),
            ("", ("", "/")),
            ("/test/a//b/", ("test", "/a//b/")),
        ] {
            assert_eq!(split(path), expected, "{path}");
        }
    }
}
