//! Which policies are on which roots, units and accounts.

use serde_json::json;
use store::Read;

use super::access::enter;
use super::fail::{constraint, duplicate, fail, invalid, no_policy, no_target, type_not_enabled};
use super::kinds::{self, RCP_FULL_ACCESS, SCP};
use super::listing::page;
use super::model::{OrgPolicy, Organization};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing};

/// The policy and the target that the call names.
fn named<'a>(
    op: &'a Op<'_>,
    store: &impl Read,
    organization: &Organization,
) -> Result<(OrgPolicy, &'a str), Fail> {
    let target = op.required("TargetId");
    let policy = organization.policy(store, op.required("PolicyId"))?.ok_or_else(no_policy)?;
    if organization.is_target(target) { Ok((policy, target)) } else { Err(no_target()) }
}

pub(crate) fn attach(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        let (policy, target) = named(op, store, &organization)?;
        if !organization.enabled.contains(&policy.kind) {
            return Err(type_not_enabled());
        }
        let there: Vec<&str> = organization.attached(target, &policy.kind).collect();
        if there.contains(&policy.id.as_str()) {
            return Err(duplicate("DuplicatePolicyAttachmentException"));
        }
        if there.len() >= kinds::limits(&policy.kind).attached {
            // Seen with AttachPolicy (terraform-provider-aws issue 41493).
            return Err(constraint(
                "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                "You have attached the maximum number of policies to the specified target.",
            ));
        }
        organization.attach(target, &policy.id, &policy.kind);
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn detach(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        let (policy, target) = named(op, store, &organization)?;
        let there: Vec<&str> = organization.attached(target, &policy.kind).collect();
        if !there.contains(&policy.id.as_str()) {
            return Err(fail(
                "PolicyNotAttachedException",
                "The policy isn't attached to the specified target in the specified root.",
            ));
        }
        if policy.id == RCP_FULL_ACCESS {
            return Err(invalid("NON_DETACHABLE_POLICY", "You can't detach this policy from the target."));
        }
        // "An entity must have at least one SCP attached" (User Guide, orgs_manage_policies_scps_attach).
        if policy.kind == SCP && there.len() == 1 {
            return Err(constraint(
                "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
                "You can't detach the last service control policy from the target: attach another one first.",
            ));
        }
        if let Some(attached) = organization.attached.get_mut(target) {
            attached.retain(|a| a.policy != policy.id);
        }
        organization.save(store)?;
        nothing()
    })
}

pub(crate) fn policies_of(op: &Op<'_>) -> Output {
    let target = op.required("TargetId");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        if !organization.is_target(target) {
            return Err(no_target());
        }
        let mut shown = Vec::new();
        for id in organization.attached(target, op.required("Filter")) {
            if let Some(policy) = organization.policy(store, id)? {
                shown.push((policy.id.clone(), organization.policy_shown(&policy)));
            }
        }
        shown.sort_by(|a, b| a.0.cmp(&b.0));
        page(op, "Policies", shown)
    })
}

pub(crate) fn targets_of(op: &Op<'_>) -> Output {
    let id = op.required("PolicyId");
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        organization.policy(store, id)?.ok_or_else(no_policy)?;
        let holds = |target: &&String| {
            organization.attached.get(*target).is_some_and(|all| all.iter().any(|a| a.policy == id))
        };
        let mut targets = organization.targets();
        targets.sort();
        let shown = targets.iter().filter(holds).map(|target| {
            let kind = match target.split_once('-') {
                Some(("r", _)) => "ROOT",
                Some(_) => "ORGANIZATIONAL_UNIT",
                None => "ACCOUNT",
            };
            let (arn, name) = (organization.target_arn(target), organization.title(target));
            (target.clone(), json!({ "TargetId": target, "Arn": arn, "Name": name, "Type": kind }))
        });
        page(op, "Targets", shown.collect())
    })
}
