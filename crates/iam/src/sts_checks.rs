//! Which permissions each operation of STS needs (Service Authorization Reference, AWS STS).

use std::sync::Arc;

use arn::{AccountId, Arn};
use policy::{Check, Context, Principal};
use wire::{ApiError, Call};

use crate::caller::SessionKind;
use crate::checks::{request_tags, simple};
use crate::error::{Fail, denied, validation};
use crate::ops::assume_root;
use crate::tags::{self, texts};
use crate::{Caller, Iam, RoleView, mfa};

/// What AWS answers for a role that does not exist, too: it does not tell the two apart.
pub(crate) fn refused(caller: &Caller, role_arn: &str) -> Fail {
    denied(format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {role_arn}",
        caller.principal.arn()
    ))
}

pub(crate) fn checks(iam: &Iam, call: &Call, caller: &Caller) -> Result<Vec<Check>, Fail> {
    refuse_token_sessions(call, caller)?;
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
            let account = assume_root::target(call.required("TargetPrincipal"))?;
            let partition = Arn::partition_of(&call.region);
            // The target's account is not the caller's, and has no policy of its own that could let anybody in: the
            // caller's policies decide here, the organization in the operation.
            let mut check = simple("sts:AssumeRoot", format!("arn:{partition}:iam::{account}:root"));
            let task = assume_root::task(call);
            if !task.is_empty() {
                check.context.set("sts:TaskPolicyArn", task);
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
    check.context.extend(tagging.context.clone());
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

/// What sessions may ask of STS: those of GetFederationToken nothing but who they are, those of GetSessionToken to
/// assume roles besides (API Reference of both).
fn refuse_token_sessions(call: &Call, caller: &Caller) -> Result<(), Fail> {
    let Some(session) = &caller.session else { return Ok(()) };
    let allowed = match session.kind {
        SessionKind::Federation => call.operation == "GetCallerIdentity",
        SessionKind::SessionToken => {
            // The operations that make sessions of users refuse in words of their own.
            let own_words = ["GetSessionToken", "GetFederationToken"].contains(&call.operation);
            own_words || ["AssumeRole", "GetCallerIdentity"].contains(&call.operation)
        }
        _ => true,
    };
    if allowed {
        return Ok(());
    }
    // By the wording of the two operations that refuse sessions.
    Err(denied(format!("Cannot call {} with session credentials", call.operation)))
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
    let Some(role) = iam.view_role(role_arn)?.filter(|_| AccountId::new(&parsed.account).is_ok()) else {
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
    if mfa::shown(iam, caller, call)? {
        context.set("aws:MultiFactorAuthPresent", "true");
        context.set("aws:MultiFactorAuthAge", "0");
    }
    if call.input.get("ProvidedContexts").is_some() {
        // Only IAM Identity Center signs context assertions, which nothing here verifies.
        return Err(Fail(ApiError::new(
            "NotImplemented",
            501,
            "crossgate does not implement sts:AssumeRole with ProvidedContexts",
        )));
    }
    let transitive = texts(call, "TransitiveTagKeys");
    if !transitive.is_empty() {
        context.set_all("sts:TransitiveTagKeys", transitive);
    }
    request_tags(call, &mut context);
    let passes_on = caller.session.as_ref().is_some_and(|session| !session.transitive.is_empty());
    let further = (passes_on || !tags::sent(call).is_empty(), context.get("sts:SourceIdentity").is_some());
    Ok(role_checks("sts:AssumeRole", &role, &context, further))
}

/// What the trust policy of `role` (and the caller's own policies, if it has any) must allow: `action`, and the
/// actions for the tags and the source identity that the session gets.
pub(crate) fn role_checks(
    action: &str,
    role: &RoleView,
    context: &Context,
    (tags, source_identity): (bool, bool),
) -> Vec<Check> {
    let mut context = context.clone();
    for (key, value) in &role.tags {
        context.set(format!("aws:ResourceTag/{key}"), value.as_str());
        context.set(format!("iam:ResourceTag/{key}"), value.as_str());
    }
    let further = [("sts:TagSession", tags), ("sts:SetSourceIdentity", source_identity)];
    let needed = further.into_iter().filter(|(_, needed)| *needed).map(|(action, _)| action);
    std::iter::once(action)
        .chain(needed)
        .map(|action| Check {
            action: action.to_owned(),
            resource: role.arn.clone(),
            resource_account: Some(role.account),
            resource_policy: Some(Arc::clone(&role.trust)),
            context: context.clone(),
        })
        .collect()
}
