//! A call to a deployed API.

mod authorizer;
mod function;
mod integration;
mod stage;
mod words;

use doctor::{Finding, Fix, Report, quote};
use gateway::execution::{GatewayTrace, Why};

use self::words::words;
use super::decision;
use crate::state::State;
use crate::trace::{Decided, Trace};

/// Adds what happened to a call of a deployed API.
pub fn tell(state: &State, trace: &Trace, gateway: &GatewayTrace, report: &mut Report) {
    steps(trace, gateway, report);
    let Some(why) = &gateway.why else { return };
    let story = Story { state, trace, gateway };
    story.tell(why, report);
    if let (Some(changes), false) = (gateway.changes_since_deployment, matches!(why, Why::NotDeployed { .. }))
    {
        report.findings.push(Finding::new(format!(
            "besides, the API was changed {changes} times since the stage {} was deployed, and the stage serves it as it \
             was then",
            gateway.stage
        )));
        report.fixes.push(story.deploy(&gateway.stage));
    }
}

fn steps(trace: &Trace, gateway: &GatewayTrace, report: &mut Report) {
    if let Some(deployment) = &gateway.deployment {
        report.steps.push(format!(
            "API {} ({}) of account {} in {}, stage {}, deployment {}",
            deployment.api_id,
            deployment.api_name,
            deployment.account,
            deployment.region,
            gateway.stage,
            deployment.deployment_id
        ));
    }
    if let Some(route) = &gateway.route {
        let caller = match route.credentials.as_deref() {
            _ if route.integration_type == "MOCK" => String::new(),
            None => ", as apigateway.amazonaws.com".to_owned(),
            Some(role) => format!(", with credentials {role}"),
        };
        report.steps.push(format!(
            "{} {} -> {}{caller}",
            route.configured_method,
            route.resource_path,
            if route.integration_type.is_empty() { "no integration" } else { &route.integration_type }
        ));
    }
    authorizer::step(gateway, report);
    if let Some(function) = &gateway.function_arn {
        report.steps.push(format!("function {function}"));
    }
    decision::steps(report);
    if let Some(stream) = gateway.stream {
        let end = if stream.complete { "" } else { ", and then the connection was closed" };
        report.steps.push(format!(
            "status and headers came after {} ms; the client got {} bytes of the body{end}",
            stream.headers_ms, stream.bytes
        ));
    }
    if let Some(invoked) = trace.events.invoked() {
        let start = if invoked.cold { ", in a new environment" } else { "" };
        report.steps.push(format!("ran {:.1} ms{start}", invoked.duration_ms));
        report.steps.extend(invoked.warning.iter().map(|w| format!("warning: {w}")));
    }
}

struct Story<'a> {
    state: &'a State,
    trace: &'a Trace,
    gateway: &'a GatewayTrace,
}

impl Story<'_> {
    fn tell(&self, why: &Why, report: &mut Report) {
        match why {
            Why::NoSuchApi => {
                self.find(report, format!("no API of any account has the id {}", self.gateway.api_id))
            }
            Why::NoSuchStage { stage, nearest, stages, deployments } => {
                self.no_stage(stage, nearest.as_deref(), stages, *deployments, report);
            }
            Why::NoRoute { path, method, matched, nearest } => {
                let text = match (matched, nearest) {
                    (Some((resource, methods)), _) => {
                        format!("{resource} has no method {method}, only {}", methods.join(", "))
                    }
                    (None, Some(near)) => format!("the API has no path {path}; the nearest is {near}"),
                    (None, None) => format!("the API has no path {path}"),
                };
                report.findings.push(Finding::new(text).detail(
                    "API Gateway answers 403 Missing Authentication Token to every path and method that it does not \
                     have; it has nothing to do with a token",
                ));
            }
            Why::NotDeployed { path, method, resource_path, changes_since } => {
                report.findings.push(Finding::new(format!("{method} {resource_path} is not deployed")).detail(format!(
                    "{method} {path} matches {resource_path} as the API is now, and the stage {} serves the API as it \
                     was {changes_since} changes ago",
                    self.gateway.stage
                )));
                report.fixes.push(self.deploy(&self.gateway.stage));
            }
            Why::IntegrationFailure { kind, detail } => self.integration(kind, detail, report),
            Why::Timeout { after_ms } => {
                let title = format!("the integration did not answer within its time-out of {after_ms} ms");
                let streamed = self.gateway.route.as_ref().is_some_and(|route| route.streamed);
                let most = if streamed { 900_000 } else { 29_000 };
                let on = match self.gateway.function_arn {
                    Some(_) => "the function goes on until its own time-out; ",
                    None => "",
                };
                let detail = format!("{on}{most} ms is the most that an integration waits");
                report.findings.push(Finding::new(title).detail(detail));
            }
            Why::FunctionError { error_type, error_message, .. } => {
                self.function_error(error_type.as_deref(), error_message.as_deref(), report);
            }
            Why::MalformedProxyResponse { reason, value } => {
                report.findings.push(Finding::new(format!("the function's answer is no proxy response: {reason}")).detail(
                    format!(
                        "it returned: {value}\nwanted: {{\"statusCode\": 200, \"headers\": {{…}}, \"body\": \"text\"}}, \
                         an object with no other keys than statusCode, headers, multiValueHeaders, body and \
                         isBase64Encoded"
                    ),
                ));
            }
            Why::NotAuthorized { .. } => match self.denied() {
                Some(decided) => decision::tell(self.state, decided, None, report),
                None => self.find(report, words(why)),
            },
            Why::Unauthorized { detail } => authorizer::unauthorized(self.gateway, detail, report),
            Why::AuthorizerDenied { explicit, .. } => {
                authorizer::denied(self.trace, self.gateway, *explicit, report);
            }
            Why::AuthorizerFailed { kind, detail } => {
                authorizer::failed(self.state, self.trace, self.gateway, kind.as_ref(), detail, report);
            }
            Why::AuthFailed { .. } => {
                self.find(report, words(why));
                report.fixes.extend(self.signed());
            }
            other => self.find(report, words(other)),
        }
    }

    fn find(&self, report: &mut Report, title: String) {
        report.findings.push(Finding::new(title));
    }

    /// The same call, signed: curl does it since 7.75, and the address by path is this server's.
    fn signed(&self) -> Option<Fix> {
        let region = &self.gateway.deployment.as_ref()?.region;
        let (method, api) = (&self.trace.method, &self.gateway.api_id);
        let by_path = self.trace.path.strip_prefix("/_aws/execute-api/");
        let path = by_path.map_or_else(|| format!("{api}{}", self.trace.path), str::to_owned);
        let command = format!(
            "curl -X {method} --aws-sigv4 aws:amz:{region}:execute-api --user \
             \"$AWS_ACCESS_KEY_ID:$AWS_SECRET_ACCESS_KEY\" \"$AWS_ENDPOINT_URL\"{}",
            quote(&format!("/_aws/execute-api/{path}"))
        );
        Some(Fix::run("", "sign the request, with the keys of a user who may call the method", vec![command]))
    }

    fn denied(&self) -> Option<(usize, &Decided)> {
        self.trace.denied()
    }
}
