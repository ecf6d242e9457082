//! From a method to its integration and back.

use arn::TraceId;
use bytes::Bytes;

use super::Backend;
use super::answer::AnswerFault;
use super::backend::{CallAs, LambdaAnswer, LambdaInvocation};
use super::call::MethodCall;
use super::client::ClientResponse;
use super::compile::{
    Credentials, Lambda, Mapping, Mock, MockFault, Requests, Target, Uri, mock_status, of_mode,
};
use super::content::{self, Handling};
use super::event::proxy_event;
use super::gateway_response::{GatewayResponse, ResponseType};
use super::http;
use super::journal::{Journal, braces, date};
use super::lambda_authorizer::masked;
use super::lambda_failure::{backend_error, error_members, function_failed, timed_out};
use super::lambda_stream;
use super::mapping::BackendAnswer;
use super::proxy_answer::{self, BadAnswer};
use super::stream::Rest;
use super::template::Rendered;
use super::trace::{GatewayTrace, Why};
use super::uri::LambdaUri;
use vtl::Overrides;

/// A call that ends in a gateway response.
pub(super) struct Failure {
    pub response: GatewayResponse,
    pub why: Why,
    /// The trace id that goes to the client: there is one as soon as the integration was asked.
    pub trace_id: Option<String>,
}

impl Failure {
    pub fn new(response: GatewayResponse, why: Why) -> Box<Self> {
        Box::new(Self { response, why, trace_id: None })
    }

    /// A 500 with `Execution failed due to configuration error: …` in the log.
    pub fn configuration(journal: &mut Journal, log: &str, why: Why) -> Box<Self> {
        journal.error(|| format!("Execution failed due to configuration error: {log}"));
        Self::new(GatewayResponse::internal(ResponseType::ApiConfigurationError, 500), why)
    }

    pub fn not_supported(journal: &mut Journal, what: String) -> Box<Self> {
        Self::configuration(journal, &what.clone(), Why::NotSupported { what })
    }

    fn with_trace(mut self: Box<Self>, id: &TraceId) -> Box<Self> {
        // The root alone, as published responses of failed integrations have it.
        self.trace_id = Some(format!("Root={}", id.root));
        self
    }
}

pub(super) type Outcome = Result<ClientResponse, Box<Failure>>;

/// What an integration answered.
pub(super) struct Replied {
    pub head: ClientResponse,
    /// Of an answer that is passed on as it comes: its body, which the head has not.
    pub rest: Option<Rest>,
}

impl From<ClientResponse> for Replied {
    fn from(head: ClientResponse) -> Self {
        Self { head, rest: None }
    }
}

/// Runs the method's integration.
pub(super) async fn run(
    backend: &dyn Backend,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<Replied, Box<Failure>> {
    log_request(call, journal);
    call.route.validation.check(call, journal)?;
    let reply = match &call.route.integration {
        Target::Mock(target) => mock(target, call, journal)?.into(),
        // Boxed: a future is as large as its largest branch, and it is moved whole.
        Target::Lambda(target) => Box::pin(lambda(backend, target, call, journal, trace)).await?,
        Target::Http(target) => Box::pin(http::run(backend, target, call, journal, trace)).await?,
        Target::NotSupported(what) => return Err(Failure::not_supported(journal, what.clone())),
        Target::Broken(detail) => {
            return Err(Failure::configuration(
                journal,
                detail,
                Why::Configuration { detail: detail.clone() },
            ));
        }
    };
    let response = &reply.head;
    if reply.rest.is_none() {
        journal.trace(|| {
            format!("Method response body after transformations: {}", String::from_utf8_lossy(&response.body))
        });
    }
    journal.trace(|| {
        let headers = response
            .headers
            .iter()
            .rev()
            .filter_map(|(n, v)| Some((std::str::from_utf8(n).ok()?, std::str::from_utf8(v).ok()?)));
        format!("Method response headers: {}", braces(headers))
    });
    if reply.rest.is_none() {
        journal.info(|| "Successfully completed execution".to_owned());
    }
    Ok(reply)
}

fn log_request(call: &MethodCall<'_>, journal: &mut Journal) {
    let request = call.request;
    journal.info(|| format!("Starting execution for request: {}", request.request_id));
    // With a custom domain's base path (published logs).
    journal.info(|| format!("HTTP Method: {}, Resource Path: {}", request.method, call.event_path()));
    if let Some(key) = &call.key {
        journal.info(|| format!("API Key: {}", masked(&key.value)));
        journal.info(|| format!("API Key ID: {}", key.id));
    }
    journal.trace(|| format!("Method request path: {}", braces(call.path_parameters.iter().copied())));
    let last =
        |of: &super::call::Multi<'_>| braces(of.iter().filter_map(|(n, v)| Some((&**n, &**v.last()?))));
    journal.trace(|| format!("Method request query string: {}", last(&call.query())));
    journal.trace(|| {
        let mut headers = call.headers();
        // As published logs have both.
        for (name, values) in &mut headers {
            if ["authorization", "x-api-key"].iter().any(|secret| name.eq_ignore_ascii_case(secret)) {
                values.iter_mut().for_each(|value| *value = masked(value).into());
            }
        }
        format!("Method request headers: {}", last(&headers))
    });
    journal.trace(|| {
        format!("Method request body before transformations: {}", String::from_utf8_lossy(&request.body))
    });
}

fn unsupported_media(call: &MethodCall<'_>, templates: Vec<String>) -> Box<Failure> {
    let content_type = call.request.header("content-type").unwrap_or("application/json").to_owned();
    Failure::new(
        GatewayResponse::unsupported_media_type(),
        Why::UnsupportedMediaType { content_type, templates },
    )
}

/// The log's line is ours: what AWS writes of a template that it cannot run is not recorded.
fn template_failed(journal: &mut Journal, why: &str) -> Box<Failure> {
    let detail = format!("a mapping template failed: {why}");
    let log = format!("Unable to transform the body: {why}");
    Failure::configuration(journal, &log, Why::Configuration { detail })
}

pub(super) fn answer_fault(journal: &mut Journal, fault: AnswerFault) -> Box<Failure> {
    match fault {
        AnswerFault::Template(why) => template_failed(journal, &why),
        AnswerFault::Undeclared(status) => {
            let detail =
                format!("the integration response {status} has no method response of the same status");
            // AWS's knowledge centre quotes this line.
            let log = format!("Output mapping refers to an invalid method response: {status}");
            Failure::configuration(journal, &log, Why::Configuration { detail })
        }
    }
}

pub(super) fn no_answer(journal: &mut Journal, status: u16) -> Box<Failure> {
    let log = format!(
        "No match for output mapping and no default output mapping configured. Endpoint Response Status Code: {status}"
    );
    let detail = format!("no integration response matches {status}, and none is the default");
    Failure::configuration(journal, &log, Why::Configuration { detail })
}

fn mock(target: &Mock, call: &MethodCall<'_>, journal: &mut Journal) -> Outcome {
    let mut backend = BackendAnswer::default();
    let by_status = |text: &[u8]| match mock_status(text) {
        None => Err(MockFault::NoStatus),
        Some(status) => target.answers.for_status(status).ok_or(MockFault::NoAnswer(status)),
    };
    let selected = match target.requests.select(call.request.header("content-type")) {
        Err(()) => return Err(unsupported_media(call, target.requests.templates.names())),
        Ok(Some(index)) => {
            takes_text(&target.requests, call, journal)?;
            match target.selected.get(index).cloned().unwrap_or(Err(MockFault::NoStatus)) {
                Err(MockFault::Rendered) => {
                    let body = &call.request.body;
                    let rendered = rendered(&target.requests, index, body, call, journal)?;
                    backend.overrides = rendered.overrides;
                    by_status(&rendered.body)
                }
                known => known,
            }
        }
        // The body passes through and is read as a rendered template would be.
        Ok(None) => by_status(&call.request.body),
    };
    let index = match selected {
        Ok(index) => index,
        Err(MockFault::NoAnswer(status)) => return Err(no_answer(journal, status)),
        Err(MockFault::NoStatus | MockFault::Rendered) => {
            let detail = "the MOCK integration's request template does not render a `statusCode`, as in \
                          {\"statusCode\": 200}"
                .to_owned();
            // Published by many.
            let log = "statusCode should be an integer which defined in request template";
            return Err(Failure::configuration(journal, log, Why::Configuration { detail }));
        }
    };
    let response = target.answers.render(index, call, &backend);
    response.map_err(|fault| answer_fault(journal, fault))
}

/// The body that a request template makes.
fn rendered(
    requests: &Requests,
    index: usize,
    body: &[u8],
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Result<Rendered, Box<Failure>> {
    let Some((_, template)) = requests.templates.get(index) else { return Ok(Rendered::default()) };
    template.render(call, body, &Overrides::default()).map_err(|why| template_failed(journal, &why))
}

async fn lambda(
    backend: &dyn Backend,
    target: &Lambda,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    trace: &mut GatewayTrace,
) -> Result<Replied, Box<Failure>> {
    let filled;
    let uri = match &target.uri {
        Uri::Fixed(uri) => uri,
        Uri::Variable(text) => {
            filled = fill_uri(text, target.streamed, call, journal)?;
            &filled
        }
    };
    trace.function_arn = Some(uri.function_arn.clone());
    let source_arn = call.source_arn(&uri.function_arn);
    let id = call.trace_id();
    let Rendered { body: payload, overrides } = match &target.mapping {
        None => Rendered { body: proxy_event(call), ..Rendered::default() },
        Some(mapping) => mapped_body(&mapping.requests, call, journal)?,
    };
    if let Some(name) = target.forbidden(call) {
        let detail = format!("a request parameter may not set the header `{name}`");
        // The status is recorded (TestApiGatewayHeaderRemapping, both of AWS and AWS_PROXY), the line is not.
        return Err(Failure::configuration(journal, &detail.clone(), Why::Configuration { detail }));
    }
    let call_as = call_as(&target.credentials, call, &source_arn, journal)?;
    log_endpoint_request(call, journal, uri, &call_as, &payload);
    trace.source_arn = Some(source_arn);
    if let Some(method) = &target.wrong_method {
        // AWS answers 500 (recording test_lambda_aws_proxy_integration_non_post_method); the log's line is not
        // recorded, this one is reasoning: Lambda refuses other verbs for want of an operation to authorize.
        let detail = format!("the integration's HTTP method is {method}, and Lambda takes only POST");
        let log = "Invalid permissions on Lambda function";
        return Err(Failure::configuration(journal, log, Why::Configuration { detail }).with_trace(id));
    }
    let facts = &call.api.facts;
    let invocation = LambdaInvocation {
        function_arn: uri.function_arn.clone(),
        uri_region: uri.region.clone(),
        call_as,
        payload: if payload.is_empty() { Bytes::from_static(b"{}") } else { payload },
        request_id: call.request.request_id.clone(),
        async_event: target.mapping.as_ref().is_some_and(|m| is_event(m, call)),
        timeout: target.timeout,
        trace_header: id.response.clone(),
        api_id: facts.api_id.clone(),
        api_account: facts.account.clone(),
        api_region: facts.region.clone(),
    };
    if target.streamed {
        let reply = lambda_stream::run(backend, target, invocation, call, journal, trace).await;
        let mut reply = reply.map_err(|failure| failure.with_trace(id))?;
        complete(&mut reply.head, id.response.clone());
        return Ok(reply);
    }
    let began = journal.elapsed_ms();
    let result = tokio::time::timeout(target.timeout, backend.invoke(invocation)).await;
    let latency = journal.elapsed_ms() - began;
    trace.integration_latency_ms = Some(latency);
    let answer = match result {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            return Err(backend_error(error, target, call, journal).with_trace(id));
        }
        Err(_) => return Err(timed_out(target, journal).with_trace(id)),
    };
    trace.integration_status = Some(200);
    trace.integration_request_id = Some(answer.invocation_id.clone());
    let _ = call.met.request_id.set(answer.invocation_id.clone());
    log_endpoint_response(&answer, latency, id, call, journal);
    let made = match &target.mapping {
        None => proxy_response(&answer, call, journal),
        Some(mapping) => mapped_response(mapping, &answer, overrides, call, journal),
    };
    let mut response = made.map_err(|failure| failure.with_trace(id))?;
    complete(&mut response, id.response.clone());
    Ok(response.into())
}

/// The content type that an answer has when its function says none, and the trace id.
fn complete(response: &mut ClientResponse, trace_id: String) {
    let has = |name: &[u8]| response.headers.iter().any(|(n, _)| n.eq_ignore_ascii_case(name));
    let (content_type, traced) = (has(b"content-type"), has(b"x-amzn-trace-id"));
    if !content_type {
        response
            .headers
            .insert(0, (Bytes::from_static(b"Content-Type"), Bytes::from_static(b"application/json")));
    }
    if !traced {
        response.headers.push((Bytes::from_static(b"X-Amzn-Trace-Id"), Bytes::from(trace_id)));
    }
}

fn fill_uri(
    text: &super::uri::WithVariables,
    streamed: bool,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Result<LambdaUri, Box<Failure>> {
    let (uri, missing) = text.fill(call.variables);
    let detail = match (missing, LambdaUri::parse(&uri).and_then(|uri| of_mode(uri, streamed))) {
        (None, Ok(uri)) => return Ok(uri),
        (Some(name), _) => {
            format!(
                "the integration's URI needs the stage variable `{name}`, which stage {} does not set",
                call.stage
            )
        }
        (None, Err(broken)) => broken,
    };
    // Recorded for HTTP integrations (test_failed_invoke_test_method); the same for Lambda by reasoning.
    Err(Failure::configuration(journal, "Invalid endpoint address", Why::Configuration { detail }))
}

/// The integration request's body: what the template for the request's media type makes, or the body as it is.
pub(super) fn mapped_body(
    requests: &Requests,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Result<Rendered, Box<Failure>> {
    let media_type = call.request.header("content-type");
    let body = &call.request.body;
    let converted = |journal: &mut Journal| {
        let binary = call.api.binary.request(media_type);
        content::request(body, binary, requests.handling).map_err(|()| undecodable(journal))
    };
    match requests.select(media_type) {
        Err(()) => Err(unsupported_media(call, requests.templates.names())),
        Ok(None) => Ok(Rendered { body: converted(journal)?, ..Rendered::default() }),
        Ok(Some(index)) => {
            takes_text(requests, call, journal)?;
            rendered(requests, index, &converted(journal)?, call, journal)
        }
    }
}

/// Templates take text. AWS's line is published by many: with `*/*` among the binary types, preflights answered by MOCK
/// fail until their contentHandling is CONVERT_TO_TEXT.
fn takes_text(requests: &Requests, call: &MethodCall<'_>, journal: &mut Journal) -> Result<(), Box<Failure>> {
    let media_type = call.request.header("content-type");
    if content::is_text(call.api.binary.request(media_type), requests.handling) {
        return Ok(());
    }
    let detail = format!(
        "the body is binary ({}), and a mapping template takes text: set the integration's contentHandling to \
         CONVERT_TO_TEXT",
        match requests.handling {
            Handling::ToBinary => "contentHandling is CONVERT_TO_BINARY".to_owned(),
            _ => format!(
                "binaryMediaTypes has its Content-Type, {}",
                media_type.unwrap_or("none, which */* stands for as well")
            ),
        }
    );
    Err(Failure::configuration(journal, "Unable to transform request", Why::Configuration { detail }))
}

pub(super) fn undecodable(journal: &mut Journal) -> Box<Failure> {
    let detail = "the body is to be converted to binary, and is no base64".to_owned();
    // Published by many.
    let log = "Unable to base64 decode the body.";
    Failure::configuration(journal, log, Why::Configuration { detail })
}

fn is_event(mapping: &Mapping, call: &MethodCall<'_>) -> bool {
    let kind = mapping.invocation_type.as_ref().and_then(|s| s.value(call, &BackendAnswer::default()));
    kind.as_deref() == Some("Event")
}

pub(super) fn call_as(
    credentials: &Credentials,
    call: &MethodCall<'_>,
    source_arn: &str,
    journal: &mut Journal,
) -> Result<CallAs, Box<Failure>> {
    let account = &call.api.facts.account;
    match credentials {
        Credentials::Service => {
            Ok(CallAs::Service { source_arn: source_arn.to_owned(), source_account: account.clone() })
        }
        Credentials::Role(role) => Ok(CallAs::Role {
            role_arn: role.fill(call.variables).0,
            api_account: account.clone(),
            source_arn: source_arn.to_owned(),
        }),
        Credentials::Client => match &call.caller {
            Some(caller) => Ok(CallAs::Client(Box::new(caller.clone()))),
            None => {
                let detail =
                    "the integration is to be called with the client's own credentials, and the method asks \
                              for none: its authorization must be AWS_IAM"
                        .to_owned();
                // The line is not recorded; reasoning.
                let log = "Invalid permissions on Lambda function";
                Err(Failure::configuration(journal, log, Why::Configuration { detail }))
            }
        },
    }
}

/// Lines 07 to 10 of a recorded log (test_apigw_test_invoke_method_api). What stands in for the signature and the
/// token is stars: nothing secret is logged.
pub(super) fn log_endpoint_request(
    call: &MethodCall<'_>,
    journal: &mut Journal,
    uri: &LambdaUri,
    call_as: &CallAs,
    payload: &Bytes,
) {
    journal.trace(|| format!("Endpoint request URI: {}", uri.endpoint()));
    journal.trace(|| {
        let api = &call.api.facts.api_id;
        // Only calls of the service itself carry the source ARN (published logs).
        let source = match call_as {
            CallAs::Service { source_arn, .. } => format!(" X-Amz-Source-Arn={source_arn},"),
            _ => String::new(),
        };
        format!(
            "Endpoint request headers: {{x-amzn-lambda-integration-tag={}, Authorization={}, X-Amz-Date={}, \
             x-amzn-apigateway-api-id={api},{source} Accept=application/json, User-Agent=AmazonAPIGateway_{api}, \
             X-Amz-Security-Token={} [TRUNCATED]",
            call.request.request_id,
            "*".repeat(64),
            date(call.request.now_ms, "%Y%m%dT%H%M%SZ"),
            "*".repeat(64),
        )
    });
    journal.trace(|| {
        format!("Endpoint request body after transformations: {}", String::from_utf8_lossy(payload))
    });
    journal.trace(|| format!("Sending request to {}", uri.endpoint()));
}

fn log_endpoint_response(
    answer: &LambdaAnswer,
    latency: u64,
    id: &TraceId,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) {
    journal.trace(|| format!("Received response. Status: 200, Integration latency: {latency} ms"));
    journal.trace(|| {
        let length = answer.payload.len().to_string();
        let date = date(call.request.now_ms, "%a, %d %b %Y %H:%M:%S GMT");
        let mut headers = vec![
            ("Date", date.as_str()),
            ("Content-Type", "application/json"),
            ("Content-Length", &length),
            ("Connection", "keep-alive"),
            ("x-amzn-RequestId", &answer.invocation_id),
        ];
        if let Some(error) = &answer.function_error {
            headers.push(("X-Amz-Function-Error", error));
        }
        let trace = id
            .response
            .replace("Root=", "root=")
            .replace("Parent=", "parent=")
            .replace("Sampled=", "sampled=");
        headers.push(("x-amzn-Remapped-Content-Length", "0"));
        headers.push(("X-Amz-Executed-Version", &answer.executed_version));
        headers.push(("X-Amzn-Trace-Id", &trace));
        format!("Endpoint response headers: {}", braces(headers))
    });
    journal.trace(|| {
        format!("Endpoint response body before transformations: {}", String::from_utf8_lossy(&answer.payload))
    });
}

fn proxy_response(answer: &LambdaAnswer, call: &MethodCall<'_>, journal: &mut Journal) -> Outcome {
    if let Some(kind) = &answer.function_error {
        return Err(function_failed(kind, &answer.payload, &answer.invocation_id, journal));
    }
    let decode = call.api.binary.response(call.request.header("accept"));
    match proxy_answer::response(&answer.payload, decode) {
        Ok(response) => Ok(response),
        Err(BadAnswer::Malformed { reason, value }) => {
            journal.error(|| {
                "Execution failed due to configuration error: Malformed Lambda proxy response".to_owned()
            });
            Err(Failure::new(
                GatewayResponse::internal(ResponseType::Default5xx, 502),
                Why::MalformedProxyResponse { reason, value },
            ))
        }
        Err(BadAnswer::Undecodable) => {
            let reason =
                "`isBase64Encoded` is true, the client accepts a binary type, and `body` is no base64"
                    .to_owned();
            // 500 is recorded (test_aws_proxy_binary_response), the line is not; reasoning.
            journal.error(|| {
                "Execution failed due to configuration error: Unable to base64 decode the body.".to_owned()
            });
            Err(Failure::new(
                GatewayResponse::internal(ResponseType::ApiConfigurationError, 500),
                Why::MalformedProxyResponse {
                    reason,
                    value: proxy_answer::cut(&String::from_utf8_lossy(&answer.payload)),
                },
            ))
        }
    }
}

/// A function error is an answer like any other, chosen by its `errorMessage`
/// (recording test_lambda_selection_patterns).
fn mapped_response(
    mapping: &Mapping,
    answer: &LambdaAnswer,
    overrides: Overrides,
    call: &MethodCall<'_>,
    journal: &mut Journal,
) -> Outcome {
    let message = match answer.function_error {
        Some(_) => error_members(&answer.payload).1,
        None => None,
    };
    let Some(index) = mapping.answers.for_text(message.as_deref()) else {
        return Err(no_answer(journal, 200));
    };
    // Lambda's own headers, as far as an answer is logged with them.
    let headers = [
        ("Content-Type", "application/json"),
        ("x-amzn-RequestId", &answer.invocation_id),
        ("X-Amz-Executed-Version", &answer.executed_version),
        ("X-Amz-Function-Error", answer.function_error.as_deref().unwrap_or_default()),
    ];
    let backend = BackendAnswer {
        headers: headers
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: {
            let binary = call.api.binary.media_type(Some("application/json"));
            let accepted = call.api.binary.response(call.request.header("accept"));
            content::response(&answer.payload, binary, accepted, mapping.answers.handling(index))
                .map_err(|()| undecodable(journal))?
        },
        overrides,
    };
    let response = mapping.answers.render(index, call, &backend);
    response.map_err(|fault| answer_fault(journal, fault))
}
