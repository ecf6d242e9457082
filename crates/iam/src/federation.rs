//! AssumeRoleWithWebIdentity and AssumeRoleWithSAML: calls that nobody signs, because an identity provider vouches for
//! the caller. The identity is proven first, the role's trust policy is asked next, the session is made last.

use std::sync::Arc;

use arn::{AccountId, Arn};
use policy::{Check, Context, Principal};
use serde_json::{Map, Value};
use wire::{ApiError, Call, Reply};

use crate::caller::SessionKind;
use crate::error::{Fail, denied, validation};
use crate::model::Tag;
use crate::ops::sts::{credentials, duration, packed, pass_policies};
use crate::ops::{Op, Output, saml_identity, web_identity};
use crate::tags::{self, Case};
use crate::{Caller, Iam, Session};

/// Somebody for whom an identity provider vouches, proven, and the role that is asked for.
pub struct Federation {
    /// As policies see the caller: an identity of the provider.
    pub caller: Caller,
    /// What the role's trust policy must allow.
    pub checks: Vec<Check>,
    /// What AWS answers when it does not, or when there is no such role: it does not tell the two apart.
    pub refusal: ApiError,
    role: Arc<crate::RoleView>,
    identity: Identity,
}

/// What a token or an assertion says, proven.
pub(crate) struct Identity {
    pub(crate) kind: SessionKind,
    /// As policies name the provider: its ARN, or the host name of a provider that AWS knows by itself.
    pub(crate) provider: String,
    pub(crate) session_name: String,
    pub(crate) tags: Vec<Tag>,
    pub(crate) transitive: Vec<String>,
    pub(crate) source_identity: Option<String>,
    /// Keys of the identity for the trust policy.
    pub(crate) context: Context,
    /// Keys of the identity that every request of the session carries.
    pub(crate) kept: Vec<(String, Vec<String>)>,
    /// Seconds that the provider lets the session last.
    pub(crate) longest_s: Option<i64>,
    /// The members of the answer that tell of the identity.
    pub(crate) told: Map<String, Value>,
}

/// `InvalidIdentityToken`, 400.
pub(crate) fn invalid_token(message: impl Into<String>) -> Fail {
    Fail(ApiError::new("InvalidIdentityToken", 400, message))
}

/// `ExpiredTokenException`, 400.
pub(crate) fn expired(message: impl Into<String>) -> Fail {
    Fail(ApiError::new("ExpiredTokenException", 400, message))
}

/// The words for whoever the trust policy does not let in (User Guide, troubleshoot_saml; the same in public reports of
/// AssumeRoleWithWebIdentity).
pub(crate) fn not_authorized(call: &Call) -> Fail {
    denied(format!("Not authorized to perform sts:{}", call.operation))
}

/// The account of `RoleArn`.
pub(crate) fn role_account(call: &Call) -> Result<AccountId, Fail> {
    let role_arn = call.required("RoleArn");
    let parsed = Arn::parse(role_arn).map_err(|_| validation(format!("{role_arn} is invalid")))?;
    AccountId::new(&parsed.account).map_err(|_| validation(format!("{role_arn} is invalid")))
}

/// Tags that a provider passes: bounds of `tagListType` (API Reference, AssumeRole), keys unique without case.
pub(crate) fn bounded_tags(tags: &[Tag], transitive: &[String]) -> Result<(), Fail> {
    const MOST: usize = 50;
    let fits = |tag: &Tag| (1..=128).contains(&tag.key.chars().count()) && tag.value.chars().count() <= 256;
    if tags.len() > MOST || !tags.iter().all(fits) {
        return Err(invalid_token(format!(
            "Session tags: at most {MOST}, with keys of 1 to 128 characters and values of up to 256"
        )));
    }
    tags::unique(tags, Case::Ignored).map_err(|fail| invalid_token(fail.0.message.unwrap_or_default()))?;
    let known = |key: &String| tags.iter().any(|tag| tag.key.to_lowercase() == key.to_lowercase());
    if !transitive.iter().all(known) {
        return Err(invalid_token(
            "The specified transitive tag key must be included in the requested tags.",
        ));
    }
    Ok(())
}

/// The handler of the two operations for signed calls, which the server never makes: it goes by [`Iam::federate`].
pub(crate) fn unsigned_only(op: &Op<'_>) -> Output {
    Err(not_authorized(op.call))
}

impl Iam {
    /// Proves who makes the unsigned `call` (AssumeRoleWithWebIdentity or AssumeRoleWithSAML) and tells what the role's
    /// trust policy must allow. For tokens of an issuer on this machine its keys must have been fetched:
    /// [`Iam::keys_to_fetch`].
    ///
    /// # Errors
    /// AWS's own: `InvalidIdentityToken`, `ExpiredTokenException`, `IDPRejectedClaim`, `IDPCommunicationError`,
    /// `AccessDenied` for a role that does not exist, `ValidationError` for an ARN that is none.
    pub fn federate(&self, call: &Call) -> Result<Federation, ApiError> {
        self.prove(call).map_err(ApiError::from)
    }

    fn prove(&self, call: &Call) -> Result<Federation, Fail> {
        let identity = match call.operation {
            "AssumeRoleWithWebIdentity" => web_identity::identity(self, call)?,
            _ => saml_identity::identity(self, call)?,
        };
        let role = self.view_role(call.required("RoleArn"))?.ok_or_else(|| not_authorized(call))?;
        Ok(Federation {
            caller: Caller::from(Principal::Federated { provider: identity.provider.clone() }),
            checks: checks(call, &role, &identity),
            refusal: not_authorized(call).into(),
            role,
            identity,
        })
    }

    /// Makes the session that `federation` asks for, after its checks were allowed.
    ///
    /// # Errors
    /// `ValidationError` for a duration over the role's limit, and what AWS says of bad session policies.
    pub fn grant(&self, call: &Call, federation: &Federation) -> Result<Reply, ApiError> {
        let op = Op { iam: self, call, caller: &federation.caller };
        open(&op, federation).map(|output| Reply { output, ..Reply::default() }).map_err(ApiError::from)
    }
}

fn checks(call: &Call, role: &crate::RoleView, identity: &Identity) -> Vec<Check> {
    let mut context = identity.context.clone();
    context.set("aws:FederatedProvider", identity.provider.as_str());
    context.set("sts:RoleSessionName", identity.session_name.as_str());
    if let Some(source) = &identity.source_identity {
        context.set("sts:SourceIdentity", source.as_str());
    }
    if !identity.transitive.is_empty() {
        context.set_all("sts:TransitiveTagKeys", identity.transitive.clone());
    }
    for tag in &identity.tags {
        context.set(format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    if !identity.tags.is_empty() {
        context.set_all("aws:TagKeys", identity.tags.iter().map(|tag| tag.key.clone()).collect());
    }
    let further = (!identity.tags.is_empty(), identity.source_identity.is_some());
    crate::sts_checks::role_checks(&format!("sts:{}", call.operation), role, &context, further)
}

fn open(op: &Op<'_>, federation: &Federation) -> Output {
    let Federation { role, identity, .. } = federation;
    let asked = duration(op).unwrap_or(3_600);
    if asked > role.max_session_s {
        return Err(validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let lasts_s = identity.longest_s.map_or(asked, |longest| asked.min(longest));
    let mut session = Session::new(identity.kind, op.call.now_ms);
    session.tags.clone_from(&identity.tags);
    pass_policies(op, &mut session)?;
    session.transitive.clone_from(&identity.transitive);
    session.source_identity.clone_from(&identity.source_identity);
    session.federated_provider = Some(identity.provider.clone());
    session.identity_keys.clone_from(&identity.kept);
    let principal = Principal::RoleSession {
        role_arn: role.arn.clone(),
        role_id: role.id.clone(),
        session: identity.session_name.clone(),
        account: role.account,
    };
    let arn = principal.arn();
    let made = op.iam.make_session(principal, session, op.call.now_ms + lasts_s * 1_000, true)?;
    let mut output = identity.told.clone();
    output.insert("Credentials".into(), credentials(&made));
    output.insert(
        "AssumedRoleUser".into(),
        serde_json::json!({ "AssumedRoleId": format!("{}:{}", role.id, identity.session_name), "Arn": arn }),
    );
    let size = packed(op, &identity.tags);
    if size > 0 {
        output.insert("PackedPolicySize".into(), size.into());
    }
    if let Some(source) = &identity.source_identity {
        output.insert("SourceIdentity".into(), source.as_str().into());
    }
    Ok(output)
}
