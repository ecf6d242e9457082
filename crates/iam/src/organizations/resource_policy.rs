//! The organization's resource-based delegation policy (User Guide, orgs_delegate_policies).

use arn::AccountId;
use policy::{Policy, PolicyKind};
use serde_json::{Value, json};
use store::Read;

use super::access::{can_be_delegated, enter};
use super::fail::{fail, invalid};
use super::model::{Organization, ResourcePolicy};
use super::{names, org, tagging};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing, one};

fn none() -> Fail {
    fail("ResourcePolicyNotFoundException", "We can't find a resource policy in your organization.")
}

fn shown(organization: &Organization, policy: &ResourcePolicy) -> Value {
    json!({
        "ResourcePolicySummary": { "Id": policy.id, "Arn": organization.resource_policy_arn(&policy.id) },
        "Content": policy.content,
    })
}

fn validate(content: &str) -> Result<(), Fail> {
    let broken = |why: String| {
        invalid("INVALID_RESOURCE_POLICY_JSON", format!("The provided resource policy is not valid: {why}"))
    };
    policy::validate(content, PolicyKind::Resource).map_err(|e| broken(e.to_string()))?;
    let parsed =
        Policy::parse("document", content, PolicyKind::Resource).map_err(|e| broken(e.to_string()))?;
    if let Some((key, who)) = parsed.principals().find(|(key, _)| !matches!(*key, "AWS" | "")) {
        return Err(invalid(
            "INVALID_PRINCIPAL",
            format!(
                "The principal \"{key}\":\"{who}\" cannot be delegated to: name accounts, users or roles."
            ),
        ));
    }
    let document: Value = serde_json::from_str(content).map_err(|e| broken(e.to_string()))?;
    let statements = document.get("Statement").cloned().unwrap_or_default();
    let statements = statements.as_array().cloned().unwrap_or_else(|| vec![statements]);
    for statement in &statements {
        let action = statement.get("Action").cloned().unwrap_or_default();
        for action in action.as_array().cloned().unwrap_or_else(|| vec![action]) {
            let action = action.as_str().unwrap_or_default();
            if !can_be_delegated(action) || !action.starts_with("organizations:") {
                return Err(invalid(
                    "UNSUPPORTED_ACTION_IN_RESOURCE_POLICY",
                    format!(
                        "The action {action} is not supported in the resource policy of an organization."
                    ),
                ));
            }
        }
    }
    Ok(())
}

pub(crate) fn put(op: &Op<'_>) -> Output {
    let content = op.required("Content");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        org::needs_all_features(&organization)?;
        validate(content)?;
        let sent = tagging::sent(op)?;
        let policy = match organization.resource_policy.take() {
            Some(old) => ResourcePolicy { content: content.to_owned(), ..old },
            None => ResourcePolicy {
                id: format!("rp-{}", names::some(8)?),
                content: content.to_owned(),
                tags: sent,
            },
        };
        let answer = shown(&organization, &policy);
        organization.resource_policy = Some(policy);
        organization.save(store)?;
        one("ResourcePolicy", answer)
    })
}

/// The text of the resource policy of the organization that an account is in.
pub(crate) fn delegation_policy(store: &impl Read, account: &AccountId) -> Result<Option<String>, Fail> {
    let organization = Organization::of(store, account.as_str())?;
    Ok(organization.and_then(|organization| organization.resource_policy).map(|policy| policy.content))
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let policy = organization.resource_policy.as_ref().ok_or_else(none)?;
        one("ResourcePolicy", shown(&organization, policy))
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.resource_policy.take().ok_or_else(none)?;
        organization.save(store)?;
        nothing()
    })
}
