//! Policies: made, shown, changed, deleted.

use serde_json::json;
use store::{Read, Writer};

use super::access::enter;
use super::fail::{constraint, duplicate, fail, invalid, no_policy, type_not_available};
use super::listing::page;
use super::model::{OrgPolicy, Organization};
use super::{ORGANIZATIONS, content, kinds, names, tagging};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing, one};

/// Policies of a type in an organization (User Guide, orgs_reference_limits; later editions have more SCPs).
const MOST: usize = 1_000;

/// Those of AWS and the organization's own, by id.
fn all(store: &impl Read, organization: &Organization, kind: &str) -> Result<Vec<OrgPolicy>, Fail> {
    let own: Vec<(String, OrgPolicy)> = store.all(ORGANIZATIONS, &names::policies(&organization.id))?;
    let aws = kinds::default_policy(kind).and_then(kinds::aws_policy);
    let mut found: Vec<OrgPolicy> =
        aws.into_iter().chain(own.into_iter().map(|(_, policy)| policy)).collect();
    found.retain(|policy| policy.kind == kind);
    found.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(found)
}

fn save(store: &mut Writer<'_>, organization: &Organization, policy: &OrgPolicy) -> Result<(), Fail> {
    Ok(store.put(ORGANIZATIONS, &names::policy(&organization.id, &policy.id), policy)?)
}

fn answer(organization: &Organization, policy: &OrgPolicy) -> Output {
    one("Policy", json!({ "PolicySummary": organization.policy_shown(policy), "Content": policy.content }))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let kind = op.required("Type");
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        if organization.feature_set != "ALL" {
            return Err(type_not_available());
        }
        content::check(kind, op.required("Content"))?;
        let there = all(store, &organization, kind)?;
        if there.iter().any(|policy| policy.name == op.required("Name")) {
            return Err(duplicate("DuplicatePolicyException"));
        }
        if there.len() >= MOST {
            return Err(constraint(
                "POLICY_NUMBER_LIMIT_EXCEEDED",
                "You have exceeded the number of policies that you can have in an organization.",
            ));
        }
        let policy = OrgPolicy {
            id: format!("p-{}", names::some(8)?),
            name: op.required("Name").to_owned(),
            description: op.required("Description").to_owned(),
            kind: kind.to_owned(),
            content: op.required("Content").to_owned(),
            tags: tagging::sent(op)?,
            updated_ms: op.call.now_ms,
        };
        save(store, &organization, &policy)?;
        answer(&organization, &policy)
    })
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let policy = organization.policy(store, op.required("PolicyId"))?.ok_or_else(no_policy)?;
        answer(&organization, &policy)
    })
}

/// A policy that can be changed.
fn own(op: &Op<'_>, store: &impl Read, organization: &Organization) -> Result<OrgPolicy, Fail> {
    let id = op.required("PolicyId");
    if kinds::aws_policy(id).is_some() {
        return Err(invalid(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        ));
    }
    organization.policy(store, id)?.ok_or_else(no_policy)
}

pub(crate) fn update(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        let mut policy = own(op, store, &organization)?;
        if let Some(text) = op.text("Content") {
            content::check(&policy.kind, text)?;
            text.clone_into(&mut policy.content);
        }
        if let Some(name) = op.text("Name") {
            let twin = |other: &OrgPolicy| other.name == name && other.id != policy.id;
            if all(store, &organization, &policy.kind)?.iter().any(twin) {
                return Err(duplicate("DuplicatePolicyException"));
            }
            name.clone_into(&mut policy.name);
        }
        if let Some(description) = op.text("Description") {
            description.clone_into(&mut policy.description);
        }
        policy.updated_ms = op.call.now_ms;
        save(store, &organization, &policy)?;
        answer(&organization, &policy)
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        let policy = own(op, store, &organization)?;
        if organization.attached.values().flatten().any(|attached| attached.policy == policy.id) {
            return Err(fail(
                "PolicyInUseException",
                "This policy is attached to one or more entities. You must detach it from all roots, OUs, and \
                 accounts before performing this operation.",
            ));
        }
        store.delete(ORGANIZATIONS, &names::policy(&organization.id, &policy.id))?;
        nothing()
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let found = all(store, &organization, op.required("Filter"))?;
        let shown = found.iter().map(|policy| (policy.id.clone(), organization.policy_shown(policy)));
        page(op, "Policies", shown.collect())
    })
}
