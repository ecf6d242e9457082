//! Managed policies: customer-managed ones, and AWS's own as far as they are carried.

use policy::PolicyKind;
use serde_json::{Value, json};

use super::{Op, Output, attached, nothing, one, tagging};
use crate::error::{Fail, conflict, exists, limit, no_such_policy, outside_account, quota};
use crate::model::{Attachment, Kind, ManagedPolicy, Version};
use crate::names::{self, Read};
use crate::page::page;
use crate::render::{self, Form, object};
use crate::tags::{self, Case};
use crate::{IAM, documents, managed};

/// Bytes of a managed policy, white space not counted, and policies of an account (test_iam_account_summary).
const BYTES: usize = 6_144;
const PER_ACCOUNT: usize = 1_500;

/// Checks a document that comes in.
pub(crate) fn accept(document: &str) -> Result<(), Fail> {
    documents::validate(document, PolicyKind::Identity)?;
    if documents::size(document) > BYTES {
        return Err(limit(format!("Cannot exceed quota for PolicySize: {BYTES}")));
    }
    Ok(())
}

/// The `PolicyArn` member of an operation that changes the policy.
pub(crate) fn own_policy_arn<'a>(op: &'a Op<'_>) -> Result<&'a str, Fail> {
    let arn = policy_arn(op)?;
    let owner = arn.split(':').nth(4);
    match owner == Some(&op.account().to_string()) {
        true => Ok(arn),
        false => Err(outside_account()),
    }
}

/// The `PolicyArn` member.
pub(crate) fn policy_arn<'a>(op: &'a Op<'_>) -> Result<&'a str, Fail> {
    let arn = op.required("PolicyArn");
    attached::well_formed(arn).map(|()| arn)
}

/// The account's own policy with this ARN.
pub(crate) fn find(op: &Op<'_>, store: &impl Read, arn: &str) -> Result<Option<ManagedPolicy>, Fail> {
    let found: Option<ManagedPolicy> =
        store.one(IAM, &names::policy(op.account(), names::last_segment(arn)))?;
    Ok(found.filter(|policy| policy.arn == arn))
}

pub(crate) fn save(op: &Op<'_>, store: &mut store::Writer<'_>, policy: &ManagedPolicy) -> Result<(), Fail> {
    Ok(store.put(IAM, &names::policy(op.account(), &policy.name), policy)?)
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let (name, path) = (op.required("PolicyName"), op.path());
    let document = op.required("PolicyDocument");
    op.iam.write(|store| {
        accept(document)?;
        let key = names::policy(op.account(), name);
        if store.get::<Value>(IAM, &key)?.is_some() {
            return Err(exists(format!(
                "A policy called {name} already exists. Duplicate names are not allowed."
            )));
        }
        let there: Vec<(String, Value)> =
            store.list(IAM, &names::policies(op.account()), None, PER_ACCOUNT)?;
        if there.len() >= PER_ACCOUNT {
            return Err(quota("PoliciesPerAccount", PER_ACCOUNT));
        }
        let tags = tags::sent(op.call);
        tags::unique(&tags, Case::Kept)?;
        let now = op.call.now_ms;
        let policy = ManagedPolicy {
            name: name.to_owned(),
            path: path.to_owned(),
            arn: op.arn("policy", path, name),
            id: names::new_id("ANPA")?,
            description: op.text("Description").map(str::to_owned),
            created_ms: now,
            updated_ms: now,
            tags,
            versions: vec![Version { number: 1, document: document.to_owned(), created_ms: now }],
            default: 1,
            last: 1,
        };
        save(op, store, &policy)?;
        one("Policy", render::policy(store, op.account(), &policy, Form::Created)?)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    let arn = policy_arn(op)?;
    op.iam.read(|store| {
        if let Some(policy) = managed::find(arn) {
            let shown = render::aws_policy(store, op.account(), op.partition(), policy, Form::Whole)?;
            return one("Policy", shown);
        }
        let policy = find(op, store, arn)?.ok_or_else(|| no_such_policy(arn))?;
        one("Policy", render::policy(store, op.account(), &policy, Form::Whole)?)
    })
}

pub(crate) fn list(op: &Op<'_>) -> Output {
    let scope = op.text("Scope").unwrap_or("All");
    let prefix = op.text("PathPrefix").unwrap_or("/");
    let only_attached = op.call.input.get("OnlyAttached").and_then(Value::as_bool).unwrap_or(false);
    let usage = op.text("PolicyUsageFilter");
    op.iam.read(|store| {
        let mut found: Vec<(String, Value)> = Vec::new();
        if scope != "Local" {
            for policy in managed::POLICIES.iter().filter(|policy| policy.path.starts_with(prefix)) {
                let shown = render::aws_policy(store, op.account(), op.partition(), policy, Form::Listed)?;
                found.push((format!("aws/{}", policy.name), shown));
            }
        }
        if scope != "AWS" {
            let own: Vec<(String, ManagedPolicy)> =
                store.list(IAM, &names::policies(op.account()), None, usize::MAX)?;
            for (key, policy) in own.into_iter().filter(|(_, policy)| policy.path.starts_with(prefix)) {
                found.push((key, render::policy(store, op.account(), &policy, Form::Listed)?));
            }
        }
        let count = |policy: &Value, member: &str| policy.get(member).and_then(Value::as_u64).unwrap_or(0);
        found.retain(|(_, policy)| {
            let attached = count(policy, "AttachmentCount") > 0;
            let boundary = count(policy, "PermissionsBoundaryUsageCount") > 0;
            (!only_attached || attached || boundary)
                && match usage {
                    Some("PermissionsPolicy") => attached,
                    Some("PermissionsBoundary") => boundary,
                    _ => true,
                }
        });
        found.sort_by(|a, b| a.0.cmp(&b.0));
        page(op.call, "Policies", found)
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let arn = own_policy_arn(op)?;
    op.iam.write(|store| {
        let policy = find(op, store, arn)?.ok_or_else(|| no_such_policy(arn))?;
        let (attached, boundaries) = render::uses(store, op.account(), arn)?;
        if attached + boundaries > 0 {
            return Err(conflict("Cannot delete a policy attached to entities."));
        }
        if policy.versions.len() > 1 {
            return Err(conflict(
                "This policy has more than one version. Before you delete a policy, you must delete the policy's \
                 versions. The default version is deleted with the policy.",
            ));
        }
        store.delete(IAM, &names::policy(op.account(), &policy.name))?;
        nothing()
    })
}

pub(crate) fn entities(op: &Op<'_>) -> Output {
    let arn = policy_arn(op)?;
    let filter = op.text("EntityFilter");
    op.iam.read(|store| {
        if !attached::usable(store, op.account(), arn)? {
            return Err(no_such_policy(arn));
        }
        let usage = op.text("PolicyUsageFilter");
        let mut found: Vec<(String, Attachment)> = Vec::new();
        if usage != Some("PermissionsBoundary") {
            found.extend(store.all(IAM, &names::attachments(op.account(), arn))?);
        }
        if usage != Some("PermissionsPolicy") {
            found.extend(store.all(IAM, &names::boundaries(op.account(), arn))?);
        }
        let shown = found
            .into_iter()
            .filter(|(_, entity)| match filter {
                Some("User") => entity.kind == Kind::User,
                Some("Role") => entity.kind == Kind::Role,
                Some("Group") => entity.kind == Kind::Group,
                Some("AWSManagedPolicy") => managed::is_aws(arn),
                Some("LocalManagedPolicy") => !managed::is_aws(arn),
                _ => true,
            })
            .map(|(key, entity)| (key, json!(entity)));
        let mut paged = page(op.call, "Entities", shown)?;
        // One page over the three kinds, answered in three lists.
        let mut output = object(json!({ "PolicyGroups": [], "PolicyUsers": [], "PolicyRoles": [] }));
        let entities: Vec<Attachment> =
            paged.remove("Entities").and_then(|list| serde_json::from_value(list).ok()).unwrap_or_default();
        for entity in entities {
            let title = entity.kind.title();
            let mut shown = object(json!({}));
            shown.insert(format!("{title}Name"), entity.name.into());
            shown.insert(format!("{title}Id"), entity.id.into());
            if let Some(Value::Array(list)) = output.get_mut(&format!("Policy{title}s")) {
                list.push(Value::Object(shown));
            }
        }
        output.extend(paged);
        Ok(output)
    })
}

/// Changes the tags of the policy that the call names.
fn with_tags(op: &Op<'_>, change: impl FnOnce(&mut ManagedPolicy) -> Result<(), Fail>) -> Output {
    let arn = own_policy_arn(op)?;
    op.iam.write(|store| {
        let mut policy = find(op, store, arn)?.ok_or_else(|| no_such_policy(arn))?;
        change(&mut policy)?;
        save(op, store, &policy)?;
        nothing()
    })
}

pub(crate) fn tag(op: &Op<'_>) -> Output {
    with_tags(op, |policy| tags::merge(&mut policy.tags, tags::sent(op.call), Case::Kept))
}

pub(crate) fn untag(op: &Op<'_>) -> Output {
    with_tags(op, |policy| {
        tags::remove(&mut policy.tags, &tags::sent_keys(op.call), Case::Kept);
        Ok(())
    })
}

pub(crate) fn list_tags(op: &Op<'_>) -> Output {
    let arn = policy_arn(op)?;
    op.iam.read(|store| {
        if managed::find(arn).is_some() {
            return tagging::list_of(op, Vec::new());
        }
        let policy = find(op, store, arn)?.ok_or_else(|| no_such_policy(arn))?;
        tagging::list_of(op, policy.tags)
    })
}
