//! Stored things as the API answers them. Which members each answer holds follows the recordings of
//! localstack's tests/aws/services/iam, named at each form.

use arn::AccountId;
use serde_json::{Map, Value, json};

use crate::error::Fail;
use crate::managed::AwsPolicy;
use crate::model::{Entity, InstanceProfile, ManagedPolicy, Tag, Version};
use crate::names::{self, Read};
use crate::{IAM, trust};

/// Timestamps have whole seconds in IAM.
pub(crate) fn seconds(ms: i64) -> Value {
    json!(ms.div_euclid(1_000))
}

pub(crate) fn tags(tags: &[Tag]) -> Value {
    json!(tags)
}

/// Builds an object of an output.
pub(crate) fn object(members: Value) -> Map<String, Value> {
    match members {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// How much of a role, user or policy an operation shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// Create…: tags and boundary, but neither description nor longest session (test_create_role_defaults).
    Created,
    /// Get…: everything.
    Whole,
    /// List…: neither tags nor boundary (test_role_with_tags, test_role_permissions_boundary_lifecycle).
    Listed,
    /// UpdateRoleDescription: the description, not the longest session (test_update_role).
    Described,
    /// Inside an instance profile (test_list_instance_profiles).
    Nested,
}

pub(crate) fn role(store: &impl Read, entity: &Entity, form: Form) -> Result<Value, Fail> {
    let part = entity.role.clone().unwrap_or_default();
    let document = trust::current(store, &part.trust, &part.trust_ids)?;
    let mut shown = object(json!({
        "Path": entity.path,
        "RoleName": entity.name,
        "RoleId": entity.id,
        "Arn": entity.arn,
        "CreateDate": seconds(entity.created_ms),
        "AssumeRolePolicyDocument": document,
    }));
    if matches!(form, Form::Whole | Form::Listed | Form::Described)
        && let Some(description) = part.description
    {
        shown.insert("Description".into(), description.into());
    }
    if matches!(form, Form::Whole | Form::Listed) {
        shown.insert("MaxSessionDuration".into(), part.max_session_s.into());
    }
    if form == Form::Whole {
        shown.insert("RoleLastUsed".into(), json!({}));
    }
    if matches!(form, Form::Whole | Form::Created) {
        tags_and_boundary(&mut shown, entity);
    }
    Ok(Value::Object(shown))
}

pub(crate) fn user(entity: &Entity, form: Form) -> Value {
    let mut shown = object(json!({
        "Path": entity.path,
        "UserName": entity.name,
        "UserId": entity.id,
        "Arn": entity.arn,
        "CreateDate": seconds(entity.created_ms),
    }));
    if matches!(form, Form::Whole | Form::Created) {
        tags_and_boundary(&mut shown, entity);
    }
    Value::Object(shown)
}

pub(crate) fn group(entity: &Entity) -> Value {
    json!({
        "Path": entity.path,
        "GroupName": entity.name,
        "GroupId": entity.id,
        "Arn": entity.arn,
        "CreateDate": seconds(entity.created_ms),
    })
}

/// Both are left out when empty (test_iam_roles, test_iam_users).
fn tags_and_boundary(shown: &mut Map<String, Value>, entity: &Entity) {
    if !entity.tags.is_empty() {
        shown.insert("Tags".into(), tags(&entity.tags));
    }
    if let Some(boundary) = &entity.boundary {
        shown.insert("PermissionsBoundary".into(), self::boundary(boundary));
    }
}

/// The type reads `Policy` in the recording (test_role_permissions_boundary_lifecycle), not what the model's enum says.
pub(crate) fn boundary(arn: &str) -> Value {
    json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": arn })
}

/// How often a policy is attached, and how often it is a boundary, in one account.
pub(crate) fn uses(store: &impl Read, account: &AccountId, arn: &str) -> Result<(usize, usize), Fail> {
    let attached: Vec<(String, Value)> = store.all(IAM, &names::attachments(account, arn))?;
    let boundaries: Vec<(String, Value)> = store.all(IAM, &names::boundaries(account, arn))?;
    Ok((attached.len(), boundaries.len()))
}

/// A customer-managed policy; `Tags` is always there in the whole form, and only when not empty after creation
/// (test_policy_lifecycle, test_policy_tag_lifecycle).
pub(crate) fn policy(
    store: &impl Read,
    account: &AccountId,
    policy: &ManagedPolicy,
    form: Form,
) -> Result<Value, Fail> {
    let (attached, boundaries) = uses(store, account, &policy.arn)?;
    let mut shown = object(json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id,
        "Arn": policy.arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.default),
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": true,
        "CreateDate": seconds(policy.created_ms),
        "UpdateDate": seconds(policy.updated_ms),
    }));
    if form == Form::Whole {
        if let Some(description) = &policy.description {
            shown.insert("Description".into(), description.as_str().into());
        }
        shown.insert("Tags".into(), tags(&policy.tags));
    } else if form == Form::Created && !policy.tags.is_empty() {
        shown.insert("Tags".into(), tags(&policy.tags));
    }
    Ok(Value::Object(shown))
}

/// An AWS-managed policy. Its description is left out: documentation is not shipped.
pub(crate) fn aws_policy(
    store: &impl Read,
    account: &AccountId,
    partition: &str,
    policy: &AwsPolicy,
    form: Form,
) -> Result<Value, Fail> {
    let arn = policy.arn(partition);
    let (attached, boundaries) = uses(store, account, &arn)?;
    let mut shown = object(json!({
        "PolicyName": policy.name,
        "PolicyId": policy.id(),
        "Arn": arn,
        "Path": policy.path,
        "DefaultVersionId": format!("v{}", policy.version),
        "AttachmentCount": attached,
        "PermissionsBoundaryUsageCount": boundaries,
        "IsAttachable": true,
        "CreateDate": time(policy.created),
        "UpdateDate": time(policy.updated),
    }));
    if form == Form::Whole {
        shown.insert("Tags".into(), json!([]));
    }
    Ok(Value::Object(shown))
}

/// The default version of an AWS-managed policy; without `Document` where the text is not carried.
pub(crate) fn aws_version(policy: &AwsPolicy, with_document: bool) -> Value {
    let mut shown = object(json!({
        "VersionId": format!("v{}", policy.version),
        "IsDefaultVersion": true,
        "CreateDate": time(policy.updated),
    }));
    if let Some(document) = policy.document.filter(|_| with_document) {
        shown.insert("Document".into(), document.into());
    }
    Value::Object(shown)
}

/// A time of the table of AWS-managed policies; a test reads them all.
pub(crate) fn time(text: &str) -> Value {
    json!(text.parse::<jiff::Timestamp>().map(jiff::Timestamp::as_second).unwrap_or_default())
}

pub(crate) fn version(version: &Version, default: u32, with_document: bool) -> Value {
    let mut shown = object(json!({
        "VersionId": format!("v{}", version.number),
        "IsDefaultVersion": version.number == default,
        "CreateDate": seconds(version.created_ms),
    }));
    if with_document {
        shown.insert("Document".into(), version.document.as_str().into());
    }
    Value::Object(shown)
}

/// An instance profile. `Tags` follows the rule of managed policies (test_instance_profile_lifecycle).
pub(crate) fn profile(
    store: &impl Read,
    account: &AccountId,
    profile: &InstanceProfile,
    form: Form,
) -> Result<Value, Fail> {
    let mut roles = Vec::new();
    if let Some(name) = &profile.role
        && let Some(found) =
            store.one::<Entity>(IAM, &names::entity(account, crate::model::Kind::Role, name))?
    {
        roles.push(role(store, &found, Form::Nested)?);
    }
    let mut shown = object(json!({
        "Path": profile.path,
        "InstanceProfileName": profile.name,
        "InstanceProfileId": profile.id,
        "Arn": profile.arn,
        "CreateDate": seconds(profile.created_ms),
        "Roles": roles,
    }));
    if form == Form::Whole || form == Form::Created && !profile.tags.is_empty() {
        shown.insert("Tags".into(), tags(&profile.tags));
    }
    Ok(Value::Object(shown))
}
