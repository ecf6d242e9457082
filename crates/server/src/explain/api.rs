//! A call to a deployed API.

use arn::{AccountId, Arn, nearest};
use doctor::{ApiCall, Finding, Fix, Report, quote};
use gateway::execution::{BackendErrorKind, DeploymentFacts, GatewayTrace, RouteFacts, Why};

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
    if let Some(function) = &gateway.function_arn {
        report.steps.push(format!("function {function}"));
    }
    decision::steps(report);
    if let Some(invoked) = &trace.events.invocation {
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
            Why::NoSuchApi => self.find(report, format!("no API of any account has the id {}", self.gateway.api_id)),
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
            Why::Timeout { after_ms } => report.findings.push(
                Finding::new(format!("the integration did not answer within its time-out of {after_ms} ms")).detail(
                    "the function goes on until its own time-out; 29000 ms is the most that an integration waits",
                ),
            ),
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
                Some(decided) => decision::tell(decided, None, report),
                None => self.find(report, words(why)),
            },
            other => self.find(report, words(other)),
        }
    }

    fn find(&self, report: &mut Report, title: String) {
        report.findings.push(Finding::new(title));
    }

    fn denied(&self) -> Option<(usize, &Decided)> {
        self.trace.denied()
    }

    fn no_stage(
        &self,
        stage: &str,
        near: Option<&str>,
        stages: &[String],
        deployments: usize,
        report: &mut Report,
    ) {
        let title = match (stages, near) {
            ([], _) if deployments == 0 => "the API was never deployed, so it has no stage".to_owned(),
            ([], _) => "the API has deployments and no stage that serves one".to_owned(),
            (_, Some(near)) => format!("the API has no stage `{stage}`; did you mean `{near}`?"),
            _ => format!("the API has no stage `{stage}`, only {}", stages.join(", ")),
        };
        self.find(report, title);
        if stages.is_empty() {
            report.fixes.push(self.deploy(if stage.is_empty() { "prod" } else { stage }));
        }
    }

    /// The deployment that brings a stage up to date. The owner is looked up: without a stage the trace has none.
    fn deploy(&self, stage: &str) -> Fix {
        let api = &self.gateway.api_id;
        let (account, region) = match &self.gateway.deployment {
            Some(deployment) => (deployment.account.clone(), deployment.region.clone()),
            None => self.state.api(api).map(|api| (api.account, api.region)).unwrap_or_default(),
        };
        let command = format!(
            "aws apigateway create-deployment --region {region} --rest-api-id {api} --stage-name {}",
            quote(stage)
        );
        Fix::run(&account, "deploy the API as it is now", vec![command])
    }

    fn integration(&self, kind: &BackendErrorKind, detail: &str, report: &mut Report) {
        let target = self.gateway.function_arn.as_deref().and_then(|arn| Arn::parse(arn).ok());
        let exists = |arn: &Arn| self.state.lambda.lookup(&arn.to_string()).ok().flatten().is_some();
        match (kind, target) {
            (BackendErrorKind::WrongRegion, Some(arn)) => {
                report.findings.push(Finding::new(detail).detail(format!(
                    "the integration's URI names the region {} and its function's ARN the region {}: Lambda is asked \
                     in the first and holds the function in the second",
                    self.uri_region(),
                    arn.region
                )));
                self.offer(&arn, report);
            }
            (BackendErrorKind::CannotAssumeRole, _) => self.cannot_assume(detail, report),
            (_, Some(arn)) if !exists(&arn) => self.no_function(&arn, report),
            (BackendErrorKind::AccessDenied, Some(arn)) => {
                if let Some(denied) = self.denied() {
                    self.permission(denied, report);
                }
                self.vpc(&arn, report);
            }
            _ => self.find(report, detail.to_owned()),
        }
    }

    fn permission(&self, (index, denied): (usize, &Decided), report: &mut Report) {
        if denied.resource_policy.is_none() && denied.action == "lambda:InvokeFunction" {
            report
                .steps
                .push("the function has no policy: nothing lets another account or a service in".to_owned());
        }
        let facts = self.gateway.deployment.as_deref().zip(self.gateway.route.as_deref());
        let call = facts.map(|(deployment, route)| api_call(deployment, route, self.gateway));
        decision::tell((index, denied), call, report);
    }

    fn cannot_assume(&self, detail: &str, report: &mut Report) {
        if let Some(denied) = self.denied() {
            let title = format!("API Gateway cannot assume the integration's role: {detail}");
            self.find(report, title);
            decision::tell(denied, None, report);
            return;
        }
        let role =
            self.gateway.route.as_ref().and_then(|route| route.credentials.clone()).unwrap_or_default();
        let account = self.gateway.deployment.as_ref().and_then(|d| AccountId::new(&d.account).ok());
        let names = account.and_then(|account| self.state.iam.names(&account).ok()).unwrap_or_default();
        let near = nearest(&role, names.iter().map(String::as_str).filter(|name| name.contains(":role/")));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        self.find(report, format!("API Gateway cannot assume the integration's role: {detail}{hint}"));
        if let Some(near) = near {
            report.fixes.extend(self.replace(
                "credentials",
                near,
                "give the integration the role that exists",
            ));
        }
    }

    fn no_function(&self, arn: &Arn, report: &mut Report) {
        let hidden = if self.denied().is_some() {
            "\nto a caller that no policy lets in, a function that does not exist looks like one that is forbidden"
        } else {
            ""
        };
        report.findings.push(
            Finding::new(format!("there is no function {arn}"))
                .detail(format!("the integration's URI names a function that does not exist{hidden}")),
        );
        self.offer(arn, report);
    }

    /// The function that was meant, most likely: the nearest name, or the same name in another region.
    fn offer(&self, arn: &Arn, report: &mut Report) {
        let Ok(account) = AccountId::new(&arn.account) else { return };
        let name = arn.resource.split(':').nth(1).unwrap_or_default();
        let lambda = &self.state.lambda;
        let here = lambda.names(account, &arn.region).unwrap_or_default();
        let elsewhere =
            lambda.function_exists_in_other_region(account, &arn.region, name).unwrap_or_default();
        let (region, name) = match (nearest(name, here.iter().map(String::as_str)), elsewhere.first()) {
            (Some(near), _) => (arn.region.clone(), near.to_owned()),
            (None, Some(region)) => (region.clone(), name.to_owned()),
            (None, None) => return,
        };
        let meant = Arn { region: region.clone(), resource: format!("function:{name}"), ..arn.clone() };
        if meant.to_string() != arn.to_string() {
            report.findings.push(Finding::new(format!("did you mean {meant}?")));
        }
        let uri = format!(
            "arn:{}:apigateway:{region}:lambda:path/2015-03-31/functions/{meant}/invocations",
            arn.partition
        );
        report.fixes.extend(self.replace("uri", &uri, "point the integration at the function that exists"));
    }

    /// `update-integration` and the deployment that puts it into effect.
    fn replace(&self, member: &str, value: &str, what: &str) -> Option<Fix> {
        let (deployment, route) = (self.gateway.deployment.as_ref()?, self.gateway.route.as_ref()?);
        let mut commands = vec![format!(
            "aws apigateway update-integration --region {} --rest-api-id {} --resource-id {} --http-method {} \
             --patch-operations op=replace,path=/{member},value={}",
            deployment.region,
            deployment.api_id,
            route.resource_id,
            route.configured_method,
            quote(value)
        )];
        commands.extend(self.deploy(&self.gateway.stage).steps.into_iter().flat_map(|step| step.commands));
        Some(Fix::run(&deployment.account, format!("{what}, and deploy"), commands))
    }

    fn vpc(&self, arn: &Arn, report: &mut Report) {
        let view = self.state.lambda.lookup(&arn.to_string()).ok().flatten();
        if view.is_some_and(|view| view.vpc.is_some()) {
            report.findings.push(Finding::new(
                "the function is attached to a VPC, which does not affect who may invoke it: Lambda is called through \
                 its API, not through the VPC; the VpcConfig decides what the function itself can reach",
            ));
        }
    }

    fn uri_region(&self) -> String {
        let uri =
            self.gateway.route.as_ref().and_then(|route| route.integration_uri.clone()).unwrap_or_default();
        uri.split(':').nth(3).unwrap_or_default().to_owned()
    }

    fn function_error(&self, error_type: Option<&str>, message: Option<&str>, report: &mut Report) {
        let arn = self.gateway.function_arn.as_deref().and_then(|arn| Arn::parse(arn).ok());
        let name =
            arn.as_ref().and_then(|arn| arn.resource.split(':').nth(1)).unwrap_or("the function").to_owned();
        let (account, region) = arn.as_ref().map_or(("", ""), |arn| (&arn.account, &arn.region));
        let message = message.unwrap_or("no message");
        let title = match error_type {
            Some(kind) => format!("the function ran and failed: {kind}: {message}"),
            None => format!("the function ran and failed: {message}"),
        };
        let payload = self.trace.events.invocation.as_ref().and_then(|i| i.error.clone()).unwrap_or_default();
        report.findings.push(Finding::new(title).detail(payload));
        let read = format!(
            "aws logs filter-log-events --region {region} --log-group-name /aws/lambda/{name} \
             --query 'events[].message' --output text"
        );
        report.fixes.push(Fix::run(account, "read what the function printed", vec![read]));
        let timed_out = error_type == Some("Sandbox.Timedout") || message.contains("Task timed out");
        if timed_out {
            let longer = format!(
                "aws lambda update-function-configuration --region {region} --function-name {} --timeout 29",
                quote(&name)
            );
            let why = "or give the function more time (an integration waits 29 s at most)";
            report.fixes.push(Fix::run(account, why, vec![longer]));
        }
    }
}

fn api_call<'a>(
    deployment: &'a DeploymentFacts,
    route: &'a RouteFacts,
    gateway: &'a GatewayTrace,
) -> ApiCall<'a> {
    ApiCall {
        account: &deployment.account,
        region: &deployment.region,
        api: &deployment.api_id,
        stage: &gateway.stage,
        resource_id: &route.resource_id,
        method: &route.configured_method,
        source_arn: gateway.source_arn.as_deref().unwrap_or_default(),
        role_arn: route.credentials.as_deref().filter(|role| role.contains(":role/")),
    }
}

/// What needs no more than a sentence.
fn words(why: &Why) -> String {
    match why {
        Why::EndpointDisabled => {
            "the API's default endpoint is switched off (disableExecuteApiEndpoint)".to_owned()
        }
        Why::DeploymentUnreadable { deployment_id, detail } => {
            format!("the stage's deployment {deployment_id} cannot be served: {detail}")
        }
        Why::ApiKey { given: true } => {
            "the method requires an API key, and the one sent is not known".to_owned()
        }
        Why::ApiKey { given: false } => {
            "the method requires an API key (header x-api-key), and none was sent".to_owned()
        }
        Why::AuthFailed { detail } => format!("the method requires a signature (AWS_IAM): {detail}"),
        Why::NotAuthorized { sentence, .. } => sentence.clone(),
        Why::AuthorizerNotSupported { kind } => {
            format!(
                "the method has an authorizer of type {kind}, which crossgate does not run yet, so nobody is let in"
            )
        }
        Why::ContentEncoding { content_encoding } => format!(
            "the body is not coded as its Content-Encoding says, {content_encoding}; API Gateway knows gzip, deflate and \
             identity"
        ),
        Why::HeadTooLarge { size } => {
            format!("the request line and the headers' values have {size} bytes; API Gateway takes 10,240")
        }
        Why::BodyTooLarge { size } => format!("the body has {size} bytes; API Gateway takes 10 MB"),
        Why::UnsupportedMediaType { content_type, templates } => format!(
            "no request template is for {content_type}, only for {}, and passthroughBehavior forbids passing it on",
            templates.join(", ")
        ),
        Why::Configuration { detail } => format!("the deployed configuration cannot work: {detail}"),
        Why::NotSupported { what } => format!("crossgate does not run this yet: {what}"),
        Why::NoBasePath { domain, base_paths } if base_paths.is_empty() => {
            format!(
                "the custom domain {domain} has no base path mapping: make one with CreateBasePathMapping"
            )
        }
        Why::NoBasePath { domain, base_paths } => {
            format!(
                "the custom domain {domain} has no mapping for this path, only for {}",
                base_paths.join(", ")
            )
        }
        Why::EndpointFailed { detail } => format!("the HTTP endpoint gave no answer: {detail}"),
        other => format!("{other:?}"),
    }
}
