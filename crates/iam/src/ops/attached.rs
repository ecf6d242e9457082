//! Managed policies attached to users, groups and roles.

use arn::{AccountId, Arn};
use serde_json::{Value, json};
use wire::ApiError;

use super::{Op, Output, entities, linked_roles, nothing};
use crate::error::{Fail, no_such_policy, not_attachable, quota, validation};
use crate::model::{Attachment, Kind, ManagedPolicy};
use crate::names::{self, Read};
use crate::page::page;
use crate::{IAM, managed};

/// The path of the policies that only service-linked roles have.
const SERVICE_LINKED: &str = "/aws-service-role/";
/// Managed policies per user, group or role (test_iam_account_summary).
const MOST: usize = 10;

/// Refuses what is no ARN of a managed policy (test_role_attach_policy `non_existent_malformed_policy_arn`; the text for
/// the ARN of something else is that of older recordings).
pub(crate) fn well_formed(arn: &str) -> Result<(), Fail> {
    if is_policy_arn(arn) {
        return Ok(());
    }
    Err(match Arn::parse(arn) {
        Ok(_) => validation(format!("ARN {arn} is not valid.")),
        Err(_) => validation("Invalid ARN:  Could not be parsed!"),
    })
}

/// Whether the text is the ARN of a managed policy at all.
pub(crate) fn is_policy_arn(text: &str) -> bool {
    Arn::parse(text).is_ok_and(|arn| arn.service == "iam" && arn.resource.starts_with("policy/"))
}

/// Whether `account` may use the policy: its own, or one of AWS's. Those whose text is not carried are usable,
/// and grant nothing.
pub(crate) fn usable(store: &impl Read, account: &AccountId, arn: &str) -> Result<bool, Fail> {
    if managed::is_aws(arn) {
        return Ok(managed::find(arn).is_some());
    }
    let found: Option<ManagedPolicy> = store.one(IAM, &names::policy(account, names::last_segment(arn)))?;
    Ok(found.is_some_and(|policy| policy.arn == arn))
}

pub(crate) fn attach(op: &Op<'_>, kind: Kind) -> Output {
    let arn = op.required("PolicyArn");
    op.iam.write(|store| {
        well_formed(arn)?;
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        if !usable(store, op.account(), arn)? {
            return Err(not_attachable(arn));
        }
        if managed::find(arn).is_some_and(|policy| policy.path == SERVICE_LINKED) {
            return Err(Fail(ApiError::new(
                "PolicyNotAttachable",
                400,
                "Cannot attach a Service Role Policy to a Customer Role.",
            )));
        }
        if entity.attached.iter().any(|there| there == arn) {
            return nothing();
        }
        if entity.attached.len() >= MOST {
            return Err(quota(&format!("PoliciesPer{}", kind.title()), MOST));
        }
        entity.attached.push(arn.to_owned());
        let attachment = Attachment { kind, name: entity.name.clone(), id: entity.id.clone() };
        store.put(IAM, &names::attachment(op.account(), arn, kind, &entity.name), &attachment)?;
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn detach(op: &Op<'_>, kind: Kind) -> Output {
    let arn = op.required("PolicyArn");
    op.iam.write(|store| {
        well_formed(arn)?;
        let mut entity = entities::find(store, op.account(), kind, op.name(kind))?;
        linked_roles::refuse_change(&entity)?;
        let before = entity.attached.len();
        entity.attached.retain(|there| there != arn);
        if entity.attached.len() == before {
            return Err(no_such_policy(arn));
        }
        store.delete(IAM, &names::attachment(op.account(), arn, kind, &entity.name))?;
        entities::save(store, op.account(), &entity)?;
        nothing()
    })
}

pub(crate) fn list(op: &Op<'_>, kind: Kind) -> Output {
    let prefix = op.text("PathPrefix").unwrap_or("/");
    op.iam.read(|store| {
        let mut arns = entities::find(store, op.account(), kind, op.name(kind))?.attached;
        arns.retain(|arn| {
            arn.split_once(":policy").is_some_and(|(_, path_and_name)| path_and_name.starts_with(prefix))
        });
        arns.sort_unstable();
        let shown = arns.into_iter().map(|arn| {
            let value: Value = json!({ "PolicyName": names::last_segment(&arn), "PolicyArn": arn });
            (arn, value)
        });
        page(op.call, "AttachedPolicies", shown)
    })
}
