//! What belongs to an account as a whole: its alias, its password policy, its summary.

use serde_json::{Map, Value, json};

use super::{Op, Output, nothing, one, server_certificates};
use crate::IAM;
use crate::error::{exists, no_such};
use crate::model::{Account, Device, Kind, ManagedPolicy};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::object;

pub(crate) fn find(op: &Op<'_>, store: &impl Read) -> Result<Account, crate::error::Fail> {
    Ok(store.one(IAM, &names::account(op.account()))?.unwrap_or_default())
}

/// An alias is unique among all accounts; a second one replaces the first (User Guide, console_account-alias).
pub(crate) fn create_alias(op: &Op<'_>) -> Output {
    let alias = op.required("AccountAlias");
    op.iam.write(|store| {
        let holder: Option<String> = store.get(IAM, &names::alias(alias))?;
        if holder.is_some_and(|account| account != op.account().as_str()) {
            return Err(exists(format!("The account alias {alias} already exists.")));
        }
        let mut account = find(op, store)?;
        if let Some(old) = account.alias.replace(alias.to_owned()) {
            store.delete(IAM, &names::alias(&old))?;
        }
        store.put(IAM, &names::alias(alias), &op.account().as_str())?;
        store.put(IAM, &names::account(op.account()), &account)?;
        nothing()
    })
}

pub(crate) fn delete_alias(op: &Op<'_>) -> Output {
    let alias = op.required("AccountAlias");
    op.iam.write(|store| {
        let mut account = find(op, store)?;
        if account.alias.as_deref() != Some(alias) {
            return Err(no_such(format!("The account alias {alias} cannot be found.")));
        }
        account.alias = None;
        store.delete(IAM, &names::alias(alias))?;
        store.put(IAM, &names::account(op.account()), &account)?;
        nothing()
    })
}

pub(crate) fn list_aliases(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let alias = find(op, store)?.alias;
        page(op.call, "AccountAliases", alias.map(|alias| (alias.clone(), Value::String(alias))))
    })
}

/// Texts: test_iam_account_password_policy.
pub(crate) fn password_policy(op: &Op<'_>) -> Output {
    op.iam.read(|store| match find(op, store)?.password_policy {
        Some(policy) => one("PasswordPolicy", Value::Object(policy)),
        None => Err(missing_password_policy(op)),
    })
}

fn missing_password_policy(op: &Op<'_>) -> crate::error::Fail {
    no_such(format!("The Password Policy with domain name {} cannot be found.", op.account()))
}

/// What is not sent takes its default again (API Reference, UpdateAccountPasswordPolicy: "This operation does not
/// support partial updates").
pub(crate) fn update_password_policy(op: &Op<'_>) -> Output {
    let mut policy: Map<String, Value> = object(json!({
        "MinimumPasswordLength": 6,
        "RequireSymbols": false,
        "RequireNumbers": false,
        "RequireUppercaseCharacters": false,
        "RequireLowercaseCharacters": false,
        "AllowUsersToChangePassword": false,
    }));
    policy.extend(op.call.input.clone());
    let expires = policy.get("MaxPasswordAge").and_then(Value::as_i64).is_some_and(|days| days > 0);
    policy.insert("ExpirePasswords".into(), expires.into());
    op.iam.write(|store| {
        let mut account = find(op, store)?;
        account.password_policy = Some(policy);
        store.put(IAM, &names::account(op.account()), &account)?;
        nothing()
    })
}

pub(crate) fn delete_password_policy(op: &Op<'_>) -> Output {
    op.iam.write(|store| {
        let mut account = find(op, store)?;
        if account.password_policy.take().is_none() {
            return Err(no_such("The account policy with name PasswordPolicy cannot be found."));
        }
        store.put(IAM, &names::account(op.account()), &account)?;
        nothing()
    })
}

/// The tokens of the global endpoint of STS. They work in every region here whatever is set; the summary shows it.
pub(crate) fn set_token_version(op: &Op<'_>) -> Output {
    let version = if op.required("GlobalEndpointTokenVersion") == "v2Token" { 2 } else { 1 };
    op.iam.write(|store| {
        let mut account = find(op, store)?;
        account.token_version = Some(version);
        store.put(IAM, &names::account(op.account()), &account)?;
        nothing()
    })
}

/// Quotas as recorded (test_get_account_summary_format). What only a console gives the root user is 0.
pub(crate) fn summary(op: &Op<'_>) -> Output {
    op.iam.read(|store| {
        let count = |prefix: String| -> Result<usize, crate::error::Fail> {
            Ok(store.all::<Value>(IAM, &prefix)?.len())
        };
        let account = op.account();
        let policies: Vec<(String, ManagedPolicy)> = store.all(IAM, &names::policies(account))?;
        let versions: usize = policies.iter().map(|(_, policy)| policy.versions.len()).sum();
        let devices: Vec<(String, Device)> = store.all(IAM, &names::devices(account))?;
        one(
            "SummaryMap",
            json!({
                "AccessKeysPerUserQuota": 2,
                "AccountAccessKeysPresent": usize::from(count(names::user_keys(account, ""))? > 0),
                "AccountMFAEnabled": 0,
                "AccountPasswordPresent": 0,
                "AccountSigningCertificatesPresent": 0,
                "AssumeRolePolicySizeQuota": 2_048,
                "AttachedPoliciesPerGroupQuota": 10,
                "AttachedPoliciesPerRoleQuota": 10,
                "AttachedPoliciesPerUserQuota": 10,
                "GlobalEndpointTokenVersion": find(op, store)?.token_version.unwrap_or(1),
                "GroupPolicySizeQuota": Kind::Group.inline_quota(),
                "Groups": count(names::entities(account, Kind::Group))?,
                "GroupsPerUserQuota": 10,
                "GroupsQuota": Kind::Group.count_quota(),
                "InstanceProfiles": count(names::profiles(account))?,
                "InstanceProfilesQuota": 1_000,
                "MFADevices": devices.len(),
                "MFADevicesInUse": devices.iter().filter(|(_, device)| device.user.is_some()).count(),
                "Policies": policies.len(),
                "PoliciesQuota": 1_500,
                "PolicySizeQuota": 6_144,
                "PolicyVersionsInUse": versions,
                "PolicyVersionsInUseQuota": 10_000,
                "Providers": count(format!("{account}/oidc/"))?,
                "RolePolicySizeQuota": Kind::Role.inline_quota(),
                "Roles": count(names::entities(account, Kind::Role))?,
                "RolesQuota": Kind::Role.count_quota(),
                "ServerCertificates": count(names::certificates(account))?,
                "ServerCertificatesQuota": server_certificates::PER_ACCOUNT,
                "SigningCertificatesPerUserQuota": 2,
                "UserPolicySizeQuota": Kind::User.inline_quota(),
                "Users": count(names::entities(account, Kind::User))?,
                "UsersQuota": Kind::User.count_quota(),
                "VersionsPerPolicyQuota": 5,
            }),
        )
    })
}
