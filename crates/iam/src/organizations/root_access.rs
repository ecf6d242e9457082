//! Centralized root access: what IAM's operations switch on for an organization, and whom it lets become the root user
//! of a member account (User Guide, id_root-enable-root-access; API Reference of the five operations and AssumeRoot).

use arn::AccountId;
use serde_json::json;
use store::Read;

use super::fail::fail;
use super::model::Organization;
use crate::error::Fail;
use crate::ops::{Op, Output};
use crate::render::object;

/// Delete and recover the root user's credentials.
pub(crate) const CREDENTIALS: &str = "RootCredentialsManagement";
/// Privileged tasks on resources.
pub(crate) const SESSIONS: &str = "RootSessions";
/// Whose trusted access and delegated administrators count.
const IAM: &str = "iam.amazonaws.com";

/// The calling account's organization, for which it may look at and change the features. The codes are the API
/// Reference's; the texts follow its descriptions, and the order of the checks is reasoned.
fn enter(op: &Op<'_>, store: &impl Read) -> Result<Organization, Fail> {
    let Some(organization) = Organization::of(store, op.account().as_str())? else {
        return Err(fail(
            "OrganizationNotFoundException",
            "No organization is associated with your account.",
        ));
    };
    if organization.feature_set != "ALL" {
        return Err(fail(
            "OrganizationNotInAllFeaturesModeException",
            "Your organization does not have All features enabled.",
        ));
    }
    if !organization.services.contains_key(IAM) {
        return Err(fail(
            "ServiceAccessNotEnabledException",
            "Trusted access is not enabled for IAM in AWS Organizations.",
        ));
    }
    if !organization.administers_root_access(op.account().as_str()) {
        return Err(fail(
            "AccountNotManagementOrDelegatedAdministratorException",
            "The account making the request is not the management account or delegated administrator account for \
             centralized root access.",
        ));
    }
    Ok(organization)
}

impl Organization {
    fn administers_root_access(&self, account: &str) -> bool {
        let delegated = || self.delegated.get(account).is_some_and(|services| services.contains_key(IAM));
        account == self.management || delegated()
    }
}

fn shown(organization: &Organization) -> Output {
    let features = &organization.root_features;
    Ok(object(json!({ "OrganizationId": organization.id, "EnabledFeatures": features })))
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| shown(&enter(op, store)?))
}

/// Enabling what is enabled changes nothing.
pub(crate) fn enable(op: &Op<'_>, feature: &str) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.root_features.insert(feature.to_owned());
        organization.save(store)?;
        shown(&organization)
    })
}

pub(crate) fn disable(op: &Op<'_>, feature: &str) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.root_features.remove(feature);
        organization.save(store)?;
        shown(&organization)
    })
}

/// Whether `caller` may become the root user of `target`, by the feature that the task belongs to: the management
/// account or IAM's delegated administrator, of a member account.
pub(crate) fn reaches(
    store: &impl Read,
    caller: &AccountId,
    target: &AccountId,
    feature: &str,
) -> Result<bool, Fail> {
    let Some(organization) = Organization::of(store, caller.as_str())? else { return Ok(false) };
    let member = organization.accounts.contains_key(target.as_str())
        && target.as_str() != organization.management
        && target != caller;
    Ok(member
        && organization.administers_root_access(caller.as_str())
        && organization.services.contains_key(IAM)
        && organization.root_features.contains(feature))
}
