//! HTTP and HTTP_PROXY integrations.

use std::time::Duration;

use arn::TraceId;
use bytes::Bytes;
use vtl::Overrides;

use super::answer::Answers;
use super::backend::Backend;
use super::call::MethodCall;
use super::client::ClientResponse;
use super::compile::{Credentials, Requests, Target};
use super::content::{self, Handling};
use super::endpoint::{EndpointAnswer, EndpointError, EndpointRequest, EndpointStream, ServiceCall};
use super::endpoint_log;
use super::gateway_response::{GatewayResponse, ResponseType};
use super::headers::{is_proxied, is_sent, passed};
use super::http_parameters::{Parameter, Parameters};
use super::http_uri::{BadUri, HttpUri, add_query};
use super::integrate::{
    Failure, Outcome, Replied, answer_fault, call_as, mapped_body, no_answer, undecodable,
};
use super::journal::Journal;
use super::lambda_stream;
use super::mapping::BackendAnswer;
use super::service::{self, NoService, Service};
use super::stream::{Bounds, Rest};
use super::trace::{GatewayTrace, StreamFacts, Why};
use super::uri::WithVariables;
use crate::model::{Integration, Method};

/// A compiled HTTP integration.
pub(super) struct Http {
    place: Place,
    /// `None`: the client's own verb (`ANY`).
    method: Option<String>,
    parameters: Vec<Parameter>,
    timeout: Duration,
    any_issuer: bool,
    handling: Handling,
    /// The answer is passed on as it comes; HTTP_PROXY alone.
    streamed: bool,
    /// `None` for HTTP_PROXY.
    mapping: Option<Mapping>,
}

/// What is called.
enum Place {
    Endpoint(HttpUri),
    /// An AWS API, which is called for someone.
    Service(Service, HttpUri),
    /// The same, with stage variables in its ARN.
    Variable(WithVariables, Credentials),
}

/// The transformations of an HTTP integration.
struct Mapping {
    requests: Requests,
    answers: Answers,
}

/// Compiles an integration of type HTTP or HTTP_PROXY.
pub(super) fn compile(method: &Method, integration: &Integration) -> Target {
    let member = |name: &str| integration.rest.get(name);
    if member("connectionType").and_then(|v| v.as_str()) == Some("VPC_LINK") {
        let link = member("connectionId").and_then(|v| v.as_str()).unwrap_or_default();
        return Target::NotSupported(format!(
            "private integrations: the integration goes through the VPC link `{link}`, and there is no VPC here; with \
             the connection type INTERNET the same URI is called directly"
        ));
    }
    let Some(uri) = integration.uri.as_deref() else {
        return Target::Broken("the integration has no URI".to_owned());
    };
    target(method, integration, Place::Endpoint(HttpUri::parse(uri)))
}

/// Compiles an integration of type AWS with another service than a function: to the gateway it is an HTTP endpoint that
/// wants a caller.
pub(super) fn compile_service(
    method: &Method,
    integration: &Integration,
    credentials: Credentials,
) -> Target {
    let uri = integration.uri.as_deref().unwrap_or_default();
    if uri.contains("${stageVariables.") {
        return target(method, integration, Place::Variable(WithVariables::parse(uri), credentials));
    }
    match service::parse(uri, credentials) {
        Ok((service, url)) => target(method, integration, Place::Service(service, HttpUri::parse(&url))),
        Err(NoService::NotHere(what)) => Target::NotSupported(what),
        Err(NoService::Broken(detail)) => Target::Broken(detail),
    }
}

fn target(method: &Method, integration: &Integration, place: Place) -> Target {
    let parameters = match Parameter::compile(&integration.request_parameters) {
        Ok(parameters) => parameters,
        Err(broken) => return Target::Broken(broken),
    };
    let mapping = if integration.kind != "HTTP_PROXY" {
        match Answers::compile(integration, method) {
            Ok(answers) => Some(Mapping { requests: Requests::new(integration), answers }),
            Err(broken) => return Target::Broken(broken),
        }
    } else {
        None
    };
    let skip = integration.rest.get("tlsConfig").and_then(|t| t.get("insecureSkipVerification"));
    Target::Http(Box::new(Http {
        place,
        method: integration.http_method.clone().filter(|m| m != "ANY"),
        parameters,
        timeout: Duration::from_millis(u64::from(integration.timeout_in_millis.clamp(50, 900_000))),
        any_issuer: skip.and_then(serde_json::Value::as_bool).unwrap_or(false),
        handling: Handling::parse(integration.content_handling.as_deref()),
        streamed: integration.is_streamed() && mapping.is_none(),
        mapping,
    }))
}

/// Runs the integration.
pub(super) async fn run(
    backend: &dyn Backend,
    target: &Http,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<Replied, Box<Failure>> {
    let id = call.trace_id();
    let filled;
    let (uri, service) = match &target.place {
        Place::Endpoint(uri) => (uri, None),
        Place::Service(service, uri) => (uri, Some(service)),
        Place::Variable(text, credentials) => {
            filled = named_service(text, credentials, call, journal)?;
            (&filled.1, Some(&filled.0))
        }
    };
    let (request, overrides) = request(target, (uri, service.is_some()), call, id, journal)?;
    endpoint_log::request(&request, journal);
    let url = request.url.clone();
    if target.streamed {
        return streamed(backend, target, call, request, journal, trace).await;
    }
    let sending = match service {
        None => backend.send(request),
        Some(service) => backend.call_service(service_call(service, call, request, journal)?),
    };
    let began = journal.elapsed_ms();
    let result = tokio::time::timeout(target.timeout, sending).await;
    let latency = journal.elapsed_ms() - began;
    trace.integration_latency_ms = Some(latency);
    let answer = match result {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => return Err(failed(error, &url, journal)),
        Err(_) => {
            journal.error(|| "Execution failed due to a timeout error".to_owned());
            let after_ms = u64::try_from(target.timeout.as_millis()).unwrap_or(u64::MAX);
            return Err(Failure::new(GatewayResponse::timed_out(), Why::Timeout { after_ms }));
        }
    };
    trace.integration_status = Some(answer.status);
    if let Some(id) = request_id(&answer.headers) {
        trace.integration_request_id = Some(id.clone());
        let _ = call.met.request_id.set(id);
    }
    endpoint_log::answer(&answer, latency, journal);
    let response = match &target.mapping {
        None => proxied(answer, call, journal),
        Some(mapping) => mapped(mapping, (answer, overrides), call, id, journal),
    };
    response.map(Replied::from)
}

/// Guide, "Variables for access logging", `awsEndpointRequestId`: from either of two headers.
fn request_id(headers: &[(Bytes, Bytes)]) -> Option<String> {
    let of = |wanted: &str| headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
    let (_, value) = of("x-amzn-requestid").or_else(|| of("x-amz-request-id"))?;
    let text = std::str::from_utf8(value).ok()?;
    (!text.is_empty() && text.len() <= 256).then(|| text.to_owned())
}

/// Status and headers of an answer whose body is passed on as it comes, and as it is: no media type is converted.
async fn streamed(
    backend: &dyn Backend,
    target: &Http,
    call: &MethodCall<'_>,
    request: EndpointRequest,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<Replied, Box<Failure>> {
    let url = request.url.clone();
    let bounds = Bounds::new(target.timeout, call.api.idle);
    let result = tokio::time::timeout_at(bounds.next(), backend.send_streaming(request)).await;
    let headers_ms = bounds.elapsed_ms();
    trace.integration_latency_ms = Some(headers_ms);
    let EndpointStream { status, headers, pieces } = match result {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(failed(error, &url, journal)),
        Err(_) => return Err(lambda_stream::too_late(&bounds, journal)),
    };
    trace.integration_status = Some(status);
    trace.stream = Some(StreamFacts { headers_ms, ..StreamFacts::default() });
    endpoint_log::head(status, &headers, headers_ms, journal);
    let head = ClientResponse { status, headers: passed_headers(headers), body: Bytes::new() };
    let rest = Rest { first: Bytes::new(), pieces, bounds, invocation_id: String::new() };
    Ok(Replied { head, rest: Some(rest) })
}

/// The service that an ARN names when its stage variables are filled in.
fn named_service(
    text: &WithVariables,
    credentials: &Credentials,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Result<(Service, HttpUri), Box<Failure>> {
    let (uri, missing) = text.fill(call.variables);
    if let Some(name) = missing {
        return Err(invalid_address(BadUri::Variable(name.to_owned()), journal));
    }
    match service::parse(&uri, credentials.clone()) {
        Ok((service, url)) => Ok((service, HttpUri::parse(&url))),
        Err(NoService::NotHere(what)) => Err(Failure::not_supported(journal, what)),
        Err(NoService::Broken(detail)) => {
            Err(Failure::configuration(journal, &detail.clone(), Why::Configuration { detail }))
        }
    }
}

/// Recording test_failed_invoke_test_method.
fn invalid_address(bad: BadUri, journal: &mut Journal) -> Box<Failure> {
    let why = Why::Configuration { detail: bad.to_string() };
    Failure::configuration(journal, "Invalid endpoint address", why)
}

fn service_call(
    service: &Service,
    call: &MethodCall<'_>,
    request: EndpointRequest,
    journal: &mut Journal,
) -> Result<ServiceCall, Box<Failure>> {
    if matches!(service.credentials, Credentials::Service) {
        let detail = format!(
            "the integration calls {} as nobody: it needs `credentials`, the role to call it with",
            service.name
        );
        return Err(Failure::configuration(journal, &detail.clone(), Why::Configuration { detail }));
    }
    Ok(ServiceCall {
        service: service.name.clone(),
        region: service.region.clone(),
        action: service.action.clone(),
        call_as: call_as(&service.credentials, call, &call.source_arn(""), journal)?,
        request_id: call.request.request_id.clone(),
        request,
    })
}

fn request(
    target: &Http,
    (uri, is_service): (&HttpUri, bool),
    call: &MethodCall<'_>,
    id: &TraceId,
    journal: &mut Journal,
) -> Result<(EndpointRequest, Overrides), Box<Failure>> {
    let (body, overrides) = match &target.mapping {
        None => {
            let binary = call.api.binary.request(call.request.header("content-type"));
            let body = content::request(&call.request.body, binary, target.handling);
            (body.map_err(|()| undecodable(journal))?, Overrides::default())
        }
        Some(mapping) => {
            let made = mapped_body(&mapping.requests, call, journal)?;
            (made.body, made.overrides)
        }
    };
    let parameters = Parameters::of(&target.parameters, &overrides, call);
    let own = if is_service { &FORBIDDEN_OF_AWS[..] } else { &FORBIDDEN[..] };
    let forbidden = |(name, _): &&(String, _)| own.iter().any(|f| name.eq_ignore_ascii_case(f));
    if let Some((name, _)) = parameters.headers.iter().find(forbidden) {
        let detail = format!("a request parameter may not set the header `{name}`");
        // The status is recorded (TestApiGatewayHeaderRemapping), the line is not.
        return Err(Failure::configuration(journal, &detail.clone(), Why::Configuration { detail }));
    }
    let request = EndpointRequest {
        method: target.method.clone().unwrap_or_else(|| call.request.method.to_string()),
        url: url((uri, target.mapping.is_none()), call, &parameters, journal)?,
        headers: headers(target, call, id, parameters, !body.is_empty()),
        body,
        timeout: target.timeout,
        any_issuer: target.any_issuer,
        client_certificate: call.certificate.clone(),
    };
    Ok((request, overrides))
}

fn url(
    (uri, passes_query): (&HttpUri, bool),
    call: &MethodCall<'_>,
    parameters: &Parameters,
    journal: &mut Journal,
) -> Result<String, Box<Failure>> {
    let filled = uri.fill(call.variables, &parameters.path);
    let mut url = filled.map_err(|bad| invalid_address(bad, journal))?;
    if passes_query {
        // HTTP_PROXY passes the query on; what is mapped takes the place of a client's own.
        let query = call.query();
        let own = |name: &str| !parameters.query.iter().any(|(n, _)| n == name);
        let kept = query.iter().filter(|(name, _)| own(name));
        add_query(&mut url, kept.flat_map(|(name, values)| values.iter().map(move |v| (&**name, &**v))));
    }
    let mapped = parameters.query.iter();
    add_query(&mut url, mapped.flat_map(|(name, values)| values.iter().map(move |v| (&**name, &**v))));
    Ok(url)
}

/// Headers that a mapping may not set: the call is answered with 500
/// (recording TestApiGatewayHeaderRemapping, for all types of integration).
const FORBIDDEN: [&str; 2] = ["content-length", "transfer-encoding"];
/// The same of AWS and AWS_PROXY.
pub(super) const FORBIDDEN_OF_AWS: [&str; 7] = [
    "content-length",
    "transfer-encoding",
    "authorization",
    "connection",
    "expect",
    "proxy-authenticate",
    "te",
];

fn headers(
    target: &Http,
    call: &MethodCall<'_>,
    id: &TraceId,
    parameters: Parameters,
    has_body: bool,
) -> Vec<(String, Bytes)> {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let api = &call.api.facts.api_id;
    let mut out: Vec<(String, Bytes)> = Vec::with_capacity(call.request.headers.len() + 8);
    if target.mapping.is_none() {
        let signed = |value: &str| value.starts_with("AWS4-HMAC-SHA256");
        for (name, values) in call.headers() {
            if !is_proxied(&name) {
                continue;
            }
            for value in values {
                // A signature was for API Gateway and stays there (guide, "Important notes").
                if name.eq_ignore_ascii_case("authorization") && (signed(&value) || call.caller.is_some()) {
                    continue;
                }
                out.push((name.to_string(), bytes(&value)));
            }
        }
    } else {
        // Recording test_http_integration_with_lambda[HTTP].
        out.push(("Accept".to_owned(), Bytes::from_static(b"application/json")));
        if has_body {
            out.push((
                "Content-Type".to_owned(),
                bytes(call.request.header("content-type").unwrap_or("application/json")),
            ));
        }
        out.push(("X-Amzn-Trace-Id".to_owned(), bytes(&id.request)));
    }
    out.retain(|(n, _)| !n.eq_ignore_ascii_case("x-amzn-apigateway-api-id"));
    out.push(("x-amzn-apigateway-api-id".to_owned(), bytes(api)));
    for (name, values) in parameters.headers.into_iter().filter(|(name, _)| is_sent(name)) {
        out.retain(|(n, _)| !n.eq_ignore_ascii_case(&name));
        out.extend(values.into_iter().map(|value| (name.clone(), Bytes::from(value))));
    }
    if !out.iter().any(|(n, _)| n.eq_ignore_ascii_case("user-agent")) {
        out.push(("User-Agent".to_owned(), bytes(&format!("AmazonAPIGateway_{api}"))));
    }
    out
}

/// The endpoint's answer as it is, but for headers that the gateway sets itself: those come out under other names
/// (recordings test_http_integration_with_lambda[HTTP_PROXY], TestApiGatewayHeaderRemapping).
fn proxied(answer: EndpointAnswer, call: &MethodCall<'_>, journal: &mut Journal) -> Outcome {
    let header = |name: &str| {
        let found = answer.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()));
        found.and_then(|(_, v)| std::str::from_utf8(v).ok())
    };
    // A coded body is not text, whatever its type.
    let coded = header("content-encoding").is_some_and(|c| !c.trim().eq_ignore_ascii_case("identity"));
    let body = if coded {
        answer.body.clone()
    } else {
        let binary = call.api.binary.media_type(header("content-type"));
        let accepted = call.api.binary.response(call.request.header("accept"));
        content::response(&answer.body, binary, accepted, Handling::None)
            .map_err(|()| undecodable(journal))?
    };
    Ok(ClientResponse { status: answer.status, headers: passed_headers(answer.headers), body })
}

fn passed_headers(of_answer: Vec<(Bytes, Bytes)>) -> Vec<(Bytes, Bytes)> {
    let mut headers = Vec::with_capacity(of_answer.len() + 2);
    for (name, value) in of_answer {
        let own = ["x-amzn-requestid", "x-amz-apigw-id"];
        let name = match own.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes())) {
            true => Some(Bytes::from([b"x-amzn-Remapped-".as_slice(), &name].concat())),
            false => passed(name),
        };
        headers.extend(name.map(|name| (name, value)));
    }
    if !headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(b"content-type")) {
        headers.push((Bytes::from_static(b"Content-Type"), Bytes::from_static(b"application/json")));
    }
    headers
}

/// The answer that the status selects.
fn mapped(
    mapping: &Mapping,
    (answer, overrides): (EndpointAnswer, Overrides),
    call: &MethodCall<'_>,
    id: &TraceId,
    journal: &mut Journal,
) -> Outcome {
    let EndpointAnswer { status, headers, body } = answer;
    let Some(index) = mapping.answers.for_status(status) else { return Err(no_answer(journal, status)) };
    let handling = mapping.answers.handling(index);
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<_> = headers.iter().map(|(name, value)| (text(name), text(value))).collect();
    let media_type = headers.iter().find(|(n, _)| n.eq_ignore_ascii_case("content-type"));
    let binary = call.api.binary.media_type(media_type.map(|(_, v)| v.as_str()));
    let accepted = call.api.binary.response(call.request.header("accept"));
    let body = content::response(&body, binary, accepted, handling).map_err(|()| undecodable(journal))?;
    let answer = BackendAnswer { headers, body, overrides };
    let mut response =
        mapping.answers.render(index, call, &answer).map_err(|fault| answer_fault(journal, fault))?;
    response.headers.push((Bytes::from_static(b"X-Amzn-Trace-Id"), Bytes::from(id.response.clone())));
    Ok(response)
}

fn failed(error: EndpointError, url: &str, journal: &mut Journal) -> Box<Failure> {
    match error {
        // Recording test_failed_invoke_test_method.
        EndpointError::Address(detail) => {
            Failure::configuration(journal, "Invalid endpoint address", Why::Configuration { detail })
        }
        EndpointError::Tls(text) => {
            let detail = format!("TLS with {url} failed: {text}");
            Failure::configuration(journal, &text, Why::Configuration { detail })
        }
        EndpointError::Network(detail) => {
            // Line and body published by many.
            journal
                .error(|| "Execution failed due to a network error communicating with endpoint".to_owned());
            Failure::new(GatewayResponse::network_error(), Why::EndpointFailed { detail })
        }
        EndpointError::Role(detail) => {
            // Published by its owner.
            let log = "API Gateway does not have permission to assume the provided role";
            Failure::configuration(journal, log, Why::Configuration { detail })
        }
        EndpointError::TooLarge => {
            let detail =
                format!("the answer of {url} is longer than 10 MB, which is all that API Gateway passes on");
            // Reasoning: the bound is documented, neither line nor status is recorded.
            journal.error(|| "Execution failed due to configuration error: Integration response of reported length is larger than allowed maximum of 10485760 bytes.".to_owned());
            Failure::new(
                GatewayResponse::internal(ResponseType::ApiConfigurationError, 500),
                Why::EndpointFailed { detail },
            )
        }
    }
}
