//! Temporary credentials. Those of STS calls are stored; those that crossgate makes for execution environments are in
//! memory only, so that a cold start costs no disk commit.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use arn::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use policy::Principal;
use serde::{Deserialize, Serialize};

use crate::caller::SessionKind;
use crate::error::Fail;
use crate::names;
use crate::{AccessKey, Caller, Iam, STS, Session, SessionCredentials};

/// Sessions held in memory.
pub(crate) const BOUND: usize = 65_536;

/// The sessions in memory, by access key id. Sessions do not change, so an entry is never out of date.
#[derive(Default)]
pub(crate) struct Sessions {
    known: RwLock<HashMap<String, Arc<AccessKey>>>,
}

impl Sessions {
    pub(crate) fn get(&self, id: &str) -> Option<Arc<AccessKey>> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    pub(crate) fn put(&self, id: String, key: Arc<AccessKey>, now_ms: i64) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= BOUND {
            known.retain(|_, key| key.expires_ms.is_some_and(|at| at > now_ms));
        }
        if known.len() >= BOUND {
            let mut ends: Vec<i64> = known.values().filter_map(|key| key.expires_ms).collect();
            ends.sort_unstable();
            let limit = ends.get(ends.len() / 8).copied().unwrap_or(i64::MAX);
            known.retain(|_, key| key.expires_ms.is_some_and(|at| at > limit));
        }
        known.insert(id, key);
    }
}

/// A session as stored. The secret is in clear: verifying SigV4 needs it.
#[derive(Serialize, Deserialize)]
pub(crate) struct StoredSession {
    secret: String,
    token: String,
    expires_ms: i64,
    who: Who,
    session: Session,
}

/// A principal in a form that can be stored.
#[derive(Serialize, Deserialize)]
enum Who {
    Root { account: String },
    User { arn: String, id: String, account: String },
    Role { role_arn: String, role_id: String, session: String, account: String },
    Federated { arn: String, issuer_arn: String, account: String },
}

impl Who {
    fn of(principal: &Principal) -> Option<Self> {
        Some(match principal {
            Principal::Root { account } => Self::Root { account: account.to_string() },
            Principal::User { arn, id, account } => {
                Self::User { arn: arn.clone(), id: id.clone(), account: account.to_string() }
            }
            Principal::RoleSession { role_arn, role_id, session, account } => Self::Role {
                role_arn: role_arn.clone(),
                role_id: role_id.clone(),
                session: session.clone(),
                account: account.to_string(),
            },
            Principal::FederatedUser { arn, issuer_arn, account } => Self::Federated {
                arn: arn.clone(),
                issuer_arn: issuer_arn.clone(),
                account: account.to_string(),
            },
            Principal::Service { .. } | Principal::Federated { .. } | Principal::Anonymous => return None,
        })
    }

    fn principal(self) -> Option<Principal> {
        let account = |text: &str| AccountId::new(text).ok();
        Some(match self {
            Self::Root { account: a } => Principal::Root { account: account(&a)? },
            Self::User { arn, id, account: a } => Principal::User { arn, id, account: account(&a)? },
            Self::Role { role_arn, role_id, session, account: a } => {
                Principal::RoleSession { role_arn, role_id, session, account: account(&a)? }
            }
            Self::Federated { arn, issuer_arn, account: a } => {
                Principal::FederatedUser { arn, issuer_arn, account: account(&a)? }
            }
        })
    }
}

impl StoredSession {
    fn key(self) -> Option<AccessKey> {
        Some(AccessKey {
            secret: self.secret,
            session_token: Some(self.token),
            expires_ms: Some(self.expires_ms),
            caller: Caller { principal: self.who.principal()?, session: Some(Arc::new(self.session)) },
            active: true,
        })
    }
}

impl Iam {
    /// Makes credentials for a session and remembers them, on disk when `durable`.
    pub(crate) fn make_session(
        &self,
        principal: Principal,
        mut session: Session,
        expires_ms: i64,
        durable: bool,
    ) -> Result<SessionCredentials, Fail> {
        let access_key_id = arn::access_key_id("ASIA", &names::random()?);
        let secret = arn::secret_access_key(&names::random()?);
        // Real tokens are several hundred characters of base64; nobody may read anything into them.
        let token = STANDARD.encode(names::random::<261>()?);
        let now_ms = session.issued_ms;
        session.key_id.clone_from(&access_key_id);
        if durable && let Some(who) = Who::of(&principal) {
            let stored = StoredSession {
                secret: secret.clone(),
                token: token.clone(),
                expires_ms,
                who,
                session: session.clone(),
            };
            self.write(|store| {
                Self::drop_expired(store, now_ms)?;
                Ok(store.put(STS, &names::session(&access_key_id), &stored)?)
            })?;
        }
        let caller = Caller { principal, session: Some(Arc::new(session)) };
        let key = AccessKey {
            secret: secret.clone(),
            session_token: Some(token.clone()),
            expires_ms: Some(expires_ms),
            caller: caller.clone(),
            active: true,
        };
        self.inner.sessions.put(access_key_id.clone(), Arc::new(key), now_ms);
        Ok(SessionCredentials {
            access_key_id,
            secret_access_key: secret,
            session_token: token,
            expires_ms,
            caller,
        })
    }

    /// Removes some sessions that ended a day ago or more (so that their bearers are still told `ExpiredToken` for a
    /// while). Looks at a few documents only: AssumeRole stays cheap, and the collection stays bounded by use.
    fn drop_expired(store: &mut store::Writer<'_>, now_ms: i64) -> Result<(), Fail> {
        const LOOK_AT: usize = 8;
        const DAY_MS: i64 = 86_400_000;
        // Key ids are random, so starting at a random one sweeps the whole collection over time.
        let start = names::session(&arn::access_key_id("ASIA", &names::random()?));
        let found: Vec<(String, StoredSession)> = store.list(STS, "sessions/", Some(&start), LOOK_AT)?;
        for (key, session) in found {
            if session.expires_ms + DAY_MS < now_ms {
                store.delete(STS, &key)?;
            }
        }
        Ok(())
    }

    /// The session with this key id, from memory or the store.
    pub(crate) fn find_session(&self, id: &str) -> Result<Option<Arc<AccessKey>>, Fail> {
        if let Some(key) = self.inner.sessions.get(id) {
            return Ok(Some(key));
        }
        let stored: Option<StoredSession> = self.read(|store| Ok(store.get(STS, &names::session(id))?))?;
        let Some(key) = stored.and_then(StoredSession::key) else { return Ok(None) };
        let key = Arc::new(key);
        let issued = key.caller.session.as_ref().map_or(0, |s| s.issued_ms);
        self.inner.sessions.put(id.to_owned(), key.clone(), issued);
        Ok(Some(key))
    }

    pub(crate) fn make_service_session(
        &self,
        role_arn: &str,
        session_name: &str,
        source_function: Option<&str>,
        (duration_s, now_ms): (i64, i64),
    ) -> Result<Option<SessionCredentials>, Fail> {
        let Some(caller) = self.open_session(role_arn, session_name, now_ms)? else { return Ok(None) };
        let source_function = source_function.map(str::to_owned);
        let session = Session { source_function, ..Session::new(SessionKind::Service, now_ms) };
        self.make_session(caller.principal, session, now_ms + duration_s * 1_000, false).map(Some)
    }

    pub(crate) fn open_session(
        &self,
        role_arn: &str,
        session_name: &str,
        now_ms: i64,
    ) -> Result<Option<Caller>, Fail> {
        let Some(role) = self.view_role(role_arn)? else { return Ok(None) };
        Ok(Some(Caller {
            principal: Principal::RoleSession {
                role_arn: role.arn.clone(),
                role_id: role.id.clone(),
                session: session_name.to_owned(),
                account: role.account,
            },
            session: Some(Arc::new(Session::new(SessionKind::Service, now_ms))),
        }))
    }
}

impl Session {
    pub(crate) fn new(kind: SessionKind, issued_ms: i64) -> Self {
        Self {
            key_id: String::new(),
            issued_ms,
            kind,
            policy: None,
            policy_arns: Vec::new(),
            tags: Vec::new(),
            transitive: Vec::new(),
            source_identity: None,
            issuer_id: None,
            mfa_at_ms: None,
            source_function: None,
            federated_provider: None,
            identity_keys: Vec::new(),
        }
    }
}

/// Whether a session may use IAM's API: those of GetFederationToken may not, those of GetSessionToken only with MFA
/// (API Reference of both: "You cannot call any IAM API operations"). AWS answers as for an unknown key.
pub(crate) fn refuse_token_sessions(caller: &Caller) -> Result<(), Fail> {
    let refused = match caller.session.as_deref() {
        Some(session) if session.kind == SessionKind::SessionToken => session.mfa_at_ms.is_none(),
        Some(session) => session.kind == SessionKind::Federation,
        None => false,
    };
    if !refused {
        return Ok(());
    }
    let text = "The security token included in the request is invalid";
    Err(Fail(wire::ApiError::new("InvalidClientTokenId", 403, text)))
}
