//! Keys in the store, ARNs, and identifiers.

use arn::AccountId;
pub(crate) use store::Read;

use crate::error::{Fail, internal};
use crate::model::Kind;

/// Names are unique ignoring case (API Reference, CreateRole: "Names are not distinguished by case").
pub(crate) fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(crate) fn entities(account: &AccountId, kind: Kind) -> String {
    format!("{account}/{}s/", kind.word())
}

pub(crate) fn entity(account: &AccountId, kind: Kind, name: &str) -> String {
    format!("{account}/{}s/{}", kind.word(), folded(name))
}

pub(crate) fn policies(account: &AccountId) -> String {
    format!("{account}/policies/")
}

pub(crate) fn policy(account: &AccountId, name: &str) -> String {
    format!("{account}/policies/{}", folded(name))
}

pub(crate) fn profiles(account: &AccountId) -> String {
    format!("{account}/profiles/")
}

pub(crate) fn profile(account: &AccountId, name: &str) -> String {
    format!("{account}/profiles/{}", folded(name))
}

pub(crate) fn members(account: &AccountId, group: &str) -> String {
    format!("{account}/members/{}/", folded(group))
}

pub(crate) fn member(account: &AccountId, group: &str, user: &str) -> String {
    format!("{account}/members/{}/{}", folded(group), folded(user))
}

/// Attachments of a policy begin with this; no ARN holds the blank at the end.
pub(crate) fn attachments(account: &AccountId, policy_arn: &str) -> String {
    format!("{account}/attached/{policy_arn} ")
}

pub(crate) fn attachment(account: &AccountId, policy_arn: &str, kind: Kind, name: &str) -> String {
    format!("{account}/attached/{policy_arn} {} {}", kind.word(), folded(name))
}

pub(crate) fn boundaries(account: &AccountId, policy_arn: &str) -> String {
    format!("{account}/boundaries/{policy_arn} ")
}

pub(crate) fn boundary(account: &AccountId, policy_arn: &str, kind: Kind, name: &str) -> String {
    format!("{account}/boundaries/{policy_arn} {} {}", kind.word(), folded(name))
}

pub(crate) fn account(account: &AccountId) -> String {
    format!("{account}/account")
}

pub(crate) fn alias(alias: &str) -> String {
    format!("aliases/{alias}")
}

pub(crate) fn id(unique_id: &str) -> String {
    format!("ids/{unique_id}")
}

pub(crate) fn key(key_id: &str) -> String {
    format!("keys/{key_id}")
}

/// The keys of a user, or with an empty name those of the root user.
pub(crate) fn user_keys(account: &AccountId, user: &str) -> String {
    format!("{account}/userkeys/{}/", folded(user))
}

pub(crate) fn user_key(account: &AccountId, user: &str, key_id: &str) -> String {
    format!("{account}/userkeys/{}/{key_id}", folded(user))
}

/// What a user has of one kind ([`crate::model::OfUser`]), by the user's unique id.
pub(crate) fn credentials(account: &AccountId, word: &str, user_id: &str) -> String {
    format!("{account}/{word}/{user_id}/")
}

pub(crate) fn credential(account: &AccountId, word: &str, user_id: &str, id: &str) -> String {
    format!("{account}/{word}/{user_id}/{id}")
}

/// An account's credential report.
pub(crate) fn report(account: &AccountId) -> String {
    format!("{account}/report")
}

/// Jobs of last-accessed data.
pub(crate) fn jobs(account: &AccountId) -> String {
    format!("{account}/jobs/")
}

pub(crate) fn job(account: &AccountId, id: &str) -> String {
    format!("{account}/jobs/{id}")
}

/// A task that deleted a service-linked role.
pub(crate) fn deletion(account: &AccountId, task: &str) -> String {
    format!("{account}/deletions/{task}")
}

pub(crate) fn devices(account: &AccountId) -> String {
    format!("{account}/devices/")
}

pub(crate) fn device(account: &AccountId, serial: &str) -> String {
    format!("{account}/devices/{serial}")
}

pub(crate) fn certificates(account: &AccountId) -> String {
    format!("{account}/certificates/")
}

pub(crate) fn certificate(account: &AccountId, name: &str) -> String {
    format!("{account}/certificates/{}", folded(name))
}

pub(crate) fn session(key_id: &str) -> String {
    format!("sessions/{key_id}")
}

/// `arn:aws:iam::A:role/path/name`; `path` begins and ends with a slash.
pub(crate) fn arn(partition: &str, account: &AccountId, word: &str, path: &str, name: &str) -> String {
    format!("arn:{partition}:iam::{account}:{word}{path}{name}")
}

/// The last part of a path or ARN.
pub(crate) fn last_segment(text: &str) -> &str {
    text.rsplit('/').next().unwrap_or(text)
}

/// `v3` as 3.
pub(crate) fn version_number(text: &str) -> Option<u32> {
    text.strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// Random bytes from the system.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], Fail> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| internal(format!("the system gives no random bytes: {e}")))?;
    Ok(bytes)
}

/// A new unique id.
pub(crate) fn new_id(prefix: &str) -> Result<String, Fail> {
    Ok(arn::unique_id(prefix, &random()?))
}
