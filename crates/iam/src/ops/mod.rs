//! The operations. One [`table`]: a name is implemented exactly when it stands there.

mod access_keys;
mod account;
pub(crate) mod assume_root;
mod attached;
mod boundary;
mod context_keys;
pub(crate) mod credentials;
mod details;
mod devices;
pub(crate) mod entities;
mod granted;
mod groups;
mod inline;
mod last_accessed;
pub(crate) mod linked_roles;
mod login;
mod oidc;
mod policies;
mod profiles;
mod report;
mod roles;
mod saml;
pub(crate) mod saml_identity;
mod server_certificates;
mod service_credentials;
mod signing;
mod simulate;
mod ssh_keys;
pub(crate) mod sts;
mod table;
mod tagging;
mod users;
mod versions;
pub(crate) mod web_identity;

use arn::{AccountId, Arn};
use policy::Principal;
use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply};

use crate::error::{Fail, validation};
use crate::model::Kind;
use crate::{Caller, Iam, names};
use table::TABLE;

/// An operation at work.
pub(crate) struct Op<'a> {
    pub(crate) iam: &'a Iam,
    pub(crate) call: &'a Call,
    pub(crate) caller: &'a Caller,
}

pub(crate) type Output = Result<Map<String, Value>, Fail>;
type Handler = fn(&Op<'_>) -> Output;

/// The answer of operations that answer nothing.
pub(crate) fn nothing() -> Output {
    Ok(Map::new())
}

/// An answer of one member.
pub(crate) fn one(member: &str, value: Value) -> Output {
    Ok(Map::from_iter([(member.to_owned(), value)]))
}

/// A random UUID (RFC 9562, version 4).
pub(crate) fn uuid() -> Result<String, Fail> {
    let number = u128::from_be_bytes(names::random()?) & !(0xf << 76) & !(0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let digits = format!("{number:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or_default());
    Ok(parts.join("-"))
}

impl Op<'_> {
    pub(crate) fn account(&self) -> &AccountId {
        &self.call.account
    }

    pub(crate) fn partition(&self) -> &'static str {
        Arn::partition_of(&self.call.region)
    }

    pub(crate) fn text(&self, member: &str) -> Option<&str> {
        self.call.text(member)
    }

    pub(crate) fn required(&self, member: &str) -> &str {
        self.call.required(member)
    }

    /// `Path`, which is `/` unless given.
    pub(crate) fn path(&self) -> &str {
        self.text("Path").unwrap_or("/")
    }

    /// The entity that the call names.
    pub(crate) fn name(&self, kind: Kind) -> &str {
        self.required(kind.name_member())
    }

    /// The user that the call names, or the user who calls (API Reference: "determines the user name implicitly
    /// based on the access key"). `None`: the root user calls and names nobody.
    pub(crate) fn user(&self) -> Result<Option<String>, Fail> {
        user_name(self.call, self.caller)
    }

    /// As [`Op::user`] where the root user must name somebody.
    pub(crate) fn some_user(&self) -> Result<String, Fail> {
        self.user()?.ok_or_else(must_name)
    }

    pub(crate) fn arn(&self, word: &str, path: &str, name: &str) -> String {
        names::arn(self.partition(), self.account(), word, path, name)
    }
}

/// test_iam_users `delete-access-key-without-username-error`.
fn must_name() -> Fail {
    validation("Must specify userName when calling with non-User credentials")
}

/// See [`Op::user`].
pub(crate) fn user_name(call: &Call, caller: &Caller) -> Result<Option<String>, Fail> {
    match (call.text("UserName"), &caller.principal) {
        (Some(name), _) => Ok(Some(name.to_owned())),
        (None, Principal::User { arn, .. }) => Ok(Some(names::last_segment(arn).to_owned())),
        (None, Principal::Root { .. }) => Ok(None),
        _ => Err(must_name()),
    }
}

/// The tags of the identity provider with this ARN; empty when the account has none of that ARN.
pub(crate) fn provider_tags(
    store: &impl names::Read,
    account: &AccountId,
    arn: &str,
) -> Result<Vec<crate::model::Tag>, Fail> {
    if arn.contains(":oidc-provider/") {
        oidc::tags_of(store, account, arn)
    } else {
        saml::tags_of(store, arn)
    }
}

/// Names of the operations of IAM and STS that have behaviour. The two services share no name.
#[must_use]
pub fn implemented() -> &'static [&'static str] {
    static NAMES: std::sync::LazyLock<Vec<&'static str>> =
        std::sync::LazyLock::new(|| TABLE.iter().map(|(name, _)| *name).collect());
    &NAMES
}

pub(crate) fn run(iam: &Iam, service: &str, call: &Call, caller: &Caller) -> Result<Reply, Fail> {
    let Ok(at) = TABLE.binary_search_by(|(name, _)| (*name).cmp(call.operation)) else {
        return Err(ApiError::not_implemented(service, call.operation).into());
    };
    let Some((_, handler)) = TABLE.get(at) else { return Err(ApiError::internal("table").into()) };
    let output = handler(&Op { iam, call, caller })?;
    Ok(Reply { output, ..Reply::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_so_that_every_name_is_found() {
        assert!(TABLE.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
