//! AssumeRoot: a short session of a member account's root user, limited to one task (API Reference, AssumeRoot).

use arn::{AccountId, Arn};
use policy::Principal;

use super::sts::credentials;
use super::{Op, Output, one};
use crate::caller::SessionKind;
use crate::error::{Fail, denied, validation};
use crate::organizations::root_access;
use crate::{Caller, Iam, Session};

/// The tasks: policies below `arn:aws:iam::aws:policy/root-task/`.
const TASKS: [&str; 5] = [
    "IAMAuditRootUserCredentials",
    "IAMCreateRootUserPassword",
    "IAMDeleteRootUserCredentials",
    "S3UnlockBucketPolicy",
    "SQSUnlockQueuePolicy",
];
/// Seconds of a session, unless fewer are asked for, and at most.
const SESSION_S: i64 = 900;

/// The account that the call names: twelve digits, or the ARN of its root user.
pub(crate) fn target(text: &str) -> Result<AccountId, Fail> {
    let of_arn = || {
        let arn = Arn::parse(text).ok().filter(|arn| arn.service == "iam" && arn.resource == "root")?;
        AccountId::new(&arn.account).ok()
    };
    // Our wording.
    AccountId::new(text).ok().or_else(of_arn).ok_or_else(|| {
        validation(format!("{text} is neither an account id nor the ARN of an account's root user"))
    })
}

/// `arn` of `TaskPolicyArn`.
pub(crate) fn task(call: &wire::Call) -> &str {
    let policy = call.input.get("TaskPolicyArn").and_then(|policy| policy.get("arn"));
    policy.and_then(serde_json::Value::as_str).unwrap_or_default()
}

pub(crate) fn assume_root(op: &Op<'_>) -> Output {
    let target = target(op.required("TargetPrincipal"))?;
    let task = task(op.call);
    let prefix = format!("arn:{}:iam::aws:policy/root-task/", op.partition());
    if !task.strip_prefix(&prefix).is_some_and(|name| TASKS.contains(&name)) {
        // Our wording.
        let tasks = TASKS.join(", ");
        return Err(validation(format!("{task} is no task policy; there are, below {prefix}: {tasks}")));
    }
    let allowed = op.iam.read(|store| root_access::may_assume_root(store, op.account(), &target, task))?;
    if !allowed {
        // Our wording. API Reference: the management account, or a delegated administrator for IAM, may.
        return Err(denied(format!(
            "Account {} may not do this as the root user of account {target}: the management account of its organization \
             and a delegated administrator for IAM may, once aws iam enable-organizations-root-sessions, or \
             enable-organizations-root-credentials-management for tasks of IAM, has enabled it",
            op.account()
        )));
    }
    session(op.iam, op.caller, target, task, op.call.input.get("DurationSeconds"), op.call.now_ms)
}

fn session(
    iam: &Iam,
    caller: &Caller,
    target: AccountId,
    task: &str,
    asked: Option<&serde_json::Value>,
    now_ms: i64,
) -> Output {
    let lasts_s = asked.and_then(serde_json::Value::as_i64).unwrap_or(SESSION_S).min(SESSION_S);
    let mut session = Session::new(SessionKind::AssumeRoot, now_ms);
    session.policy_arns.push(task.to_owned());
    session.source_identity = caller.session.as_ref().and_then(|calling| calling.source_identity.clone());
    let source_identity = session.source_identity.clone();
    let principal = Principal::Root { account: target };
    let made = iam.make_session(principal, session, now_ms + lasts_s * 1_000, true)?;
    let mut output = one("Credentials", credentials(&made))?;
    if let Some(identity) = source_identity {
        output.insert("SourceIdentity".into(), identity.into());
    }
    Ok(output)
}
