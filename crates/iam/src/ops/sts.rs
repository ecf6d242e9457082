//! STS: who am I, and temporary credentials.

use policy::{PolicyKind, Principal};
use serde_json::{Map, Value, json};

use super::{Op, Output, attached, one};
use crate::caller::SessionKind;
use crate::error::{Fail, denied, fail, invalid_parameter, malformed, validation};
use crate::model::{Key, Tag};
use crate::names;
use crate::render::{object, seconds};
use crate::tags::{self, Case, texts};
use crate::{IAM, Session, SessionCredentials, documents, mfa};

/// Characters of a session policy (facts, section 13).
const POLICY_CHARS: usize = 2_048;
/// Managed session policies (API Reference, AssumeRole).
const POLICY_ARNS: usize = 10;
/// Seconds of a session that was asked for with credentials of another session of a role.
const CHAINED_S: i64 = 3_600;

pub(crate) fn caller_identity(op: &Op<'_>) -> Output {
    let principal = &op.caller.principal;
    let Some(account) = principal.account() else {
        return Err(denied("anonymous callers and services have no identity here"));
    };
    let id = match principal {
        Principal::User { id, .. } => id.clone(),
        Principal::RoleSession { role_id, session, .. } => format!("{role_id}:{session}"),
        Principal::FederatedUser { arn, .. } => format!("{account}:{}", names::last_segment(arn)),
        _ => account.to_string(),
    };
    Ok(object(json!({ "UserId": id, "Account": account.as_str(), "Arn": principal.arn() })))
}

/// Which account a key id belongs to. AWS reads it from the id itself; here only keys that were made here are known.
pub(crate) fn access_key_info(op: &Op<'_>) -> Output {
    let id = op.required("AccessKeyId");
    let account = if id.starts_with("ASIA") {
        op.iam.find_session(id)?.and_then(|key| key.caller.principal.account()).map(|a| a.to_string())
    } else {
        op.iam.read(|store| Ok(store.get::<Key>(IAM, &names::key(id))?))?.map(|key| key.account)
    };
    // Our wording: an id that AWS never gave out was not recorded.
    let account =
        account.ok_or_else(|| validation(format!("The access key id {id} was not issued here.")))?;
    one("Account", account.into())
}

pub(crate) fn duration(op: &Op<'_>) -> Option<i64> {
    op.call.input.get("DurationSeconds").and_then(Value::as_i64)
}

/// The session policies that the call passes.
pub(crate) fn pass_policies(op: &Op<'_>, session: &mut Session) -> Result<(), Fail> {
    if let Some(document) = op.text("Policy") {
        documents::validate(document, PolicyKind::Session)?;
        session.policy = Some(document.to_owned());
    }
    for entry in op.call.input.get("PolicyArns").and_then(Value::as_array).into_iter().flatten() {
        let arn = entry.get("arn").and_then(Value::as_str).unwrap_or_default();
        let usable = op.iam.read(|store| attached::usable(store, &session_account(op), arn))?;
        if !attached::is_policy_arn(arn) || !usable {
            return Err(malformed(format!("Policy {arn} does not exist or is not attachable.")));
        }
        session.policy_arns.push(arn.to_owned());
    }
    if session.policy_arns.len() > POLICY_ARNS {
        return Err(invalid_parameter(format!("At most {POLICY_ARNS} managed policies can be passed.")));
    }
    // Both texts as users quote them.
    let text = match (percent(policy_chars(op)), percent(tag_chars(&session.tags))) {
        (policies @ 101.., _) => {
            format!("Packed policy consumes {policies}% of allotted space, please use smaller policy.")
        }
        (_, tags @ 101..) => format!("Packed size of session tags consumes {tags}% of allotted space."),
        _ => return Ok(()),
    };
    Err(fail("PackedPolicyTooLarge", 400, text))
}

/// The account whose managed policies may be passed: the role's, or the caller's.
fn session_account(op: &Op<'_>) -> arn::AccountId {
    op.text("RoleArn")
        .and_then(|arn| arn::Arn::parse(arn).ok())
        .and_then(|arn| arn::AccountId::new(&arn.account).ok())
        .unwrap_or(*op.account())
}

/// Characters of the inline policy and the ARNs of managed ones: AWS bounds them together (API Reference, AssumeRole).
fn policy_chars(op: &Op<'_>) -> usize {
    let arns = op.call.input.get("PolicyArns").and_then(Value::as_array);
    let arns = arns.into_iter().flatten().filter_map(|entry| entry.get("arn").and_then(Value::as_str));
    op.text("Policy").into_iter().chain(arns).map(|text| text.chars().count()).sum()
}

fn tag_chars(tags: &[Tag]) -> usize {
    tags.iter().map(|tag| tag.key.chars().count() + tag.value.chars().count()).sum()
}

fn percent(chars: usize) -> usize {
    (chars * 100).div_ceil(POLICY_CHARS)
}

/// An estimate of `PackedPolicySize`: AWS does not publish its packing, nor its limit for tags, which is taken for the
/// policies' here.
pub(crate) fn packed(op: &Op<'_>, tags: &[Tag]) -> usize {
    percent(policy_chars(op) + tag_chars(tags)).min(100)
}

/// Session tags: those of the call, and transitive ones of the calling session. Texts: test_sts,
/// TestSTSAssumeRoleTagging.
fn pass_tags(op: &Op<'_>, session: &mut Session) -> Result<(), Fail> {
    let sent = tags::sent(op.call);
    // As for roles, but with STS's own code.
    tags::unique(&sent, Case::Ignored)
        .map_err(|fail| invalid_parameter(fail.0.message.unwrap_or_default()))?;
    let same = |a: &str, b: &str| a.to_lowercase() == b.to_lowercase();
    let transitive = texts(op.call, "TransitiveTagKeys");
    if transitive.iter().any(|key| !sent.iter().any(|tag| same(&tag.key, key))) {
        return Err(invalid_parameter(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    let inherited: Vec<Tag> = op.caller.session.as_ref().map_or_else(Vec::new, |calling| {
        let goes_on = |tag: &&Tag| calling.transitive.iter().any(|key| same(key, &tag.key));
        calling.tags.iter().filter(goes_on).cloned().collect()
    });
    if sent.iter().any(|tag| inherited.iter().any(|old| same(&old.key, &tag.key))) {
        return Err(invalid_parameter(
            "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
             from the calling session.",
        ));
    }
    session.transitive = inherited.iter().map(|tag| tag.key.clone()).chain(transitive).collect();
    session.tags = inherited.into_iter().chain(sent).collect();
    Ok(())
}

/// The `Credentials` member.
pub(crate) fn credentials(made: &SessionCredentials) -> Value {
    json!({
        "AccessKeyId": made.access_key_id,
        "SecretAccessKey": made.secret_access_key,
        "SessionToken": made.session_token,
        "Expiration": seconds(made.expires_ms),
    })
}

pub(crate) fn assume_role(op: &Op<'_>) -> Output {
    let role_arn = op.required("RoleArn");
    let name = op.required("RoleSessionName");
    // The checks have looked at the role; it may have gone since.
    let role = op.iam.view_role(role_arn)?.ok_or_else(|| crate::sts_checks::refused(op.caller, role_arn))?;
    let chained = matches!(op.caller.principal, Principal::RoleSession { .. });
    let duration_s = duration(op).unwrap_or(CHAINED_S);
    if chained && duration_s > CHAINED_S {
        return Err(validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if duration_s > role.max_session_s {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let mut session = Session::new(SessionKind::AssumeRole, op.call.now_ms);
    pass_tags(op, &mut session)?;
    pass_policies(op, &mut session)?;
    let calling = op.caller.session.as_ref().and_then(|calling| calling.source_identity.clone());
    // A source identity stays through all of a chain (User Guide, id_credentials_temp_control-access_monitor).
    if let (Some(asked), Some(held)) = (op.text("SourceIdentity"), &calling)
        && asked != held
    {
        return Err(denied("The source identity of a session cannot be changed in a chain of roles."));
    }
    session.mfa_at_ms = mfa::used(op.iam, op.caller, op.call)?.then_some(op.call.now_ms);
    session.source_identity = calling.or_else(|| op.text("SourceIdentity").map(str::to_owned));
    let source_identity = session.source_identity.clone();
    let sent = tags::sent(op.call);
    let principal = Principal::RoleSession {
        role_arn: role.arn.clone(),
        role_id: role.id.clone(),
        session: name.to_owned(),
        account: role.account,
    };
    let arn = principal.arn();
    let expires = op.call.now_ms + duration_s * 1_000;
    let made = op.iam.make_session(principal, session, expires, true)?;
    let mut output: Map<String, Value> = object(json!({
        "Credentials": credentials(&made),
        "AssumedRoleUser": { "AssumedRoleId": format!("{}:{name}", role.id), "Arn": arn },
    }));
    // Absent without policies and tags (test_assume_role, test_assume_role_with_policy).
    let size = packed(op, &sent);
    if size > 0 {
        output.insert("PackedPolicySize".into(), size.into());
    }
    if let Some(identity) = source_identity {
        output.insert("SourceIdentity".into(), identity.into());
    }
    Ok(output)
}

/// Sessions may not ask for other sessions of these kinds (API Reference, GetSessionToken, GetFederationToken).
fn refuse_sessions(op: &Op<'_>, operation: &str) -> Result<(), Fail> {
    let long_term = matches!(op.caller.principal, Principal::User { .. } | Principal::Root { .. })
        && op.caller.session.is_none();
    if long_term { Ok(()) } else { Err(denied(format!("Cannot call {operation} with session credentials"))) }
}

/// Root users get an hour at most; a longer wish is cut (API Reference, GetSessionToken).
fn long_duration(op: &Op<'_>) -> i64 {
    const HALF_A_DAY: i64 = 43_200;
    let asked = duration(op).unwrap_or(HALF_A_DAY);
    if matches!(op.caller.principal, Principal::Root { .. }) { asked.min(3_600) } else { asked }
}

pub(crate) fn session_token(op: &Op<'_>) -> Output {
    refuse_sessions(op, "GetSessionToken")?;
    let now = op.call.now_ms;
    let mut session = Session::new(SessionKind::SessionToken, now);
    session.mfa_at_ms = mfa::used(op.iam, op.caller, op.call)?.then_some(now);
    let expires = now + long_duration(op) * 1_000;
    let made = op.iam.make_session(op.caller.principal.clone(), session, expires, true)?;
    one("Credentials", credentials(&made))
}

pub(crate) fn federation_token(op: &Op<'_>) -> Output {
    refuse_sessions(op, "GetFederationToken")?;
    let name = op.required("Name");
    let now = op.call.now_ms;
    let mut session = Session::new(SessionKind::Federation, now);
    pass_tags(op, &mut session)?;
    pass_policies(op, &mut session)?;
    let account = *op.account();
    let principal = Principal::FederatedUser {
        arn: format!("arn:{}:sts::{account}:federated-user/{name}", op.partition()),
        issuer_arn: op.caller.principal.arn(),
        account,
    };
    let arn = principal.arn();
    let made = op.iam.make_session(principal, session, now + long_duration(op) * 1_000, true)?;
    Ok(object(json!({
        "Credentials": credentials(&made),
        "FederatedUser": { "FederatedUserId": format!("{account}:{name}"), "Arn": arn },
        // Present even when nothing was passed (test_get_federation_token).
        "PackedPolicySize": packed(op, &tags::sent(op.call)),
    })))
}

/// API Reference, DecodeAuthorizationMessage. What can be decoded: [`crate::authorization_message`].
pub(crate) fn decode_message(op: &Op<'_>) -> Output {
    let opened = op.iam.open_message(op.required("EncodedMessage"))?;
    let message = opened.ok_or_else(|| {
        Fail(wire::ApiError::new(
            "InvalidAuthorizationMessageException",
            400,
            "Message is invalid. (crossgate: it decodes the encodedMessage of its own explanations only: \
             GET /_crossgate/requests/{id})",
        ))
    })?;
    one("DecodedMessage", message.into())
}
