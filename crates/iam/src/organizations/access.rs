//! Who may call what: which account (management, delegated administrator, member), and what IAM must allow.
//!
//! Accounts: API Reference, each operation ("You can only call this operation from the management account or a member
//! account that is a delegated administrator"). Actions, resources and keys: Service Authorization Reference, AWS
//! Organizations.

use std::sync::Arc;

use arn::AccountId;
use policy::{Check, Policy, PolicyKind};
use serde_json::Value;
use store::Read;
use wire::Call;

use super::fail::{no_access, not_in_use};
use super::model::{Handshake, Organization};
use super::{HANDSHAKES, names};
use crate::Iam;
use crate::checks::{request_tags, simple};
use crate::error::{Fail, internal};
use crate::model::Tag;
use crate::ops::Op;

/// From where an operation can be called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Any account, in an organization or not.
    Anywhere,
    /// Every account of the organization.
    Member,
    /// The management account and delegated administrators.
    Readers,
    /// The management account.
    Management,
}

fn from(call: &Call) -> From {
    match call.operation {
        "AcceptHandshake"
        | "CreateOrganization"
        | "DeclineHandshake"
        | "DescribeHandshake"
        | "ListHandshakesForAccount" => From::Anywhere,
        "CancelHandshake" => From::Management,
        "DescribeOrganization" | "LeaveOrganization" => From::Member,
        // A member sees what is effective for itself.
        "DescribeEffectivePolicy" if call.text("TargetId").is_none_or(|id| id == call.account.as_str()) => {
            From::Member
        }
        operation if operation.starts_with("Describe") || operation.starts_with("List") => From::Readers,
        _ => From::Management,
    }
}

/// What the organization's resource policy can let other accounts do (User Guide, orgs_delegate_policies: managing
/// policies, and reading).
#[must_use]
pub fn can_be_delegated(action: &str) -> bool {
    let name = action.strip_prefix("organizations:").unwrap_or(action);
    matches!(
        name,
        "AttachPolicy"
            | "CreatePolicy"
            | "DeletePolicy"
            | "DetachPolicy"
            | "DisablePolicyType"
            | "EnablePolicyType"
            | "TagResource"
            | "UntagResource"
            | "UpdatePolicy"
    ) || name.starts_with("Describe")
        || name.starts_with("List")
}

/// Whether the calling account may call this by what it is in the organization.
fn by_standing(organization: &Organization, call: &Call) -> bool {
    let account = call.account.as_str();
    match from(call) {
        _ if account == organization.management => true,
        From::Anywhere | From::Member => true,
        From::Readers => organization.delegated.get(account).is_some_and(|services| !services.is_empty()),
        From::Management => false,
    }
}

/// The organization of the calling account, in which it may call this operation.
pub(crate) fn enter(op: &Op<'_>, store: &impl Read) -> Result<Organization, Fail> {
    let organization = Organization::of(store, op.account().as_str())?.ok_or_else(not_in_use)?;
    // Where the resource policy is the way in, the decision before this has asked it: `checks` saw to that.
    let delegated = organization.resource_policy.is_some() && can_be_delegated(op.call.operation);
    if by_standing(&organization, op.call) || delegated { Ok(organization) } else { Err(no_access()) }
}

/// The checks before an operation runs.
pub(crate) fn checks(iam: &Iam, call: &Call) -> Result<Vec<Check>, Fail> {
    iam.read(|store| {
        let organization = Organization::of(store, call.account.as_str())?;
        let mut base = simple(&format!("organizations:{}", call.operation), "*".to_owned());
        request_tags(call, &mut base.context);
        if let Some(service) = call.text("ServicePrincipal") {
            base.context.set("organizations:ServicePrincipal", service);
        }
        for member in ["PolicyType", "Type", "Filter"] {
            if let Some(kind) = call.text(member) {
                base.context.set("organizations:PolicyType", kind);
            }
        }
        if let Some(id) = call.text("HandshakeId") {
            if let Some(shake) = store.one::<Handshake>(HANDSHAKES, id)? {
                base.resource =
                    names::handshake_arn(&shake.management, &shake.organization, &shake.action, id);
            }
            return Ok(vec![base]);
        }
        let Some(organization) = organization else { return Ok(vec![base]) };
        let mut checks = resources(store, &organization, call, &base)?;
        checks.extend(tags_of_new(&organization, call, &base));
        delegate(&organization, call, &mut checks)?;
        Ok(checks)
    })
}

/// One check for each resource that the call names.
fn resources(
    store: &impl Read,
    organization: &Organization,
    call: &Call,
    base: &Check,
) -> Result<Vec<Check>, Fail> {
    let mut checks = Vec::new();
    if let Some(id) = call.text("PolicyId") {
        let mut check = base.clone();
        if let Some(policy) = organization.policy(store, id)? {
            check.context.set("organizations:PolicyType", policy.kind.as_str());
            set_tags(&mut check, &policy.tags);
            check.resource = organization.policy_arn(&policy);
        }
        checks.push(check);
    }
    let named =
        ["TargetId", "AccountId", "OrganizationalUnitId", "ParentId", "ChildId", "RootId", "ResourceId"];
    let moved = ["SourceParentId", "DestinationParentId"];
    for id in named.iter().chain(&moved).filter_map(|member| call.text(member)) {
        let mut check = base.clone();
        if let Some(policy) = organization.policy(store, id)? {
            set_tags(&mut check, &policy.tags);
            check.resource = organization.policy_arn(&policy);
        } else if id.starts_with("rp-") {
            check.resource = organization.resource_policy_arn(id);
        } else {
            set_tags(&mut check, organization.tags(id).unwrap_or_default());
            check.resource = organization.target_arn(id);
        }
        // Attaching and detaching have a policy and a target, and their one policy type.
        if let Some(kind) = checks.first().and_then(|first| first.context.get("organizations:PolicyType")) {
            check.context.set_all("organizations:PolicyType", kind.to_vec());
        }
        checks.push(check);
    }
    if let (Some(policy), true) = (&organization.resource_policy, call.operation.ends_with("ResourcePolicy"))
    {
        checks.push(Check { resource: organization.resource_policy_arn(&policy.id), ..base.clone() });
    }
    if let Some(target) = call.input.get("Target").and_then(|target| target.get("Id")?.as_str()) {
        checks.push(Check { resource: organization.target_arn(target), ..base.clone() });
    }
    if checks.is_empty() {
        checks.push(base.clone());
    }
    Ok(checks)
}

/// Creating something with tags takes `organizations:TagResource` too (User Guide, "Adding tags to a resource when you create
/// it"). The resource has no id yet: it reads `ou/o-…/*`, as that of CreatePolicy does [reasoned].
fn tags_of_new(organization: &Organization, call: &Call, base: &Check) -> Option<Check> {
    call.input.get("Tags").and_then(Value::as_array).filter(|tags| !tags.is_empty())?;
    let resource = match call.operation {
        "CreateAccount" | "CreateGovCloudAccount" | "InviteAccountToOrganization" => {
            organization.arn_of("account", "/*")
        }
        "CreateOrganizationalUnit" => organization.arn_of("ou", "/*"),
        "CreatePolicy" => organization.policies_arn(call.text("Type").unwrap_or_default()),
        "PutResourcePolicy" => organization.arn_of("resourcepolicy", "/*"),
        _ => return None,
    };
    Some(Check { action: "organizations:TagResource".to_owned(), resource, ..base.clone() })
}

fn set_tags(check: &mut Check, tags: &[Tag]) {
    for tag in tags {
        check.context.set(format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
    }
}

/// A call that the account's standing does not cover is one across accounts: the organization belongs to the
/// management account, and its resource policy must let the caller in.
fn delegate(organization: &Organization, call: &Call, checks: &mut [Check]) -> Result<(), Fail> {
    let Some(document) = &organization.resource_policy else { return Ok(()) };
    if by_standing(organization, call) || !can_be_delegated(call.operation) {
        return Ok(());
    }
    let shown = "resource-based delegation policy of the organization";
    let policy = Policy::parse(shown, &document.content, PolicyKind::Resource)
        .map_err(|e| internal(format!("the stored {shown} does not parse: {e}")))?;
    let policy = Arc::new(policy);
    for check in checks {
        // AWS's example of such a policy allows CreatePolicy on `policy/o-…/backup_policy/*` (User Guide,
        // orgs_delegate_policies_example_consolidate_permissions), so that is what is asked about.
        if let ("CreatePolicy", Some(kind)) = (call.operation, call.text("Type")) {
            check.resource = organization.policies_arn(kind);
        }
        check.resource_account = AccountId::new(&organization.management).ok();
        check.resource_policy = Some(policy.clone());
    }
    Ok(())
}
