//! The operations. One table: a name is implemented exactly when it stands here.

mod access_keys;
mod account;
pub(crate) mod assume_root;
mod attached;
mod boundary;
mod details;
pub(crate) mod entities;
mod groups;
mod inline;
mod login;
mod none;
mod oidc;
mod policies;
mod profiles;
mod roles;
mod saml;
pub(crate) mod saml_identity;
mod simulate;
pub(crate) mod sts;
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
use crate::{Caller, Iam, federation, names};

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

/// Name and behaviour of every operation.
static TABLE: &[(&str, Handler)] = &[
    ("AddClientIDToOpenIDConnectProvider", oidc::add_client),
    ("AddRoleToInstanceProfile", profiles::add_role),
    ("AddUserToGroup", groups::add_user),
    ("AssumeRole", sts::assume_role),
    ("AssumeRoleWithSAML", federation::unsigned_only),
    ("AssumeRoleWithWebIdentity", federation::unsigned_only),
    ("AssumeRoot", assume_root::assume_root),
    ("AttachGroupPolicy", |op| attached::attach(op, Kind::Group)),
    ("AttachRolePolicy", |op| attached::attach(op, Kind::Role)),
    ("AttachUserPolicy", |op| attached::attach(op, Kind::User)),
    ("CreateAccessKey", access_keys::create),
    ("CreateAccountAlias", account::create_alias),
    ("CreateGroup", groups::create),
    ("CreateInstanceProfile", profiles::create),
    ("CreateLoginProfile", login::create),
    ("CreateOpenIDConnectProvider", oidc::create),
    ("CreatePolicy", policies::create),
    ("CreatePolicyVersion", versions::create),
    ("CreateRole", roles::create),
    ("CreateSAMLProvider", saml::create),
    ("CreateUser", users::create),
    ("DecodeAuthorizationMessage", sts::decode_message),
    ("DeleteAccessKey", access_keys::delete),
    ("DeleteAccountAlias", account::delete_alias),
    ("DeleteAccountPasswordPolicy", account::delete_password_policy),
    ("DeleteGroup", groups::delete),
    ("DeleteGroupPolicy", |op| inline::delete(op, Kind::Group)),
    ("DeleteInstanceProfile", profiles::delete),
    ("DeleteLoginProfile", login::delete),
    ("DeleteOpenIDConnectProvider", oidc::delete),
    ("DeletePolicy", policies::delete),
    ("DeletePolicyVersion", versions::delete),
    ("DeleteRole", roles::delete),
    ("DeleteRolePermissionsBoundary", |op| boundary::delete(op, Kind::Role)),
    ("DeleteRolePolicy", |op| inline::delete(op, Kind::Role)),
    ("DeleteSAMLProvider", saml::delete),
    ("DeleteUser", users::delete),
    ("DeleteUserPermissionsBoundary", |op| boundary::delete(op, Kind::User)),
    ("DeleteUserPolicy", |op| inline::delete(op, Kind::User)),
    ("DetachGroupPolicy", |op| attached::detach(op, Kind::Group)),
    ("DetachRolePolicy", |op| attached::detach(op, Kind::Role)),
    ("DetachUserPolicy", |op| attached::detach(op, Kind::User)),
    ("GetAccessKeyInfo", sts::access_key_info),
    ("GetAccessKeyLastUsed", access_keys::last_used),
    ("GetAccountAuthorizationDetails", details::get),
    ("GetAccountPasswordPolicy", account::password_policy),
    ("GetAccountSummary", account::summary),
    ("GetCallerIdentity", sts::caller_identity),
    ("GetContextKeysForCustomPolicy", simulate::keys_of_custom),
    ("GetContextKeysForPrincipalPolicy", simulate::keys_of_principal),
    ("GetFederationToken", sts::federation_token),
    ("GetGroup", groups::get),
    ("GetGroupPolicy", |op| inline::get(op, Kind::Group)),
    ("GetInstanceProfile", profiles::get),
    ("GetLoginProfile", login::get),
    ("GetOpenIDConnectProvider", oidc::get),
    ("GetPolicy", policies::get),
    ("GetPolicyVersion", versions::get),
    ("GetRole", roles::get),
    ("GetRolePolicy", |op| inline::get(op, Kind::Role)),
    ("GetSAMLProvider", saml::get),
    ("GetSessionToken", sts::session_token),
    ("GetUser", users::get),
    ("GetUserPolicy", |op| inline::get(op, Kind::User)),
    ("ListAccessKeys", access_keys::list),
    ("ListAccountAliases", account::list_aliases),
    ("ListAttachedGroupPolicies", |op| attached::list(op, Kind::Group)),
    ("ListAttachedRolePolicies", |op| attached::list(op, Kind::Role)),
    ("ListAttachedUserPolicies", |op| attached::list(op, Kind::User)),
    ("ListEntitiesForPolicy", policies::entities),
    ("ListGroupPolicies", |op| inline::list(op, Kind::Group)),
    ("ListGroups", groups::list),
    ("ListGroupsForUser", groups::of_user),
    ("ListInstanceProfileTags", profiles::list_tags),
    ("ListInstanceProfiles", profiles::list),
    ("ListInstanceProfilesForRole", profiles::of_role),
    ("ListMFADevices", none::mfa_devices),
    ("ListOpenIDConnectProviderTags", oidc::list_tags),
    ("ListOpenIDConnectProviders", oidc::list),
    ("ListPolicies", policies::list),
    ("ListPolicyTags", policies::list_tags),
    ("ListPolicyVersions", versions::list),
    ("ListRolePolicies", |op| inline::list(op, Kind::Role)),
    ("ListRoleTags", |op| tagging::list(op, Kind::Role)),
    ("ListRoles", roles::list),
    ("ListSAMLProviderTags", saml::list_tags),
    ("ListSAMLProviders", saml::list),
    ("ListSSHPublicKeys", none::ssh_keys),
    ("ListServerCertificates", none::server_certificates),
    ("ListServiceSpecificCredentials", none::service_credentials),
    ("ListSigningCertificates", none::signing_certificates),
    ("ListUserPolicies", |op| inline::list(op, Kind::User)),
    ("ListUserTags", |op| tagging::list(op, Kind::User)),
    ("ListUsers", users::list),
    ("ListVirtualMFADevices", none::virtual_devices),
    ("PutGroupPolicy", |op| inline::put(op, Kind::Group)),
    ("PutRolePermissionsBoundary", |op| boundary::put(op, Kind::Role)),
    ("PutRolePolicy", |op| inline::put(op, Kind::Role)),
    ("PutUserPermissionsBoundary", |op| boundary::put(op, Kind::User)),
    ("PutUserPolicy", |op| inline::put(op, Kind::User)),
    ("RemoveClientIDFromOpenIDConnectProvider", oidc::remove_client),
    ("RemoveRoleFromInstanceProfile", profiles::remove_role),
    ("RemoveUserFromGroup", groups::remove_user),
    ("SetDefaultPolicyVersion", versions::set_default),
    ("SimulateCustomPolicy", simulate::custom_policy),
    ("SimulatePrincipalPolicy", simulate::principal_policy),
    ("TagInstanceProfile", profiles::tag),
    ("TagOpenIDConnectProvider", oidc::tag),
    ("TagPolicy", policies::tag),
    ("TagRole", |op| tagging::tag(op, Kind::Role)),
    ("TagSAMLProvider", saml::tag),
    ("TagUser", |op| tagging::tag(op, Kind::User)),
    ("UntagInstanceProfile", profiles::untag),
    ("UntagOpenIDConnectProvider", oidc::untag),
    ("UntagPolicy", policies::untag),
    ("UntagRole", |op| tagging::untag(op, Kind::Role)),
    ("UntagSAMLProvider", saml::untag),
    ("UntagUser", |op| tagging::untag(op, Kind::User)),
    ("UpdateAccessKey", access_keys::update),
    ("UpdateAccountPasswordPolicy", account::update_password_policy),
    ("UpdateAssumeRolePolicy", roles::update_trust),
    ("UpdateGroup", groups::update),
    ("UpdateLoginProfile", login::update),
    ("UpdateOpenIDConnectProviderThumbprint", oidc::update_thumbprints),
    ("UpdateRole", roles::update),
    ("UpdateRoleDescription", roles::update_description),
    ("UpdateSAMLProvider", saml::update),
    ("UpdateUser", users::update),
];

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
