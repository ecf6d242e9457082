//! Asking a Lambda authorizer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::authorizer::LambdaAuthorizer;
use super::authorizer_answer::{Answer, Identity, parse};
use super::backend::{Backend, BackendErrorKind, CallAs, LambdaInvocation};
use super::call::MethodCall;
use super::compile::of_mode;
use super::event::{authorizer_request_event, authorizer_token_event};
use super::gateway_response::GatewayResponse;
use super::integrate::{Failure, log_endpoint_request};
use super::journal::Journal;
use super::kept::Kept;
use super::trace::{AuthorizerFacts, Why};
use super::uri::LambdaUri;

/// Answers kept, over all APIs, and their bytes.
pub(super) const KEPT: (usize, usize) = (10_000, 16 << 20);
/// As long as an integration may take (quotas: 29 seconds; an authorizer's own is not documented, reasoning).
const TIMEOUT: Duration = Duration::from_secs(29);

/// What an authorizer said, and how long it took.
pub(super) type Said = Result<(Arc<Answer>, Arc<Identity>), Box<Failure>>;

/// Asks the authorizer about `call`, or finds what it said before about the same identity.
pub(super) async fn ask(
    backend: &dyn Backend,
    kept: &Kept<Answer>,
    authorizer: &LambdaAuthorizer,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    facts: &mut AuthorizerFacts,
) -> Said {
    let began = journal.elapsed_ms();
    let said = asked(backend, kept, authorizer, call, journal, facts).await;
    facts.latency_ms = Some(journal.elapsed_ms() - began);
    said
}

async fn asked(
    backend: &dyn Backend,
    kept: &Kept<Answer>,
    authorizer: &LambdaAuthorizer,
    call: &MethodCall<'_>,
    journal: &mut Journal,
    facts: &mut AuthorizerFacts,
) -> Said {
    journal
        .info(|| format!("Starting authorizer: {} for request: {}", authorizer.id, call.request.request_id));
    let identity = match authorizer.identity(call) {
        Ok(identity) => identity,
        Err(missing) => return Err(unauthorized(journal, format!("the request has no {missing}"))),
    };
    journal.info(|| format!("Incoming identity: {}", masked(&identity.join(","))));
    let token = identity.first().cloned().unwrap_or_default();
    if let Some(expression) =
        authorizer.validation.as_ref().filter(|e| authorizer.token && !e.is_match(&token))
    {
        let expression = expression.as_str();
        let detail = format!("the token does not match the identity validation expression {expression}");
        return Err(unauthorized(journal, detail));
    }
    let key = kept_under(authorizer, call, &identity);
    let now_ms = call.request.now_ms;
    if authorizer.ttl_ms > 0
        && let Some(answer) = kept.get(&key, now_ms)
    {
        facts.cached = true;
        log_success(journal, &answer);
        return Ok((answer.clone(), answer.identity.clone()));
    }
    let began = journal.elapsed_ms();
    let payload = invoke(backend, authorizer, call, &token, journal, facts).await?;
    let latency_ms = journal.elapsed_ms() - began;
    let answer = match parse(&payload, &authorizer.id) {
        Ok(answer) => Arc::new(answer),
        Err(broken) => return Err(failed(journal, &broken, None, broken.clone())),
    };
    log_success(journal, &answer);
    if authorizer.ttl_ms > 0 {
        kept.put(key, answer.clone(), payload.len(), now_ms, now_ms + authorizer.ttl_ms);
    }
    let said = &answer.identity;
    let identity = Identity {
        principal_id: said.principal_id.clone(),
        context: said.context.clone(),
        usage_key: said.usage_key.clone(),
        claims: Vec::new(),
        latency_ms,
    };
    Ok((answer, Arc::new(identity)))
}

/// Answers are kept by stage and authorizer, not by method: one policy serves every path (guide, "Configure a Lambda
/// authorizer": a cached policy applies to all methods). Lengths keep two identities apart that join to one text.
fn kept_under(authorizer: &LambdaAuthorizer, call: &MethodCall<'_>, identity: &[String]) -> String {
    let mut key = format!("{}/{}/{}", call.api.facts.api_id, call.stage, authorizer.id);
    for value in identity {
        key.push_str(&format!("/{}:{value}", value.len()));
    }
    key
}

async fn invoke(
    backend: &dyn Backend,
    authorizer: &LambdaAuthorizer,
    call: &MethodCall<'_>,
    token: &str,
    journal: &mut Journal,
    facts: &mut AuthorizerFacts,
) -> Result<Bytes, Box<Failure>> {
    let api = &call.api.facts;
    let (uri, missing) = authorizer.uri.fill(call.variables);
    let uri = match (missing, LambdaUri::parse(&uri).and_then(|uri| of_mode(uri, false))) {
        (None, Ok(uri)) => uri,
        (Some(name), _) => {
            let detail =
                format!("its URI needs the stage variable `{name}`, which stage {} does not set", call.stage);
            return Err(failed(journal, "Invalid endpoint address", None, detail));
        }
        (None, Err(broken)) => return Err(failed(journal, "Invalid endpoint address", None, broken)),
    };
    // Published logs: `…:{api}/authorizers/{id}`, and with credentials none at all.
    let source_arn = format!(
        "arn:{}:execute-api:{}:{}:{}/authorizers/{}",
        arn::Arn::partition_of(&api.region),
        api.region,
        api.account,
        api.api_id,
        authorizer.id
    );
    facts.function_arn = Some(uri.function_arn.clone());
    facts.source_arn = Some(source_arn.clone());
    let role = authorizer.credentials.as_ref().map(|role| role.fill(call.variables).0);
    facts.role_arn.clone_from(&role);
    let call_as = match role {
        None => CallAs::Service { source_arn, source_account: api.account.clone() },
        Some(role_arn) => CallAs::Role { role_arn, api_account: api.account.clone(), source_arn },
    };
    let id = call.trace_id();
    let payload = match authorizer.token {
        true => authorizer_token_event(&call.method_arn(), token),
        false => authorizer_request_event(call),
    };
    // AWS logs the token here; nothing secret is logged by this program.
    let shown = match authorizer.token {
        true => authorizer_token_event(&call.method_arn(), &masked(token)),
        false => payload.clone(),
    };
    log_endpoint_request(call, journal, &uri, &call_as, &shown);
    let invocation = LambdaInvocation {
        function_arn: uri.function_arn,
        uri_region: uri.region,
        call_as,
        payload,
        request_id: call.request.request_id.clone(),
        async_event: false,
        timeout: TIMEOUT,
        trace_header: id.response.clone(),
        api_id: api.api_id.clone(),
        api_account: api.account.clone(),
        api_region: api.region.clone(),
    };
    let began = journal.elapsed_ms();
    let ran = tokio::time::timeout(TIMEOUT, backend.invoke(invocation)).await;
    facts.integration_latency_ms = Some(journal.elapsed_ms() - began);
    let answer = match ran {
        Ok(Ok(answer)) => answer,
        Ok(Err(error)) => {
            let log = match &error.kind {
                BackendErrorKind::AccessDenied => "Invalid permissions on Lambda function".to_owned(),
                BackendErrorKind::CannotAssumeRole => {
                    let role = facts.role_arn.as_deref().unwrap_or_default();
                    format!("API Gateway does not have permission to assume the provided role {role}")
                }
                _ => error.detail.clone(),
            };
            return Err(failed(journal, &log, Some(error.kind), error.detail));
        }
        Err(_) => {
            let detail = format!("the authorizer's function did not answer within {} s", TIMEOUT.as_secs());
            return Err(failed(journal, "Execution timed out", Some(BackendErrorKind::Timeout), detail));
        }
    };
    facts.request_id = Some(answer.invocation_id.clone());
    journal.trace(|| {
        format!("Authorizer result body before parsing: {}", String::from_utf8_lossy(&answer.payload))
    });
    if answer.function_error.is_none() {
        return Ok(answer.payload);
    }
    let (error_type, message) = super::lambda_failure::error_members(&answer.payload);
    // Guide, "Use API Gateway Lambda authorizers": an error `Unauthorized` is the answer 401.
    if message.as_deref() == Some("Unauthorized") {
        return Err(unauthorized(journal, "its function said `Unauthorized`".to_owned()));
    }
    let log = "Invalid JSON in response: Unrecognized field \"errorType\" , not marked as ignorable";
    let detail = format!(
        "its function failed: {}{}",
        error_type.map(|t| format!("{t}: ")).unwrap_or_default(),
        message.as_deref().unwrap_or("no message")
    );
    Err(failed(journal, log, None, detail))
}

fn log_success(journal: &mut Journal, answer: &Answer) {
    journal.info(|| {
        let principal = answer.identity.principal_id.as_deref().unwrap_or_default();
        format!("Using valid authorizer policy for principal: {}", masked(principal))
    });
    journal.info(|| "Successfully completed authorizer execution".to_owned());
}

/// Stars, and the last six characters of what is long, as published logs have it.
pub(super) fn masked(text: &str) -> String {
    let count = text.chars().count();
    let shown = if count > 12 { 6 } else { 0 };
    let end: String = text.chars().skip(count - shown).collect();
    format!("{}{end}", "*".repeat(count - shown))
}

pub(super) fn unauthorized(journal: &mut Journal, detail: String) -> Box<Failure> {
    journal.info(|| "Unauthorized".to_owned());
    Failure::new(GatewayResponse::unauthorized(), Why::Unauthorized { detail })
}

/// 500 with `AuthorizerConfigurationException` and `{"message":null}` (published by its owner with this log line).
pub(super) fn failed(
    journal: &mut Journal,
    log: &str,
    kind: Option<BackendErrorKind>,
    detail: String,
) -> Box<Failure> {
    journal.error(|| format!("Execution failed due to configuration error: {log}"));
    Failure::new(GatewayResponse::authorizer_configuration(), Why::AuthorizerFailed { kind, detail })
}
