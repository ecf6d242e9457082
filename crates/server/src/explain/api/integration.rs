//! An integration that API Gateway could not call: its role, its function, its permission.

use arn::{AccountId, Arn, nearest};
use doctor::{ApiCall, Finding, Fix, Report, quote};
use gateway::execution::{BackendErrorKind, DeploymentFacts, GatewayTrace, RouteFacts};

use super::Story;
use crate::explain::decision;
use crate::trace::Decided;

impl Story<'_> {
    pub(super) fn integration(&self, kind: &BackendErrorKind, detail: &str, report: &mut Report) {
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
        decision::tell(self.state, (index, denied), call, report);
    }

    fn cannot_assume(&self, detail: &str, report: &mut Report) {
        if let Some(denied) = self.denied() {
            let title = format!("API Gateway cannot assume the integration's role: {detail}");
            self.find(report, title);
            decision::tell(self.state, denied, None, report);
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
}

/// The API's side of a call, for the fixes.
pub(super) fn api_call<'a>(
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
