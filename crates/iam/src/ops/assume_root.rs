//! AssumeRoot: a short session of a member account's root user, limited to one task (API Reference, AssumeRoot).

use arn::{AccountId, Arn};
use policy::Principal;

use super::sts::credentials;
use super::{Op, Output, one};
use crate::caller::SessionKind;
use crate::error::{Fail, denied, validation};
use crate::organizations::root_access;
use crate::{Caller, Iam, Session};

/// The tasks, policies below `arn:aws:iam::aws:policy/root-task/`, and the feature of the organization that each needs.
/// Which task belongs to which feature is reasoned from what the two are for (User Guide, id_root-user).
const TASKS: [(&str, &str); 5] = [
    ("IAMAuditRootUserCredentials", root_access::CREDENTIALS),
    ("IAMCreateRootUserPassword", root_access::CREDENTIALS),
    ("IAMDeleteRootUserCredentials", root_access::CREDENTIALS),
    ("S3UnlockBucketPolicy", root_access::SESSIONS),
    ("SQSUnlockQueuePolicy", root_access::SESSIONS),
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
    // Our wording, here and below. API Reference: "You cannot use root user credentials to make this call."
    if matches!(op.caller.principal, Principal::Root { .. }) {
        return Err(denied(
            "AssumeRoot cannot be called with the credentials of a root user: use a user or a role",
        ));
    }
    let target = target(op.required("TargetPrincipal"))?;
    let task = task(op.call);
    let prefix = format!("arn:{}:iam::aws:policy/root-task/", op.partition());
    let known = task.strip_prefix(&prefix).and_then(|name| TASKS.iter().find(|(task, _)| *task == name));
    let Some((_, feature)) = known else {
        let tasks = TASKS.map(|(task, _)| task).join(", ");
        return Err(validation(format!("{task} is no task policy; there are, below {prefix}: {tasks}")));
    };
    if !op.iam.read(|store| root_access::reaches(store, op.account(), &target, feature))? {
        return Err(denied(format!(
            "Account {} may not assume the root user of account {target}: only the management account of its \
             organization and the delegated administrator for iam.amazonaws.com may, of member accounts, where trusted \
             access for iam.amazonaws.com and the feature {feature} are enabled",
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
