//! Who calls, with which credentials.

use std::fmt;
use std::sync::Arc;

use policy::Principal;
use serde::{Deserialize, Serialize};

use crate::model::Tag;

/// Who makes a request: the principal, and the session whose credentials signed it, if temporary ones did.
///
/// The session matters: two sessions of one role with one name are the same principal and may carry different
/// session policies and tags.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As policies see it.
    pub principal: Principal,
    /// The session; `None` for long-term credentials, services and the anonymous.
    pub session: Option<Arc<Session>>,
}

impl From<Principal> for Caller {
    /// A caller without a session. Not for requests that were signed with a key: those have [`AccessKey::caller`].
    fn from(principal: Principal) -> Self {
        Self { principal, session: None }
    }
}

/// What STS remembers of a session besides its credentials.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Session {
    /// The access key id, `ASIA…`; empty for sessions without credentials.
    pub(crate) key_id: String,
    pub(crate) issued_ms: i64,
    pub(crate) kind: SessionKind,
    /// Inline session policy.
    pub(crate) policy: Option<String>,
    /// Managed session policies.
    pub(crate) policy_arns: Vec<String>,
    /// Session tags, those passed on from the calling session included.
    pub(crate) tags: Vec<Tag>,
    /// Keys of tags that go on to chained sessions.
    pub(crate) transitive: Vec<String>,
    pub(crate) source_identity: Option<String>,
    /// The function whose environment holds the credentials.
    #[serde(default)]
    pub(crate) source_function: Option<String>,
    /// The unique id of the user who made a federated session; `None`: the root user did.
    #[serde(default)]
    pub(crate) issuer_id: Option<String>,
    /// When a code of an MFA device was shown to GetSessionToken; `None`: none was.
    #[serde(default)]
    pub(crate) mfa_at_ms: Option<i64>,
    /// The identity provider that vouched for a session's bearer, as policies name it.
    #[serde(default)]
    pub(crate) federated_provider: Option<String>,
    /// Condition keys of the bearer's identity that every request of the session carries (`ISSUER:sub`, `saml:sub`).
    #[serde(default)]
    pub(crate) identity_keys: Vec<(String, Vec<String>)>,
}

impl Session {
    /// Seconds since a code of an MFA device was shown (`aws:MultiFactorAuthAge`); `None` when none was.
    #[must_use]
    pub fn mfa_age_s(&self, now_ms: i64) -> Option<i64> {
        self.mfa_at_ms.map(|at| (now_ms - at).max(0) / 1_000)
    }

    /// Whether policies were passed when the session was made.
    pub(crate) fn has_policies(&self) -> bool {
        self.policy.is_some() || !self.policy_arns.is_empty()
    }
}

/// Which operation made a session: they differ in what they may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum SessionKind {
    AssumeRole,
    WebIdentity,
    Saml,
    AssumeRoot,
    SessionToken,
    Federation,
    Service,
}

/// An access key, of a user or a session.
#[derive(Clone)]
pub struct AccessKey {
    /// The secret access key, for verifying signatures.
    pub secret: String,
    /// The session token that must come with it.
    pub session_token: Option<String>,
    /// When a temporary key ends, in milliseconds since 1970.
    pub expires_ms: Option<i64>,
    /// Whose key it is.
    pub caller: Caller,
    /// `false` after `UpdateAccessKey --status Inactive`.
    pub active: bool,
}

impl fmt::Debug for AccessKey {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey")
            .field("caller", &self.caller)
            .field("expires_ms", &self.expires_ms)
            .field("active", &self.active)
            .finish_non_exhaustive()
    }
}

/// Credentials of a session, as handed out once.
#[derive(Clone)]
pub struct SessionCredentials {
    /// `ASIA…`.
    pub access_key_id: String,
    /// Forty characters.
    pub secret_access_key: String,
    /// To be sent as `X-Amz-Security-Token`.
    pub session_token: String,
    /// Milliseconds since 1970.
    pub expires_ms: i64,
    /// Who the bearer is.
    pub caller: Caller,
}

impl fmt::Debug for SessionCredentials {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionCredentials")
            .field("access_key_id", &self.access_key_id)
            .field("expires_ms", &self.expires_ms)
            .field("caller", &self.caller)
            .finish_non_exhaustive()
    }
}
