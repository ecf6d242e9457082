//! Accounts that are there already come into an organization by invitation: any twelve digits are an account here.

use arn::AccountId;
use serde_json::Value;
use store::Writer;

use super::access::enter;
use super::fail::{constraint, fail, handshake_constraint, invalid, no_handshake};
use super::handshakes::{self, INVITE};
use super::model::{Handshake, Organization};
use super::{HANDSHAKES, ORGANIZATIONS, names, org, shape, tagging};
use crate::error::Fail;
use crate::ops::{Op, Output, one};

/// Accounts of an organization. AWS begins with 10 and raises it on request up to this (User Guide,
/// orgs_reference_limits); nobody can be asked here.
pub(crate) const MOST_ACCOUNTS: usize = 10_000;
/// Invitations of 24 hours, those not counted that were accepted (the same page).
const MOST_INVITATIONS: usize = 20;
const DAY_MS: i64 = 86_400_000;

fn already_in_one() -> Fail {
    handshake_constraint(
        "ALREADY_IN_AN_ORGANIZATION",
        "The invited account is already a member of an organization.",
    )
}

/// The account that `Target` names.
fn target(op: &Op<'_>) -> Result<String, Fail> {
    let part = |member: &str| {
        let target = op.call.input.get("Target");
        target.and_then(|t| t.get(member)).and_then(Value::as_str).unwrap_or_default()
    };
    let id = part("Id");
    match part("Type") {
        "ACCOUNT" if AccountId::new(id).is_ok() => Ok(id.to_owned()),
        "ACCOUNT" => Err(invalid(
            "INVALID_PATTERN_TARGET_ID",
            format!("The target `{id}` is not an account id: an account id is twelve digits."),
        )),
        // Nobody reads mail here, so that an invitation by address could never be accepted.
        _ => Err(invalid(
            "INVALID_PARTY_TYPE_TARGET",
            "You specified an invalid party type for the target: crossgate invites accounts by id, \
             Id=111111111111,Type=ACCOUNT.",
        )),
    }
}

pub(crate) fn invite(op: &Op<'_>) -> Output {
    let now = op.call.now_ms;
    let account = target(op)?;
    op.iam.write(|store| {
        let organization = enter(op, store)?;
        if Organization::of(store, &account)?.is_some() {
            return Err(already_in_one());
        }
        handshakes::sweep(store, now)?;
        let all = handshakes::of(store, &organization.id)?;
        let standing = || all.iter().filter(|shake| shake.action == INVITE && shake.is_open(now));
        if standing().any(|shake| shake.account == account) {
            return Err(fail(
                "DuplicateHandshakeException",
                "A handshake with the same action and target already exists.",
            ));
        }
        if organization.accounts.len() + standing().count() >= MOST_ACCOUNTS {
            return Err(handshake_constraint(
                "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
                "You have exceeded the allowed number of AWS accounts.",
            ));
        }
        let counts = |shake: &&Handshake| {
            shake.action == INVITE && shake.state != "ACCEPTED" && shake.requested_ms > now - DAY_MS
        };
        if all.iter().filter(counts).count() >= MOST_INVITATIONS {
            return Err(handshake_constraint(
                "HANDSHAKE_RATE_LIMIT_EXCEEDED",
                "You have exceeded the number of handshakes that you can send in one day.",
            ));
        }
        if all.iter().any(|shake| shake.action == handshakes::ENABLE_ALL && shake.is_open(now)) {
            return Err(handshake_constraint(
                "INVITE_DISABLED_DURING_ENABLE_ALL_FEATURES",
                "You can't invite accounts while the organization is enabling all features.",
            ));
        }
        let mut shake = handshakes::new(&organization, INVITE, &account, now)?;
        shake.notes = op.text("Notes").map(str::to_owned);
        shake.tags = tagging::sent(op)?;
        store.put(HANDSHAKES, &shake.id, &shake)?;
        one("Handshake", shape::handshake(&shake, Some(&organization), now))
    })
}

/// Brings the invited account into the organization.
pub(crate) fn join(store: &mut Writer<'_>, shake: &Handshake, now_ms: i64) -> Result<(), Fail> {
    if Organization::of(store, &shake.account)?.is_some() {
        return Err(already_in_one());
    }
    let mut organization = Organization::find(store, &shake.organization)?.ok_or_else(no_handshake)?;
    if organization.accounts.len() >= MOST_ACCOUNTS {
        return Err(constraint(
            "ACCOUNT_NUMBER_LIMIT_EXCEEDED",
            "You have exceeded the allowed number of AWS accounts.",
        ));
    }
    let mut member = org::existing(&shake.account, &organization.root, now_ms);
    member.tags.clone_from(&shake.tags);
    organization.accounts.insert(shake.account.clone(), member);
    organization.attach_defaults(&shake.account);
    store.put(ORGANIZATIONS, &names::member(&shake.account), &organization.id)?;
    organization.save(store)
}
