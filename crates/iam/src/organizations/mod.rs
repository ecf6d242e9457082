//! AWS Organizations: organizations, their accounts and units, and the policies that bind them.
//!
//! Everything is in one collection of the store, apart from handshakes: an invitation changes nobody's permissions, so
//! it must not put compiled policies out of date.

mod access;
mod accounts;
mod attachments;
mod content;
mod create_account;
mod delegation;
mod effective;
mod fail;
mod features;
mod handshakes;
mod invitations;
mod kinds;
mod listing;
mod membership;
mod model;
mod names;
mod org;
mod policies;
mod resource_policy;
pub(crate) mod root_access;
mod shape;
mod tagging;
mod tree;
mod units;

#[cfg(test)]
mod tests;

pub use access::can_be_delegated;
pub use membership::{Level, Membership};
pub(crate) use resource_policy::delegation_policy;

pub(crate) use access::checks;

use wire::{ApiError, Call, Reply};

use crate::error::Fail;
use crate::ops::{Op, Output};
use crate::{Caller, Iam};

/// Organizations with their trees, and policies.
pub(crate) const ORGANIZATIONS: &str = "organizations";
/// Handshakes.
pub(crate) const HANDSHAKES: &str = "handshakes";

type Handler = fn(&Op<'_>) -> Output;

/// Name and behaviour of every operation.
static TABLE: &[(&str, Handler)] = &[
    ("AcceptHandshake", handshakes::accept),
    ("AttachPolicy", attachments::attach),
    ("CancelHandshake", handshakes::cancel),
    ("CloseAccount", accounts::close),
    ("CreateAccount", create_account::create),
    ("CreateOrganization", org::create),
    ("CreateOrganizationalUnit", units::create),
    ("CreatePolicy", policies::create),
    ("DeclineHandshake", handshakes::decline),
    ("DeleteOrganization", org::delete),
    ("DeleteOrganizationalUnit", units::delete),
    ("DeletePolicy", policies::delete),
    ("DeleteResourcePolicy", resource_policy::delete),
    ("DeregisterDelegatedAdministrator", delegation::deregister),
    ("DescribeAccount", accounts::describe),
    ("DescribeCreateAccountStatus", create_account::status),
    ("DescribeEffectivePolicy", effective::describe),
    ("DescribeHandshake", handshakes::describe),
    ("DescribeOrganization", org::describe),
    ("DescribeOrganizationalUnit", units::describe),
    ("DescribePolicy", policies::describe),
    ("DescribeResourcePolicy", resource_policy::describe),
    ("DetachPolicy", attachments::detach),
    ("DisableAWSServiceAccess", delegation::disable_service),
    ("DisablePolicyType", features::disable_type),
    ("EnableAWSServiceAccess", delegation::enable_service),
    ("EnableAllFeatures", features::enable_all),
    ("EnablePolicyType", features::enable_type),
    ("InviteAccountToOrganization", invitations::invite),
    ("LeaveOrganization", accounts::leave),
    ("ListAWSServiceAccessForOrganization", delegation::services),
    ("ListAccounts", listing::accounts),
    ("ListAccountsForParent", listing::accounts_of),
    ("ListChildren", listing::children),
    ("ListCreateAccountStatus", create_account::list),
    ("ListDelegatedAdministrators", delegation::administrators),
    ("ListDelegatedServicesForAccount", delegation::services_of),
    ("ListHandshakesForAccount", handshakes::for_account),
    ("ListHandshakesForOrganization", handshakes::for_organization),
    ("ListOrganizationalUnitsForParent", listing::units_of),
    ("ListParents", listing::parents),
    ("ListPolicies", policies::list),
    ("ListPoliciesForTarget", attachments::policies_of),
    ("ListRoots", listing::roots),
    ("ListTagsForResource", tagging::list),
    ("ListTargetsForPolicy", attachments::targets_of),
    ("MoveAccount", accounts::relocate),
    ("PutResourcePolicy", resource_policy::put),
    ("RegisterDelegatedAdministrator", delegation::register),
    ("RemoveAccountFromOrganization", accounts::remove),
    ("TagResource", tagging::tag),
    ("UntagResource", tagging::untag),
    ("UpdateOrganizationalUnit", units::update),
    ("UpdatePolicy", policies::update),
];

/// Runs an operation that has been authenticated, validated and allowed by policies.
pub(crate) fn run(iam: &Iam, call: &Call, caller: &Caller) -> Result<Reply, Fail> {
    let Some((_, handler)) = TABLE.iter().find(|(name, _)| *name == call.operation) else {
        return Err(ApiError::not_implemented("organizations", call.operation).into());
    };
    let output = handler(&Op { iam, call, caller })?;
    Ok(Reply { output, ..Reply::default() })
}
