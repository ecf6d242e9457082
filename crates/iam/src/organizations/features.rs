//! All features, and the types of policies that are enabled in the root.

use super::access::enter;
use super::fail::{fail, handshake_constraint, no_root, type_not_available, type_not_enabled};
use super::handshakes::{self, APPROVE_ALL, ENABLE_ALL, INVITE};
use super::model::{Handshake, Organization};
use super::{HANDSHAKES, kinds, shape};
use crate::error::Fail;
use crate::ops::{Op, Output, one};

/// How long invited accounts have to agree (User Guide, orgs_manage_org_support-all-features).
const APPROVAL_MS: i64 = 90 * 86_400_000;

pub(crate) fn enable_all(op: &Op<'_>) -> Output {
    let now = op.call.now_ms;
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        if organization.feature_set == "ALL" {
            return Err(handshake_constraint(
                "ORGANIZATION_ALREADY_HAS_ALL_FEATURES",
                "All features are already enabled in this organization.",
            ));
        }
        let pending = |shake: &Handshake| shake.action == ENABLE_ALL && shake.is_open(now);
        if handshakes::of(store, &organization.id)?.iter().any(pending) {
            return Err(handshake_constraint(
                "ORGANIZATION_IS_ALREADY_PENDING_ALL_FEATURES_MIGRATION",
                "The organization has already started the process to enable all features.",
            ));
        }
        // Invitations that stand are canceled (User Guide, orgs_manage_org_support-all-features).
        handshakes::cancel_where(store, &organization.id, |shake| {
            shake.action == INVITE && shake.is_open(now)
        })?;
        let invited: Vec<String> = organization
            .accounts
            .iter()
            .filter(|(id, member)| **id != organization.management && member.joined_method == "INVITED")
            .map(|(id, _)| id.clone())
            .collect();
        let mut request = handshakes::new(&organization, ENABLE_ALL, &organization.management, now)?;
        request.expires_ms = now + APPROVAL_MS;
        if invited.is_empty() {
            "OPEN".clone_into(&mut request.state);
        }
        for account in invited {
            let mut approval = handshakes::new(&organization, APPROVE_ALL, &account, now)?;
            approval.expires_ms = request.expires_ms;
            approval.parent = Some(request.id.clone());
            store.put(HANDSHAKES, &approval.id, &approval)?;
        }
        store.put(HANDSHAKES, &request.id, &request)?;
        one("Handshake", shape::handshake(&request, Some(&organization), now))
    })
}

fn root(op: &Op<'_>, organization: &Organization) -> Result<(), Fail> {
    if op.required("RootId") == organization.root { Ok(()) } else { Err(no_root()) }
}

pub(crate) fn enable_type(op: &Op<'_>) -> Output {
    let kind = op.required("PolicyType");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        root(op, &organization)?;
        if organization.feature_set != "ALL" {
            return Err(type_not_available());
        }
        if organization.enabled.iter().any(|enabled| enabled == kind) {
            // Seen by pepperize/cdk-organizations (pull request 633).
            return Err(fail(
                "PolicyTypeAlreadyEnabledException",
                "The specified policy type is already enabled.",
            ));
        }
        organization.enabled.push(kind.to_owned());
        if let Some(policy) = kinds::default_policy(kind) {
            for target in organization.targets() {
                organization.attach(&target, policy, kind);
            }
        }
        organization.save(store)?;
        one("Root", organization.root_shown())
    })
}

/// Detaches every policy of the type from everything; enabling it again begins with the defaults (User Guide,
/// orgs_manage_policies_enable-disable).
pub(crate) fn disable_type(op: &Op<'_>) -> Output {
    let kind = op.required("PolicyType");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        root(op, &organization)?;
        if !organization.enabled.iter().any(|enabled| enabled == kind) {
            return Err(type_not_enabled());
        }
        organization.enabled.retain(|enabled| enabled != kind);
        for attached in organization.attached.values_mut() {
            attached.retain(|a| a.kind != kind);
        }
        organization.save(store)?;
        one("Root", organization.root_shown())
    })
}
