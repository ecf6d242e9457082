//! Accounts of an organization: shown, moved, closed, sent away.

use super::access::enter;
use super::fail::{constraint, fail, no_account};
use super::model::{Member, Organization};
use crate::error::Fail;
use crate::ops::{Op, Output, nothing, one};

fn member<'a>(op: &Op<'_>, organization: &'a Organization) -> Result<&'a Member, Fail> {
    organization.accounts.get(op.required("AccountId")).ok_or_else(no_account)
}

pub(crate) fn describe(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let organization = enter(op, store)?;
        let shown = organization.account_shown(op.required("AccountId"), member(op, &organization)?);
        one("Account", shown)
    })
}

pub(crate) fn relocate(op: &Op<'_>) -> Output {
    let (from, to) = (op.required("SourceParentId"), op.required("DestinationParentId"));
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        member(op, &organization)?;
        if !organization.is_parent(from) || organization.parent(op.required("AccountId")) != Some(from) {
            return Err(fail(
                "SourceParentNotFoundException",
                "You specified a source parent that doesn't exist.",
            ));
        }
        if !organization.is_parent(to) {
            return Err(fail(
                "DestinationParentNotFoundException",
                "You specified a destination parent that doesn't exist.",
            ));
        }
        if from == to {
            return Err(fail(
                "DuplicateAccountException",
                "The account is already in the specified destination.",
            ));
        }
        if let Some(member) = organization.accounts.get_mut(op.required("AccountId")) {
            to.clone_into(&mut member.parent);
        }
        organization.save(store)?;
        nothing()
    })
}

/// A closed account stays in the organization, suspended (User Guide, orgs_manage_accounts_close). AWS removes it
/// after 90 days; here it stays.
pub(crate) fn close(op: &Op<'_>) -> Output {
    let account = op.required("AccountId");
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        if account == organization.management {
            return Err(constraint(
                "CANNOT_CLOSE_MANAGEMENT_ACCOUNT",
                "You cannot close the management account.",
            ));
        }
        let delegated = organization.delegated.get(account).is_some_and(|services| !services.is_empty());
        if delegated {
            return Err(delegated_administrator());
        }
        let member = organization.accounts.get_mut(account).ok_or_else(no_account)?;
        if member.status != "ACTIVE" {
            return Err(fail("AccountAlreadyClosedException", "The provided account is already closed."));
        }
        "SUSPENDED".clone_into(&mut member.status);
        organization.save(store)?;
        nothing()
    })
}

fn delegated_administrator() -> Fail {
    constraint(
        "CANNOT_REMOVE_DELEGATED_ADMINISTRATOR_FROM_ORG",
        "You can't remove an account from the organization while it is a delegated administrator for an AWS service.",
    )
}

pub(crate) fn remove(op: &Op<'_>) -> Output {
    take_out(op, op.required("AccountId"))
}

pub(crate) fn leave(op: &Op<'_>) -> Output {
    take_out(op, op.account().as_str())
}

/// AWS also wants a way of payment from accounts that were created in the organization; there is none to give here.
fn take_out(op: &Op<'_>, account: &str) -> Output {
    op.iam.write(|store| {
        let mut organization = enter(op, store)?;
        if account == organization.management {
            return Err(fail(
                "MasterCannotLeaveOrganizationException",
                "You can't remove a management account from an organization. If you want the management account to \
                 become a member account in another organization, you must first delete the current organization.",
            ));
        }
        if !organization.accounts.contains_key(account) {
            return Err(no_account());
        }
        if organization.delegated.get(account).is_some_and(|services| !services.is_empty()) {
            return Err(delegated_administrator());
        }
        organization.remove(store, account)?;
        super::handshakes::release(store, &organization.id, account)?;
        organization.save(store)?;
        nothing()
    })
}
