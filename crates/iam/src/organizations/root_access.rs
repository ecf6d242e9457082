//! Centralized root access: what an organization lets its management account do as the root users of its members (IAM
//! User Guide, id_root-user-access-management). The operations are IAM's, and what they enable is the organization's.

use arn::AccountId;
use serde_json::{Value, json};
use store::Read;

use super::model::Organization;
use crate::error::{Fail, fail};
use crate::ops::{Op, Output};
use crate::render::object;

/// Credentials of root users are looked after.
pub(crate) const CREDENTIALS: &str = "RootCredentialsManagement";
/// Sessions of root users can be had.
pub(crate) const SESSIONS: &str = "RootSessions";
/// The service that has to be trusted, and for which administrators are delegated.
const IAM: &str = "iam.amazonaws.com";

/// Codes: botocore's model; texts: the descriptions of the API Reference, EnableOrganizationsRootSessions.
fn refused(code: &str, because: &str) -> Fail {
    fail(code, 400, format!("The request was rejected because {because}."))
}

fn is_administrator(organization: &Organization, account: &str) -> bool {
    account == organization.management
        || organization.delegated.get(account).is_some_and(|services| services.contains_key(IAM))
}

/// The organization, with trust in IAM, for its management account or a delegated administrator.
fn enter(op: &Op<'_>, store: &impl Read) -> Result<Organization, Fail> {
    let account = op.account().as_str();
    let organization = Organization::of(store, account)?.ok_or_else(|| {
        refused("OrganizationNotFoundException", "no organization is associated with your account")
    })?;
    if !is_administrator(&organization, account) {
        return Err(refused(
            "AccountNotManagementOrDelegatedAdministratorException",
            "the account making the request is not the management account or delegated administrator account for \
             centralized root access",
        ));
    }
    if organization.feature_set != "ALL" {
        return Err(refused(
            "OrganizationNotInAllFeaturesModeException",
            "your organization does not have All features enabled",
        ));
    }
    if !organization.services.contains_key(IAM) {
        return Err(refused(
            "ServiceAccessNotEnabledException",
            "trusted access is not enabled for IAM in Organizations",
        ));
    }
    Ok(organization)
}

fn shown(organization: &Organization) -> Output {
    let features: Vec<Value> = organization.root_access.iter().map(|feature| json!(feature)).collect();
    Ok(object(json!({ "OrganizationId": organization.id, "EnabledFeatures": features })))
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    op.iam.read(|store| shown(&enter(op, store)?))
}

pub(crate) fn enable(op: &Op<'_>, feature: &str) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        // Only the operations that enable have this error.
        if organization.management != op.account().as_str() {
            return Err(refused(
                "CallerIsNotManagementAccountException",
                "the account making the request is not the management account for the organization",
            ));
        }
        organization.root_access.insert(feature.to_owned());
        organization.save(store)?;
        shown(&organization)
    })
}

pub(crate) fn disable(op: &Op<'_>, feature: &str) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        organization.root_access.remove(feature);
        organization.save(store)?;
        shown(&organization)
    })
}

/// Whether `caller` may have a session of the root user of `target` for a task: the one administers the organization of
/// the other, which has enabled it. Looking after credentials is a feature of its own; sessions are for every task
/// (reasoned from the descriptions of both).
pub(crate) fn may_assume_root(
    store: &impl Read,
    caller: &AccountId,
    target: &AccountId,
    task: &str,
) -> Result<bool, Fail> {
    let Some(organization) = Organization::of(store, caller.as_str())? else { return Ok(false) };
    let member =
        organization.accounts.contains_key(target.as_str()) && organization.management != target.as_str();
    let enabled = |feature: &str| organization.root_access.contains(feature);
    let of_credentials = task.rsplit('/').next().is_some_and(|name| name.starts_with("IAM"));
    Ok(member
        && is_administrator(&organization, caller.as_str())
        && (enabled(SESSIONS) || of_credentials && enabled(CREDENTIALS)))
}
