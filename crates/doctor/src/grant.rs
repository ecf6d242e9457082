//! The smallest grants that would have allowed a refused request.

use arn::Arn;
use policy::{CallerPolicies, Decision, Policy, PolicyKind, Principal, Request};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

use crate::quote;

/// Commands that mend one thing, and what they do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fix {
    /// What the commands do, and in which account they are run.
    pub why: String,
    /// One command a line, in order.
    pub commands: Vec<String>,
}

/// A refused request, with the policies that refused it.
pub struct Refusal<'a> {
    /// The request.
    pub request: Request<'a>,
    /// The caller's policies.
    pub caller: &'a CallerPolicies,
    /// The resource's policy; for `sts:AssumeRole` the trust policy.
    pub resource: Option<&'a Policy>,
    /// The API on whose behalf the call was made, when it was one.
    pub api: Option<ApiCall<'a>>,
}

/// The method of an API whose integration made a call.
#[derive(Clone, Copy)]
pub struct ApiCall<'a> {
    /// The API's owner.
    pub account: &'a str,
    /// The API's region.
    pub region: &'a str,
    /// The API's id.
    pub api: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// The resource's id, for `update-integration`.
    pub resource_id: &'a str,
    /// The method as configured, `ANY` among them.
    pub method: &'a str,
    /// `arn:aws:execute-api:…`: what API Gateway gives as the source.
    pub source_arn: &'a str,
    /// The execution role, when the integration has one.
    pub role_arn: Option<&'a str>,
}

/// Every grant that would have allowed the request, the one nearest to the present set-up first.
///
/// Empty when no added grant can help, as with an explicit denial.
#[must_use]
pub fn grants(refusal: &Refusal<'_>) -> Vec<Fix> {
    let mut found = Vec::new();
    match (refusal.request.action, refusal.request.principal) {
        ("sts:AssumeRole" | "sts:TagSession", _) => found.extend(trust_grant(refusal)),
        ("lambda:InvokeFunction", Principal::Service { .. }) => found.extend(service_grant(refusal)),
        (_, Principal::RoleSession { .. } | Principal::User { .. }) => {
            found.extend(caller_grant(refusal));
            found.extend(switch_to_service(refusal));
        }
        _ => {}
    }
    found
}

/// Lets the service in through the function's policy.
fn service_grant(refusal: &Refusal<'_>) -> Option<Fix> {
    let Principal::Service { host } = refusal.request.principal else { return None };
    let (source, described) = match refusal.api {
        Some(api) => (any_stage(api.source_arn), format!(" from this method of API {}", api.api)),
        None => (refusal.request.context.get("aws:SourceArn")?.first()?.clone(), String::new()),
    };
    let statement = json!({
        "Sid": "crossgate-suggestion", "Effect": "Allow", "Principal": {"Service": host},
        "Action": "lambda:InvokeFunction", "Resource": refusal.request.resource,
        "Condition": {"ArnLike": {"AWS:SourceArn": source}},
    });
    let resource = with_statement(refusal.resource, &statement, PolicyKind::Resource)?;
    allowed(&refusal.request, refusal.caller, Some(&resource)).then(|| {
        add_permission(refusal, host, Some(&source), &format!("let {host} invoke the function{described}"))
    })
}

/// Lets a user or a role's session do it: its own policy, and, across accounts, the function's.
fn caller_grant(refusal: &Refusal<'_>) -> Option<Fix> {
    let Request { principal, action, resource, .. } = refusal.request;
    let (kind, name, names) = match principal {
        Principal::RoleSession { role_arn, .. } => ("role", role_arn.rsplit('/').next()?, role_arn.as_str()),
        Principal::User { arn, .. } => ("user", arn.rsplit('/').next()?, arn.as_str()),
        _ => return None,
    };
    let account = principal.account()?;
    let identity_document = json!({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": action, "Resource": resource}]});
    let identity = Policy::parse("suggestion", &identity_document.to_string(), PolicyKind::Identity).ok()?;
    let mut granted = refusal.caller.clone();
    granted.identity.push(Arc::new(identity));
    let policy_name = sid(action.split_once(':')?.1, resource);
    let put_policy = format!(
        "aws iam put-{kind}-policy --{kind}-name {} --policy-name {} --policy-document {}",
        quote(name),
        quote(&policy_name),
        quote(&identity_document.to_string()),
    );
    let identity_why = format!("run as account {account}: the {kind} {name} gets {action} on {resource}");

    // Each half alone first, so that nothing is granted that is granted already.
    if allowed(&refusal.request, &granted, refusal.resource) {
        return Some(Fix { why: identity_why, commands: vec![put_policy] });
    }
    if action != "lambda:InvokeFunction" {
        return None;
    }
    let statement = json!({
        "Sid": "crossgate-suggestion", "Effect": "Allow", "Principal": {"AWS": names},
        "Action": action, "Resource": resource,
    });
    let function_policy = with_statement(refusal.resource, &statement, PolicyKind::Resource)?;
    let why = format!("let the {kind} {name} of account {account} invoke the function");
    if allowed(&refusal.request, refusal.caller, Some(&function_policy)) {
        return Some(add_permission(refusal, names, None, &why));
    }
    allowed(&refusal.request, &granted, Some(&function_policy)).then(|| {
        let mut fix = add_permission(refusal, names, None, &why);
        fix.why = format!("both sides have to allow it; {}; {identity_why}", fix.why);
        fix.commands.insert(0, put_policy);
        fix
    })
}

/// The other way of calling: take the role off the integration and let API Gateway call as itself.
fn switch_to_service(refusal: &Refusal<'_>) -> Option<Fix> {
    let api = refusal.api.filter(|api| api.role_arn.is_some())?;
    let principal = Principal::Service { host: "apigateway.amazonaws.com".to_owned() };
    let mut context = refusal.request.context.clone();
    context.set("aws:SourceArn", api.source_arn);
    context.set("aws:SourceAccount", api.account);
    let request = Request { principal: &principal, context: &context, ..refusal.request.clone() };
    let none = CallerPolicies::default();
    let as_service = Refusal { request, caller: &none, resource: refusal.resource, api: refusal.api };
    let grant = service_grant(&as_service)?;
    let mut commands = vec![
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
    commands.extend(grant.commands);
    let why = format!(
        "or call without the role: as account {} take it off the integration; {}",
        api.account, grant.why
    );
    Some(Fix { why, commands })
}

/// Adds the caller to a role's trust policy.
fn trust_grant(refusal: &Refusal<'_>) -> Option<Fix> {
    let principal = match refusal.request.principal {
        Principal::Service { host } => json!({"Service": host}),
        Principal::RoleSession { role_arn, .. } => json!({"AWS": role_arn}),
        Principal::User { arn, .. } => json!({"AWS": arn}),
        Principal::Root { account } => json!({"AWS": format!("arn:aws:iam::{account}:root")}),
        _ => return None,
    };
    let statement = json!({"Effect": "Allow", "Principal": principal, "Action": refusal.request.action});
    let trust = with_statement(refusal.resource, &statement, PolicyKind::Trust)?;
    let role = Arn::parse(refusal.request.resource).ok()?;
    let role_name = role.resource.rsplit('/').next()?;
    let update = format!(
        "aws iam update-assume-role-policy --role-name {} --policy-document {}",
        quote(role_name),
        quote(&compact(&trust.text)?),
    );
    let why = format!(
        "run as account {}: the role {role_name} trusts {}",
        role.account,
        refusal.request.principal.arn()
    );
    if allowed(&refusal.request, refusal.caller, Some(&trust)) {
        return Some(Fix { why, commands: vec![update] });
    }
    None
}

fn allowed(request: &Request<'_>, caller: &CallerPolicies, resource: Option<&Policy>) -> bool {
    Decision::evaluate(request, caller, resource).is_allowed()
}

fn compact(policy: &str) -> Option<String> {
    serde_json::from_str::<Value>(policy).ok().map(|value| value.to_string())
}

/// `policy` with one more statement.
fn with_statement(policy: Option<&Policy>, statement: &Value, kind: PolicyKind) -> Option<Policy> {
    let mut document = match policy {
        Some(policy) => serde_json::from_str(&policy.text).ok()?,
        None => json!({"Version": "2012-10-17", "Id": "default", "Statement": []}),
    };
    let statements = document.get_mut("Statement")?;
    if !statements.is_array() {
        *statements = json!([statements.take()]);
    }
    statements.as_array_mut()?.push(statement.clone());
    Policy::parse("suggestion", &document.to_string(), kind).ok()
}

/// `aws lambda add-permission …` as the function's owner.
fn add_permission(refusal: &Refusal<'_>, principal: &str, source: Option<&str>, why: &str) -> Fix {
    let resource = refusal.request.resource;
    let arn = Arn::parse(resource).ok();
    let (account, region) = arn.as_ref().map_or(("", ""), |arn| (&arn.account, &arn.region));
    let parts: Vec<&str> = arn.as_ref().map(|arn| arn.resource.split(':').collect()).unwrap_or_default();
    let function = parts.get(1).copied().unwrap_or(resource);
    let base = refusal.api.map_or_else(|| sid("invoke", principal), |api| sid("apigateway", api.api));
    let mut command = format!(
        "aws lambda add-permission --region {region} --function-name {} --statement-id {} \
         --action lambda:InvokeFunction --principal {}",
        quote(function),
        quote(&unused_sid(&base, refusal.resource)),
        quote(principal),
    );
    if let Some(qualifier) = parts.get(2) {
        command += &format!(" --qualifier {}", quote(qualifier));
    }
    if let Some(source) = source {
        command += &format!(" --source-arn {}", quote(source));
    }
    Fix { why: format!("run as account {account}: {why}"), commands: vec![command] }
}

/// The same source in every stage, so that the grant outlives a stage's name.
fn any_stage(source_arn: &str) -> String {
    let mut parts: Vec<&str> = source_arn.split('/').collect();
    if parts.len() > 2 && parts[1] != "authorizers" {
        parts[1] = "*";
    }
    parts.join("/")
}

/// A statement id or policy name: letters, digits and hyphens.
fn sid(prefix: &str, of: &str) -> String {
    let name = of.rsplit([':', '/']).next().unwrap_or(of);
    let clean: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    format!("{}-{clean}", prefix.to_lowercase()).trim_end_matches('-').to_owned()
}

/// `base`, or `base-2`, … : the first that the policy does not use yet.
fn unused_sid(base: &str, policy: Option<&Policy>) -> String {
    let used = |sid: &str| policy.is_some_and(|p| p.text.contains(&format!("\"{sid}\"")));
    let numbered = (2..).map(|n| format!("{base}-{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|sid| !used(sid)).unwrap_or_default()
}
