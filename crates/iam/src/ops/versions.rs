//! Versions of managed policies. Texts: test_iam_policies, test_policy_version_….

use serde_json::Value;
use wire::ApiError;

use super::{Op, Output, nothing, one, policies};
use crate::error::{Fail, conflict, limit, no_such, no_such_policy, not_attachable};
use crate::model::{ManagedPolicy, Version};
use crate::page::page;
use crate::{managed, names, render};

/// Versions of a policy (test_policy_version_limit).
const MOST: usize = 5;

fn missing(arn: &str, version: &str) -> Fail {
    no_such(format!("Policy {arn} version {version} does not exist or is not attachable."))
}

/// The number that the call asks for.
fn asked(op: &Op<'_>) -> Option<u32> {
    names::version_number(op.required("VersionId"))
}

pub(crate) fn create(op: &Op<'_>) -> Output {
    let arn = policies::own_policy_arn(op)?;
    let document = op.required("PolicyDocument");
    let default = op.call.input.get("SetAsDefault").and_then(Value::as_bool).unwrap_or(false);
    op.iam.write(|store| {
        let mut policy = policies::find(op, store, arn)?.ok_or_else(|| not_attachable(arn))?;
        policies::accept(document)?;
        if policy.versions.len() >= MOST {
            return Err(limit(format!(
                "A managed policy can have up to {MOST} versions. Before you create a new version, you must delete an \
                 existing version."
            )));
        }
        let now = op.call.now_ms;
        policy.last += 1;
        policy.updated_ms = now;
        let version = Version { number: policy.last, document: document.to_owned(), created_ms: now };
        if default {
            policy.default = version.number;
        }
        let shown = render::version(&version, policy.default, false);
        policy.versions.push(version);
        policies::save(op, store, &policy)?;
        one("PolicyVersion", shown)
    })
}

pub(crate) fn get(op: &Op<'_>) -> Output {
    let arn = policies::policy_arn(op)?;
    if let Some(policy) = managed::find(arn) {
        if asked(op) != Some(policy.version) {
            return Err(missing(arn, op.required("VersionId")));
        }
        if policy.document.is_none() {
            return Err(Fail(ApiError::new(
                "NotImplemented",
                501,
                format!(
                    "crossgate knows the AWS-managed policy {arn} by name, and not its text. Attached, it grants nothing \
                     here; put the statements that you need into a policy of your own."
                ),
            )));
        }
        return one("PolicyVersion", render::aws_version(policy, true));
    }
    op.iam.read(|store| {
        let policy = policies::find(op, store, arn)?;
        let version = policy.as_ref().zip(asked(op)).and_then(|(policy, number)| {
            Some(render::version(policy.version(number)?, policy.default, true))
        });
        one("PolicyVersion", version.ok_or_else(|| missing(arn, op.required("VersionId")))?)
    })
}

/// Newest first (test_policy_version_set_default).
pub(crate) fn list(op: &Op<'_>) -> Output {
    let arn = policies::policy_arn(op)?;
    let key = |number: u32| format!("{:010}", u32::MAX - number);
    if let Some(policy) = managed::find(arn) {
        return page(op.call, "Versions", [(key(policy.version), render::aws_version(policy, false))]);
    }
    op.iam.read(|store| {
        let policy = policies::find(op, store, arn)?.ok_or_else(|| no_such_policy(arn))?;
        let shown = policy
            .versions
            .iter()
            .rev()
            .map(|version| (key(version.number), render::version(version, policy.default, false)));
        page(op.call, "Versions", shown)
    })
}

/// The policy and the number of the version that the call names.
fn existing(op: &Op<'_>, policy: Option<ManagedPolicy>, arn: &str) -> Result<(ManagedPolicy, u32), Fail> {
    policy
        .zip(asked(op))
        .filter(|(policy, number)| policy.version(*number).is_some())
        .ok_or_else(|| missing(arn, op.required("VersionId")))
}

pub(crate) fn set_default(op: &Op<'_>) -> Output {
    let arn = policies::own_policy_arn(op)?;
    op.iam.write(|store| {
        let (mut policy, number) = existing(op, policies::find(op, store, arn)?, arn)?;
        policy.default = number;
        policies::save(op, store, &policy)?;
        nothing()
    })
}

pub(crate) fn delete(op: &Op<'_>) -> Output {
    let arn = policies::own_policy_arn(op)?;
    op.iam.write(|store| {
        let (mut policy, number) = existing(op, policies::find(op, store, arn)?, arn)?;
        if policy.default == number {
            return Err(conflict("Cannot delete the default version of a policy."));
        }
        policy.versions.retain(|version| version.number != number);
        policies::save(op, store, &policy)?;
        nothing()
    })
}
