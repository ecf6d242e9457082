//! Which permissions each operation of STS needs (Service Authorization Reference, AWS STS).

use std::sync::Arc;

use arn::{AccountId, Arn};
use policy::{Check, Context, Principal};
use wire::Call;

use crate::checks::{request_tags, simple};
use crate::error::{Fail, denied, validation};
use crate::tags::{self, texts};
use crate::{Caller, Iam};

/// What AWS answers for a role that does not exist, too: it does not tell the two apart.
pub(crate) fn refused(caller: &Caller, role_arn: &str) -> Fail {
    denied(format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
        caller.principal.arn()
    ))
}

pub(crate) fn checks(iam: &Iam, call: &Call, caller: &Caller) -> Result<Vec<Check>, Fail> {
    let mut checks = by_operation(iam, call, caller)?;
    for check in &mut checks {
        // What is not a role's is the caller's own.
        check.resource_account.get_or_insert(call.account);
    }
    Ok(checks)
}

fn by_operation(iam: &Iam, call: &Call, caller: &Caller) -> Result<Vec<Check>, Fail> {
    match call.operation {
        // No permission is needed, and none can be denied (API Reference of both).
        "GetCallerIdentity" | "GetSessionToken" => Ok(Vec::new()),
        "AssumeRole" => assume_role(iam, call, caller),
        "GetFederationToken" => {
            let name = call.required("Name");
            let partition = Arn::partition_of(&call.region);
            let resource = format!("arn:{partition}:sts::{}:federated-user/{name}", call.account);
            let mut check = simple("sts:GetFederationToken", resource);
            request_tags(call, &mut check.context);
            let mut checks = vec![check];
            if !tags::sent(call).is_empty() {
                checks.push(Check { action: "sts:TagSession".to_owned(), ..checks[0].clone() });
            }
            Ok(checks)
        }
        "AssumeRoot" => {
            // The target is an account, as its id or its root user's ARN (API Reference, AssumeRoot).
            let target = call.required("TargetPrincipal");
            let root = if target.starts_with("arn:") {
                target.to_owned()
            } else {
                format!("arn:{}:iam::{target}:root", Arn::partition_of(&call.region))
            };
            let mut check = simple("sts:AssumeRoot", root);
            let task = call.input.get("TaskPolicyArn").and_then(|t| t.get("arn"));
            if let Some(arn) = task.and_then(serde_json::Value::as_str) {
                check.context.set("sts:TaskPolicyArn", arn);
            }
            Ok(vec![check])
        }
        "GetWebIdentityToken" => web_identity_token(call),
        operation => Ok(vec![simple(&format!("sts:{operation}"), "*".to_owned())]),
    }
}

/// The reference's keys; tags need an action of their own, which has the same ones for tags.
fn web_identity_token(call: &Call) -> Result<Vec<Check>, Fail> {
    let mut tagging = simple("sts:TagGetWebIdentityToken", "*".to_owned());
    request_tags(call, &mut tagging.context);
    let mut check = simple("sts:GetWebIdentityToken", "*".to_owned());
    check.context.extend(&tagging.context);
    check.context.set_all("sts:IdentityTokenAudience", texts(call, "Audience"));
    if let Some(algorithm) = call.text("SigningAlgorithm") {
        check.context.set("sts:SigningAlgorithm", algorithm);
    }
    if let Some(seconds) = call.input.get("DurationSeconds").and_then(serde_json::Value::as_i64) {
        check.context.set("sts:DurationSeconds", seconds.to_string());
    }
    let tags = !tags::sent(call).is_empty();
    Ok(std::iter::once(check).chain(tags.then_some(tagging)).collect())
}

fn assume_role(iam: &Iam, call: &Call, caller: &Caller) -> Result<Vec<Check>, Fail> {
    let role_arn = call.required("RoleArn");
    // test_sts_invalid_parameters.
    let Ok(parsed) = Arn::parse(role_arn) else {
        return Err(validation(format!("{role_arn} is invalid")));
    };
    // User Guide, id_roles_use: the root user cannot assume roles.
    if matches!(caller.principal, Principal::Root { .. }) {
        return Err(denied("Roles may not be assumed by root accounts."));
    }
    let (Some(role), Ok(account)) = (iam.view_role(role_arn)?, AccountId::new(&parsed.account)) else {
        return Err(refused(caller, role_arn));
    };
    let mut context = Context::new();
    context.set("sts:RoleSessionName", call.required("RoleSessionName"));
    for (member, key) in [("ExternalId", "sts:ExternalId"), ("SourceIdentity", "sts:SourceIdentity")] {
        if let Some(value) = call.text(member) {
            context.set(key, value);
        }
    }
    if let Some(held) = caller.session.as_ref().and_then(|session| session.source_identity.as_ref()) {
        context.set("sts:SourceIdentity", held.as_str());
    }
    let transitive = texts(call, "TransitiveTagKeys");
    if !transitive.is_empty() {
        context.set_all("sts:TransitiveTagKeys", transitive);
    }
    request_tags(call, &mut context);
    for (key, value) in &role.tags {
        context.set(&format!("aws:ResourceTag/{key}"), value.as_str());
        context.set(&format!("iam:ResourceTag/{key}"), value.as_str());
    }
    let check = |action: &str| Check {
        action: action.to_owned(),
        resource: role_arn.to_owned(),
        resource_account: Some(account),
        resource_policy: Some(Arc::clone(&role.trust)),
        context: context.clone(),
    };
    let mut checks = vec![check("sts:AssumeRole")];
    let passes_on = caller.session.as_ref().is_some_and(|session| !session.transitive.is_empty());
    if passes_on || !tags::sent(call).is_empty() {
        checks.push(check("sts:TagSession"));
    }
    if context.get("sts:SourceIdentity").is_some() {
        checks.push(check("sts:SetSourceIdentity"));
    }
    Ok(checks)
}
