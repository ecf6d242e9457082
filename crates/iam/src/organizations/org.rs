//! The organization itself.

use std::collections::{BTreeMap, BTreeSet};

use super::access::enter;
use super::fail::{constraint, fail};
use super::model::{Member, Organization};
use super::{ORGANIZATIONS, names};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing, one};

/// The address that an account has as long as nobody gave it one: accounts are not made, any twelve digits are one.
pub(crate) fn address(account: &str) -> String {
    format!("account+{account}@example.com")
}

/// An account that was there before it came into the organization.
pub(crate) fn existing(account: &str, root: &str, now_ms: i64) -> Member {
    Member {
        name: format!("Account {account}"),
        email: address(account),
        status: "ACTIVE".to_owned(),
        joined_method: "INVITED".to_owned(),
        joined_ms: now_ms,
        parent: root.to_owned(),
        tags: Vec::new(),
    }
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let account = op.account().to_string();
    op.iam.write(|store| {
        if Organization::of(store, &account)?.is_some() {
            return Err(fail(
                "AlreadyInOrganizationException",
                "The AWS account is already a member of an organization.",
            ));
        }
        let root = format!("r-{}", names::some(4)?);
        let organization = Organization {
            id: format!("o-{}", names::ten()?),
            management: account.clone(),
            feature_set: op.text("FeatureSet").unwrap_or("ALL").to_owned(),
            // Nothing is enabled to begin with: a fresh organization refuses to attach SCPs until EnablePolicyType
            // (terraform-provider-aws issue 4545; its tests see no types on a new root).
            enabled: Vec::new(),
            accounts: BTreeMap::from([(account.clone(), existing(&account, &root, op.call.now_ms))]),
            root,
            root_tags: Vec::new(),
            units: BTreeMap::new(),
            attached: BTreeMap::new(),
            services: BTreeMap::new(),
            delegated: BTreeMap::new(),
            root_features: BTreeSet::new(),
            resource_policy: None,
            requests: Vec::new(),
        };
        organization.save(store)?;
        store.put(ORGANIZATIONS, &names::member(&account), &organization.id)?;
        one("Organization", organization.shown())
    })
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    op.iam.read(|store| one("Organization", enter(op, store)?.shown()))
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        if organization.accounts.len() > 1 {
            return Err(fail(
                "OrganizationNotEmptyException",
                "To delete an organization you must first remove all member accounts (except the master).",
            ));
        }
        for account in organization.accounts.keys() {
            store.delete(ORGANIZATIONS, &names::member(account))?;
        }
        store.delete_prefix(ORGANIZATIONS, &names::policies(&organization.id))?;
        store.delete(ORGANIZATIONS, &names::organization(&organization.id))?;
        super::handshakes::forget(store, &organization.id)?;
        nothing()
    })
}

/// Organizations without all features have no policies of any type.
pub(crate) fn needs_all_features(organization: &Organization) -> Result<(), Fail> {
    if organization.feature_set == "ALL" {
        return Ok(());
    }
    Err(constraint(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "This operation requires the organization to have all features enabled.",
    ))
}
