//! The other way of calling: take the role off the integration and let API Gateway call as itself.

use policy::{CallerPolicies, Principal, Request};
use serde_json::{Value, json};

use super::{Fix, Refusal, Setup, Step, Way, code, plan};
use crate::quote;

/// That way, with the grant that it needs; `None` for calls that were not made with an integration's role.
pub(crate) fn instead_of_role(refusal: &Refusal<'_>) -> Option<Fix> {
    let api = refusal.api.filter(|api| api.role_arn.is_some())?;
    let principal = Principal::Service { host: "apigateway.amazonaws.com".to_owned() };
    let mut context = refusal.request.context.clone();
    context.set("aws:SourceArn", api.source_arn);
    context.set("aws:SourceAccount", api.account);
    let request = Request { principal: &principal, context: &context, ..refusal.request.clone() };
    let none = CallerPolicies::default();
    let as_service = Refusal {
        request,
        caller: &none,
        resource: refusal.resource.clone(),
        rcp: refusal.rcp,
        api: refusal.api,
        mfa: None,
    };
    let setup = Setup::of(&as_service);
    let grant = if setup.allows(&as_service.request) {
        Fix { checked: true, ..Fix::default() }
    } else {
        plan::make(&as_service, &setup, Way::Grant).ok()?
    };
    let commands = vec![
        format!(
            "aws apigateway update-integration --region {} --rest-api-id {} --resource-id {} --http-method {} \
             --patch-operations op=replace,path=/credentials,value=",
            api.region, api.api, api.resource_id, api.method
        ),
        format!(
            "aws apigateway create-deployment --region {} --rest-api-id {} --stage-name {}",
            api.region,
            api.api,
            quote(api.stage)
        ),
    ];
    let off = Step {
        account: api.account.to_owned(),
        does: "take the role off the integration, and deploy".to_owned(),
        commands,
        ..Step::default()
    }
    .coded(
        Ok(code::terraform(
            api.account,
            "aws_api_gateway_integration",
            api.resource_id,
            "credentials",
            &Value::Null,
        )),
        Ok(code::cloudformation(
            api.account,
            "AWS::ApiGateway::Method",
            &format!("{} {}", api.resource_id, api.method),
            &[("Integration", json!({"Credentials": {"Ref": "AWS::NoValue"}}))],
        )),
    );
    let mut steps = vec![off];
    steps.extend(grant.steps);
    Some(Fix { why: "or call without the role, as API Gateway itself".to_owned(), steps, ..grant })
}
