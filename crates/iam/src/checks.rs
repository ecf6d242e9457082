//! Which permissions each operation of IAM needs: action, resource and condition keys (Service Authorization
//! Reference, AWS Identity and Access Management).
//!
//! The action has the operation's name. The resource follows from the members that the operation takes, which is
//! how the reference's table reads: an operation on a role names a role, and so on. Lists of roles, users, groups
//! and instance profiles are checked against `role/PREFIX` and so on, as AWS's denials print them (`… is not
//! authorized to perform: iam:ListRoles on resource: arn:aws:iam::A:role/`).

use arn::Arn;
use policy::{Check, Context, PolicyKind, Principal};
use wire::Call;

use crate::error::Fail;
use crate::model::{
    Account, Device, Entity, InstanceProfile, Key, Kind, ManagedPolicy, ServerCertificate, Tag,
};
use crate::names::{self, Read};
use crate::ops::{linked_roles, provider_tags, user_name};
use crate::{Caller, IAM, Iam, documents, sessions, tags, trust};

/// A check of the caller's own account without context.
pub(crate) fn simple(action: &str, resource: String) -> Check {
    Check {
        action: action.to_owned(),
        resource,
        resource_account: None,
        resource_policy: None,
        context: Context::new(),
    }
}

/// `aws:RequestTag/…` and `aws:TagKeys` of the tags (or tag keys) that the call sends.
pub(crate) fn request_tags(call: &Call, context: &mut Context) {
    let mut keys = tags::sent_keys(call);
    for tag in tags::sent(call) {
        context.set(format!("aws:RequestTag/{}", tag.key), tag.value);
        keys.push(tag.key);
    }
    if !keys.is_empty() {
        context.set_all("aws:TagKeys", keys);
    }
}

/// `aws:ResourceTag/…` of what carries tags.
fn resource_tags(tags: &[Tag], context: &mut Context) {
    for tag in tags {
        context.set(format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
    }
}

/// Of users and roles, and of them alone, `iam:ResourceTag/…` too (the reference's resource types).
fn entity_tags(tags: &[Tag], context: &mut Context) {
    resource_tags(tags, context);
    for tag in tags {
        context.set(format!("iam:ResourceTag/{}", tag.key), tag.value.as_str());
    }
}

pub(crate) fn checks(iam: &Iam, call: &Call, caller: &Caller) -> Result<Vec<Check>, Fail> {
    // Before any policy: AWS answers as if the key were none.
    sessions::refuse_token_sessions(caller)?;
    iam.read(|store| {
        let what = Asked { store, call, caller, partition: Arn::partition_of(&call.region) };
        let mut main = what.main()?;
        request_tags(call, &mut main.context);
        request_keys(call, &mut main.context);
        if matches!(call.operation, "ChangePassword" | "GetAccountPasswordPolicy") {
            what.own_password(&mut main)?;
        }
        let mut checks = vec![main];
        what.further(&mut checks)?;
        for check in &mut checks {
            check.resource_account = Some(call.account);
        }
        Ok(checks)
    })
}

struct Asked<'a, R> {
    store: &'a R,
    call: &'a Call,
    caller: &'a Caller,
    partition: &'static str,
}

impl<R: Read> Asked<'_, R> {
    fn arn(&self, word: &str, path: &str, name: &str) -> String {
        names::arn(self.partition, &self.call.account, word, path, name)
    }

    /// The check that bears the operation's name.
    fn main(&self) -> Result<Check, Fail> {
        let call = self.call;
        let mut check = simple(&format!("iam:{}", call.operation), String::new());
        let prefix = call.text("PathPrefix").unwrap_or("/");
        check.resource = match call.operation {
            "ListRoles" => self.arn("role", prefix, ""),
            "ListUsers" => self.arn("user", prefix, ""),
            "ListGroups" => self.arn("group", prefix, ""),
            "ListInstanceProfiles" => self.arn("instance-profile", prefix, ""),
            "GetAccessKeyLastUsed" => self.key_holder()?,
            "CreateServiceLinkedRole" => {
                let service = call.required("AWSServiceName");
                check.context.set("iam:AWSServiceName", service);
                let role = linked_roles::role_name(service, call.text("CustomSuffix"));
                let role = role.unwrap_or_else(|| "*".to_owned());
                self.arn("role", &format!("/aws-service-role/{service}/"), &role)
            }
            "GetMFADevice" if call.text("UserName").is_none() => self.device_holder()?,
            "ListServiceSpecificCredentials" if call.text("UserName").is_none() && flag(call, "AllUsers") => {
                self.arn("user", "/", "*")
            }
            "CreateOpenIDConnectProvider" => {
                let url = call.required("Url");
                self.arn("oidc-provider", "/", url.strip_prefix("https://").unwrap_or(url))
            }
            "CreateSAMLProvider" => self.arn("saml-provider", "/", call.required("Name")),
            "CreateDelegationRequest" => self.arn("delegation-request", "/", "*"),
            "GenerateOrganizationsAccessReport" => {
                self.arn("access-report", "/", call.required("EntityPath"))
            }
            // `task/aws-service-role/SERVICE/ROLE/UUID` (API Reference, DeleteServiceLinkedRole).
            "GetServiceLinkedRoleDeletionStatus" => {
                let task = call.required("DeletionTaskId").strip_prefix("task").unwrap_or_default();
                match task.rsplit_once('/').and_then(|(role, _)| role.rsplit_once('/')) {
                    Some((path, name)) => self.arn("role", &format!("{path}/"), name),
                    None => self.arn("role", "/", "*"),
                }
            }
            _ => return self.by_member(check),
        };
        Ok(check)
    }

    /// The resource that the operation's members name. Where two are named, the reference's resource type decides:
    /// the profile before the role, the group before the user, the entity before the policy.
    fn by_member(&self, mut check: Check) -> Result<Check, Fail> {
        let call = self.call;
        let path = call.text("Path").unwrap_or("/");
        if let Some(name) = call.text("InstanceProfileName") {
            let key = names::profile(&call.account, name);
            match self
                .store
                .one::<InstanceProfile>(IAM, &key)?
                .filter(|_| call.operation != "CreateInstanceProfile")
            {
                Some(profile) => {
                    resource_tags(&profile.tags, &mut check.context);
                    check.resource = profile.arn;
                }
                None => check.resource = self.arn("instance-profile", path, name),
            }
        } else if let Some(name) = call.text("GroupName") {
            self.entity(&mut check, Kind::Group, name)?;
        } else if let Some(name) = call.text("RoleName") {
            self.entity(&mut check, Kind::Role, name)?;
        } else if call.text("UserName").is_some() || about_a_user(call.operation) {
            match user_name(call, self.caller)? {
                Some(name) => self.entity(&mut check, Kind::User, &name)?,
                None => check.resource = format!("arn:{}:iam::{}:root", self.partition, call.account),
            }
        } else if let Some(arn) = call.text("PolicyArn") {
            let key = names::policy(&call.account, names::last_segment(arn));
            if let Some(policy) = self.store.one::<ManagedPolicy>(IAM, &key)?.filter(|p| p.arn == arn) {
                resource_tags(&policy.tags, &mut check.context);
            }
            check.resource = arn.to_owned();
        } else if let Some(name) = call.text("PolicyName") {
            check.resource = self.arn("policy", path, name);
        } else if let Some(name) = call.text("ServerCertificateName") {
            let found: Option<ServerCertificate> =
                self.store.one(IAM, &names::certificate(&call.account, name))?;
            check.resource = match found.filter(|_| call.operation != "UploadServerCertificate") {
                Some(found) => {
                    resource_tags(&found.tags, &mut check.context);
                    found.arn
                }
                None => self.arn("server-certificate", path, name),
            };
        } else if let Some(name) = call.text("VirtualMFADeviceName") {
            check.resource = self.arn("mfa", path, name);
        } else if let Some(id) = call.text("DelegationRequestId") {
            check.resource = self.arn("delegation-request", "/", id);
        } else {
            if let Some(serial) = call.text("SerialNumber")
                && let Some(device) = self.store.one::<Device>(IAM, &names::device(&call.account, serial))?
            {
                resource_tags(&device.tags, &mut check.context);
            }
            let named = [
                "OpenIDConnectProviderArn",
                "SAMLProviderArn",
                "PolicySourceArn",
                "SerialNumber",
                "EntityArn",
                "Arn",
            ];
            let arn = named.iter().find_map(|member| call.text(member)).filter(|arn| arn.starts_with("arn:"));
            check.resource = arn.unwrap_or("*").to_owned();
            self.tags_of_named(&mut check)?;
        }
        Ok(check)
    }

    /// Resource, tags and boundary of a user, group or role that exists or is about to.
    fn entity(&self, check: &mut Check, kind: Kind, name: &str) -> Result<(), Fail> {
        let call = self.call;
        let found: Option<Entity> = self.store.one(IAM, &names::entity(&call.account, kind, name))?;
        let creates = call.operation.starts_with("Create") && call.operation.ends_with(kind.title());
        if let Some(arn) = call.text("PolicyArn") {
            check.context.set("iam:PolicyARN", arn);
        }
        // Of the request where it sets one, else of the entity, for the operations that change permissions.
        let boundary = call.text("PermissionsBoundary").map(str::to_owned);
        match found.filter(|_| !creates) {
            Some(entity) => {
                if kind != Kind::Group {
                    entity_tags(&entity.tags, &mut check.context);
                }
                if let Some(arn) = boundary.or(entity.boundary.filter(|_| boundary_bears_on(call.operation)))
                {
                    check.context.set("iam:PermissionsBoundary", arn);
                }
                check.resource = entity.arn;
            }
            None => {
                if let Some(arn) = boundary {
                    check.context.set("iam:PermissionsBoundary", arn);
                }
                check.resource = self.arn(kind.word(), call.text("Path").unwrap_or("/"), name);
            }
        }
        Ok(())
    }

    /// The tags of a user, role or policy that is named by its ARN.
    fn tags_of_named(&self, check: &mut Check) -> Result<(), Fail> {
        let account = &self.call.account;
        let name = names::last_segment(&check.resource);
        for kind in [Kind::User, Kind::Role] {
            let found: Option<Entity> = self.store.one(IAM, &names::entity(account, kind, name))?;
            if let Some(entity) = found.filter(|entity| entity.arn == check.resource) {
                entity_tags(&entity.tags, &mut check.context);
            }
        }
        let found: Option<ManagedPolicy> = self.store.one(IAM, &names::policy(account, name))?;
        if let Some(policy) = found.filter(|policy| policy.arn == check.resource) {
            resource_tags(&policy.tags, &mut check.context);
        }
        if check.resource.contains("-provider/") {
            resource_tags(&provider_tags(self.store, account, &check.resource)?, &mut check.context);
        }
        Ok(())
    }

    /// Whose key `GetAccessKeyLastUsed` asks about.
    fn key_holder(&self) -> Result<String, Fail> {
        let account = &self.call.account;
        let key: Option<Key> = self.store.one(IAM, &names::key(self.call.required("AccessKeyId")))?;
        let Some(user) = key.filter(|k| k.account == account.as_str()).and_then(|key| key.user) else {
            return Ok("*".to_owned());
        };
        let user: Option<Entity> = self.store.one(IAM, &names::entity(account, Kind::User, &user))?;
        Ok(user.map_or_else(|| "*".to_owned(), |user| user.arn))
    }

    /// Whom the device that `GetMFADevice` asks about is enabled for.
    fn device_holder(&self) -> Result<String, Fail> {
        let serial = self.call.required("SerialNumber");
        let device: Option<Device> = self.store.one(IAM, &names::device(&self.call.account, serial))?;
        let holder = match device.and_then(|device| device.user) {
            Some(id) => trust::by_id(self.store, &id)?,
            None => None,
        };
        Ok(holder.map_or_else(|| self.arn("user", "/", "*"), |user| user.arn))
    }

    /// What every user of the account may do to itself once the password policy says so (User Guide,
    /// id_credentials_passwords_account-policy, "Allow users to change their own password"): granted as by a policy
    /// of the user's, so that a Deny elsewhere still counts.
    fn own_password(&self, check: &mut Check) -> Result<(), Fail> {
        let account: Option<Account> = self.store.one(IAM, &names::account(&self.call.account))?;
        let policy = account.and_then(|account| account.password_policy);
        let allows = policy.and_then(|policy| policy.get("AllowUsersToChangePassword")?.as_bool());
        let Principal::User { arn, .. } = &self.caller.principal else { return Ok(()) };
        if allows == Some(true) {
            let document = serde_json::json!({
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": { "AWS": arn },
                    "Action": ["iam:ChangePassword", "iam:GetAccountPasswordPolicy"],
                    "Resource": "*",
                },
            });
            let name = "account password policy (AllowUsersToChangePassword)".to_owned();
            let policy = documents::compile(name, &document.to_string(), PolicyKind::Resource)?;
            check.resource_policy = Some(std::sync::Arc::new(policy));
        }
        Ok(())
    }

    /// Checks besides the main one.
    fn further(&self, checks: &mut Vec<Check>) -> Result<(), Fail> {
        let call = self.call;
        let Some(main) = checks.first().cloned() else { return Ok(()) };
        // Tagging at creation needs the tagging action too (User Guide, id_tags).
        if let Some(action) = tagging_action(call.operation)
            && !tags::sent(call).is_empty()
        {
            let mut context = Context::new();
            request_tags(call, &mut context);
            checks.push(Check { action: action.to_owned(), context, ..main.clone() });
        }
        // A rename is checked against the old and the new ARN (API Reference, UpdateUser, UpdateGroup).
        for (operation, member, word) in [
            ("UpdateUser", "NewUserName", "user"),
            ("UpdateGroup", "NewGroupName", "group"),
            ("UpdateServerCertificate", "NewServerCertificateName", "server-certificate"),
        ] {
            if call.operation == operation && (call.text(member).is_some() || call.text("NewPath").is_some())
            {
                let name = call.text(member).unwrap_or_else(|| names::last_segment(&main.resource));
                let old_path = main.resource.split_once(word).map_or("/", |(_, rest)| {
                    rest.get(..rest.len() - names::last_segment(rest).len()).unwrap_or("/")
                });
                let resource = self.arn(word, call.text("NewPath").unwrap_or(old_path), name);
                checks.push(Check { resource, ..main.clone() });
            }
        }
        if call.operation == "AddRoleToInstanceProfile" {
            let mut pass = simple("iam:PassRole", String::new());
            self.entity(&mut pass, Kind::Role, call.required("RoleName"))?;
            // The role's tags say nothing reliable here (User Guide, id_roles_use_passrole).
            pass.context = Context::new();
            pass.context.set("iam:PassedToService", "ec2.amazonaws.com");
            checks.push(pass);
        }
        Ok(())
    }
}

/// The action that an operation needs besides its own when it is sent tags.
fn tagging_action(operation: &str) -> Option<&'static str> {
    Some(match operation {
        "CreateInstanceProfile" => "iam:TagInstanceProfile",
        "CreateOpenIDConnectProvider" => "iam:TagOpenIDConnectProvider",
        "CreatePolicy" => "iam:TagPolicy",
        "CreateRole" => "iam:TagRole",
        "CreateSAMLProvider" => "iam:TagSAMLProvider",
        "CreateUser" => "iam:TagUser",
        "CreateVirtualMFADevice" => "iam:TagMFADevice",
        "UploadServerCertificate" => "iam:TagServerCertificate",
        _ => return None,
    })
}

fn flag(call: &Call, member: &str) -> bool {
    call.input.get(member).and_then(serde_json::Value::as_bool).unwrap_or(false)
}

/// Operations whose user is the caller when none is named.
fn about_a_user(operation: &str) -> bool {
    matches!(
        operation,
        "ChangePassword"
            | "CreateAccessKey"
            | "CreateLoginProfile"
            | "DeactivateMFADevice"
            | "DeleteAccessKey"
            | "DeleteLoginProfile"
            | "DeleteServiceSpecificCredential"
            | "DeleteSigningCertificate"
            | "GetLoginProfile"
            | "GetMFADevice"
            | "GetUser"
            | "ListAccessKeys"
            | "ListMFADevices"
            | "ListSSHPublicKeys"
            | "ListServiceSpecificCredentials"
            | "ListSigningCertificates"
            | "ResetServiceSpecificCredential"
            | "UpdateAccessKey"
            | "UpdateServiceSpecificCredential"
            | "UpdateSigningCertificate"
            | "UploadSigningCertificate"
    )
}

/// Operations for which the entity's boundary is a condition key (the reference's `iam:PermissionsBoundary`, without
/// those whose request brings the boundary).
fn boundary_bears_on(operation: &str) -> bool {
    matches!(
        operation,
        "AttachRolePolicy"
            | "AttachUserPolicy"
            | "DeleteRole"
            | "DeleteRolePermissionsBoundary"
            | "DeleteRolePolicy"
            | "DeleteUserPermissionsBoundary"
            | "DeleteUserPolicy"
            | "DetachRolePolicy"
            | "DetachUserPolicy"
            | "GetRole"
            | "PutRolePolicy"
            | "PutUserPolicy"
            | "UpdateAssumeRolePolicy"
            | "UpdateRole"
            | "UpdateRoleDescription"
    )
}

/// IAM's own condition keys that are members of the request.
fn request_keys(call: &Call, context: &mut Context) {
    let keys: &[(&str, &str)] = match call.operation {
        "CreateServiceSpecificCredential" => &[("ServiceName", "iam:ServiceSpecificCredentialServiceName")],
        "GenerateOrganizationsAccessReport" => &[("OrganizationsPolicyId", "iam:OrganizationsPolicyId")],
        "CreateDelegationRequest" => &[("NotificationChannel", "iam:NotificationChannel")],
        "ListDelegationRequests" => &[("OwnerId", "iam:DelegationRequestOwner")],
        _ => &[],
    };
    for (member, key) in keys {
        if let Some(value) = call.text(member) {
            context.set(*key, value);
        }
    }
    let number = |member: &str| call.input.get(member).and_then(serde_json::Value::as_i64);
    match call.operation {
        "CreateServiceSpecificCredential" => {
            if let Some(days) = number("CredentialAgeDays") {
                context.set("iam:ServiceSpecificCredentialAgeDays", days.to_string());
            }
        }
        "CreateDelegationRequest" => {
            if let Some(seconds) = number("SessionDuration") {
                context.set("iam:DelegationDuration", seconds.to_string());
            }
            let template = call.input.get("Permissions").and_then(|p| p.get("PolicyTemplateArn"));
            if let Some(arn) = template.and_then(serde_json::Value::as_str) {
                context.set("iam:TemplateArn", arn);
            }
        }
        _ => {}
    }
}
