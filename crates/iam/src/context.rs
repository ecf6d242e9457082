//! The condition keys that depend on the caller alone.

use policy::{Context, Principal};

use crate::caller::SessionKind;
use crate::error::Fail;
use crate::{Caller, Iam};

/// Facts, section 6: exactly these keys, none invented.
pub(crate) fn of(iam: &Iam, caller: &Caller) -> Result<Context, Fail> {
    let mut context = Context::new();
    match &caller.principal {
        Principal::Root { account } => {
            context.set("aws:PrincipalArn", format!("arn:aws:iam::{account}:root"));
            context.set("aws:PrincipalType", "Account");
            context.set("aws:userid", account.as_str());
        }
        Principal::User { arn, id, .. } => {
            context.set("aws:PrincipalArn", arn.as_str());
            context.set("aws:PrincipalType", "User");
            context.set("aws:userid", id.as_str());
            context.set("aws:username", crate::names::last_segment(arn));
        }
        Principal::RoleSession { role_arn, role_id, session, .. } => {
            // The role, not the session; and no aws:username.
            context.set("aws:PrincipalArn", role_arn.as_str());
            context.set("aws:PrincipalType", "AssumedRole");
            context.set("aws:userid", format!("{role_id}:{session}"));
        }
        Principal::FederatedUser { arn, account, .. } => {
            context.set("aws:PrincipalArn", arn.as_str());
            context.set("aws:PrincipalType", "FederatedUser");
            context.set("aws:userid", format!("{account}:{}", crate::names::last_segment(arn)));
        }
        Principal::Service { host } => {
            context.set("aws:PrincipalIsAWSService", "true");
            context.set("aws:PrincipalServiceName", host.as_str());
            context.set_all("aws:PrincipalServiceNamesList", vec![host.clone()]);
            return Ok(context);
        }
        Principal::Federated { .. } => return Ok(context),
        Principal::Anonymous => {
            context.set("aws:PrincipalType", "Anonymous");
            return Ok(context);
        }
    }
    if let Some(account) = caller.principal.account() {
        context.set("aws:PrincipalAccount", account.as_str());
        if let Some(membership) = iam.find_membership(&account)? {
            context.set("aws:PrincipalOrgID", membership.organization.as_str());
            context.set_all("aws:PrincipalOrgPaths", vec![membership.path.clone()]);
        }
    }
    context.set("aws:PrincipalIsAWSService", "false");
    for (key, value) in iam.tags_of(caller)?.iter() {
        context.set(format!("aws:PrincipalTag/{key}"), value.as_str());
    }
    if let Some(session) = &caller.session {
        // Session tags override those of the role or user (User Guide, id_session-tags).
        for tag in &session.tags {
            context.set(format!("aws:PrincipalTag/{}", tag.key), tag.value.as_str());
        }
        context.set("aws:TokenIssueTime", iso(session.issued_ms));
        context.set("aws:MultiFactorAuthPresent", session.mfa_at_ms.is_some().to_string());
        // Only in requests of such sessions (User Guide, aws:AssumedRoot).
        if session.kind == SessionKind::AssumeRoot {
            context.set("aws:AssumedRoot", "true");
        }
        if let Some(function) = &session.source_function {
            context.set("lambda:SourceFunctionArn", function.as_str());
        }
        if let Some(identity) = &session.source_identity {
            context.set("aws:SourceIdentity", identity.as_str());
        }
        if let Some(provider) = &session.federated_provider {
            context.set("aws:FederatedProvider", provider.as_str());
        }
        for (key, values) in &session.identity_keys {
            context.set_all(key.clone(), values.clone());
        }
    }
    Ok(context)
}

/// Seconds in ISO 8601, as Date conditions are written.
fn iso(ms: i64) -> String {
    jiff::Timestamp::from_second(ms.div_euclid(1_000)).map(|t| t.to_string()).unwrap_or_default()
}
