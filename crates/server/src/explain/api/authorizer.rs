//! Authorizers: what they said, or why they could not be asked.

use arn::Arn;
use doctor::{ApiCall, Finding, Fix, Report, compact, quote};
use gateway::execution::{AuthorizerFacts, BackendErrorKind, GatewayTrace};
use serde_json::json;

use super::integration::api_call;
use crate::explain::decision;
use crate::state::State;
use crate::trace::Trace;

/// Adds the step of asking the authorizer, when the call came that far.
pub fn step(gateway: &GatewayTrace, report: &mut Report) {
    let Some(facts) = &gateway.authorizer else { return };
    let asked = match (&facts.function_arn, &facts.role_arn) {
        _ if facts.cached => ", which had answered about the same identity before".to_owned(),
        (Some(function), None) => format!(" -> {function}, as apigateway.amazonaws.com"),
        (Some(function), Some(role)) => format!(" -> {function}, with credentials {role}"),
        (None, _) => String::new(),
    };
    let found = facts.principal_id.as_ref().map(|p| format!(": principal `{p}`")).unwrap_or_default();
    report.steps.push(format!("{}{asked}{found}", named(facts)));
}

fn named(facts: &AuthorizerFacts) -> String {
    format!("{} authorizer {} ({})", facts.kind, facts.name, facts.id)
}

fn subject(gateway: &GatewayTrace) -> String {
    gateway.authorizer.as_deref().map_or_else(|| "the authorizer".to_owned(), named)
}

/// A 401.
pub fn unauthorized(gateway: &GatewayTrace, detail: &str, report: &mut Report) {
    let title = format!("{} does not know the client: {detail}", subject(gateway));
    let asked = gateway.authorizer.as_ref().is_some_and(|facts| facts.function_arn.is_some());
    let detail = match asked {
        true => "its function ran and refused the client: 401",
        false => "the answer is 401; no function was called",
    };
    report.findings.push(Finding::new(title).detail(detail));
}

/// A 403 by the policy that the authorizer returned.
pub fn denied(trace: &Trace, gateway: &GatewayTrace, explicit: bool, report: &mut Report) {
    let facts = gateway.authorizer.as_deref();
    let principal = facts.and_then(|f| f.principal_id.as_deref()).unwrap_or_default();
    let (says, cure) = match explicit {
        true => ("denies", "an Allow elsewhere does not help: the Deny has to go"),
        false => {
            ("does not allow", "its Resource has to match this method's ARN, or the API's policy to allow it")
        }
    };
    let resource = trace.denied().map(|(_, decided)| decided.resource.clone()).unwrap_or_default();
    let title = format!("the policy of {} {says} principal `{principal}` this call", subject(gateway));
    let policy = facts.and_then(|f| f.policy.as_deref()).unwrap_or("none");
    let kept = match facts {
        Some(facts) if facts.cached => {
            "\nthe policy was made for an earlier call and kept (authorizerResultTtlInSeconds): a policy that names only \
             that call's ARN refuses the others; return one that covers all methods, such as …/STAGE/*/*"
        }
        _ => "",
    };
    let text = format!("asked: execute-api:Invoke on {resource}\nreturned: {policy}\n{cure}{kept}");
    let index = trace.denied().map(|(index, _)| index);
    report.findings.push(Finding { decision: index, ..Finding::new(title).detail(text) });
    if let (Some(facts), Some(deployment)) = (facts.filter(|facts| facts.cached), &gateway.deployment) {
        let command = format!(
            "aws apigateway flush-stage-authorizers-cache --region {} --rest-api-id {} --stage-name {}",
            deployment.region,
            deployment.api_id,
            quote(&gateway.stage)
        );
        let why = format!("forget what {} answered before", named(facts));
        report.fixes.push(Fix::run(&deployment.account, why, vec![command]));
    }
    if !explicit {
        let function = facts.and_then(|f| f.function_arn.as_deref()).unwrap_or("the authorizer's function");
        let statement = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource});
        report.fixes.push(Fix::words(format!(
            "let {function} return a policy with the statement {}",
            compact(&statement)
        )));
    }
}

/// A 500: the function was not run, or its answer is no good.
pub fn failed(
    state: &State,
    trace: &Trace,
    gateway: &GatewayTrace,
    kind: Option<&BackendErrorKind>,
    detail: &str,
    report: &mut Report,
) {
    let facts = gateway.authorizer.as_deref();
    let function = facts.and_then(|f| f.function_arn.as_deref()).unwrap_or_default();
    let exists = Arn::parse(function).is_ok() && state.lambda.lookup(function).ok().flatten().is_some();
    let refused = matches!(kind, Some(BackendErrorKind::AccessDenied | BackendErrorKind::CannotAssumeRole));
    let title = match kind {
        Some(BackendErrorKind::AccessDenied | BackendErrorKind::FunctionNotFound) if !exists => {
            format!("{} asks a function that does not exist: {function}", subject(gateway))
        }
        Some(_) => format!("{} could not be asked: {detail}", subject(gateway)),
        None => format!("{} gave no answer that can be used: {detail}", subject(gateway)),
    };
    let finding = match kind {
        None => Finding::new(title).detail(
            "wanted: {\"principalId\": \"…\", \"policyDocument\": {…}}, with nothing besides but `context` (texts, \
             numbers, truth values) and `usageIdentifierKey`",
        ),
        Some(_) => Finding::new(title),
    };
    report.findings.push(finding);
    if let (true, true, Some(facts), Some(denied)) = (refused, exists, facts, trace.denied()) {
        let deployment = gateway.deployment.as_deref();
        let route = gateway.route.as_deref();
        let call = deployment.zip(route).map(|(deployment, route)| ApiCall {
            source_arn: facts.source_arn.as_deref().unwrap_or_default(),
            role_arn: facts.role_arn.as_deref(),
            ..api_call(deployment, route, gateway)
        });
        decision::tell(state, denied, call, report);
    }
}
