//! IAM, STS and Organizations: who exists in each account, which credentials they hold, and which policies bear on a caller.
//!
//! [`Iam::checks`] says what must be allowed before an operation runs, [`Iam::handle`] runs it,
//! [`Iam::access_key`] turns the key id of a signed request into a [`Caller`], and [`Iam::caller_policies`] and
//! [`Iam::principal_context`] give `policy` what it needs to decide about that caller. Deciding is not done here.
//!
//! Everything is stored under the account that owns it; no lookup crosses accounts except by unique id, by ARN and
//! by access key id, which are global at AWS too.

#![forbid(unsafe_code)]

mod accessed;
mod authorization_message;
mod caller;
mod checks;
mod collect;
mod context;
mod der;
mod documents;
mod error;
mod federation;
mod managed;
mod mfa;
mod model;
mod names;
mod ops;
mod organizations;
mod page;
mod password;
mod qr;
mod render;
mod sessions;
mod ssh;
mod sts_checks;
mod tags;
mod totp;
mod trust;
mod x509;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;

pub use authorization_message::decision_json;
pub use caller::{AccessKey, Caller, Session, SessionCredentials};
pub use collect::{IamPrincipal, RoleView, rcp_bind};
pub use federation::Federation;
pub use ops::implemented;
pub use organizations::{Level, Membership, can_be_delegated};

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use policy::{CallerPolicies, Check, Context, Decision};
use store::{Cache, Store};
use wire::{ApiError, Call, Reply};

use error::Fail;
use organizations::ORGANIZATIONS;
use sessions::Sessions;

/// Documents of users, groups, roles, policies, instance profiles, keys: one collection, so that one generation tells
/// whether anything that was compiled from them is out of date.
pub(crate) const IAM: &str = "iam";
/// Sessions that were asked for through STS. Kept apart: an AssumeRole must not put compiled policies out of date.
pub(crate) const STS: &str = "sts";

/// Credential reports and tasks that are done: nothing that decides about permissions.
pub(crate) const REPORTS: &str = "iam-reports";

/// Compiled policies, role views and keys kept, each.
const CACHED: usize = 8_192;
/// Access keys whose last use is remembered (in memory only).
const LAST_USES: usize = 8_192;

/// IAM and STS of every account. Cheap to clone.
#[derive(Clone)]
pub struct Iam {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) store: Store,
    pub(crate) sessions: Sessions,
    policies: Cache<CallerPolicies>,
    roles: Cache<RoleView>,
    keys: Cache<AccessKey>,
    principal_tags: Cache<Vec<(String, String)>>,
    pub(crate) memberships: Cache<Membership>,
    last_uses: Mutex<HashMap<String, LastUse>>,
    issuers: identity::Issuers,
    accesses: accessed::Accesses,
}

/// When and for what an access key was last used.
#[derive(Clone, Debug)]
pub(crate) struct LastUse {
    pub(crate) at_ms: i64,
    pub(crate) service: String,
    pub(crate) region: String,
}

impl Iam {
    /// IAM and STS over `store`.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self::with_issuers(store, identity::Issuers::default())
    }

    /// The same with the keys of issuers of web identities.
    #[must_use]
    pub fn with_issuers(store: Store, issuers: identity::Issuers) -> Self {
        Self {
            inner: Arc::new(Inner {
                store,
                sessions: Sessions::default(),
                policies: Cache::over(&[IAM, ORGANIZATIONS], CACHED),
                roles: Cache::new(IAM, CACHED),
                keys: Cache::new(IAM, CACHED),
                principal_tags: Cache::new(IAM, CACHED),
                memberships: Cache::new(ORGANIZATIONS, CACHED),
                last_uses: Mutex::default(),
                issuers,
                accesses: accessed::Accesses::default(),
            }),
        }
    }

    /// What must be allowed before `call` runs: one entry per action that AWS checks, with the resource's ARN and
    /// the condition keys that IAM or STS set (Service Authorization Reference, pages of IAM and STS). Empty for
    /// `GetCallerIdentity` and `GetSessionToken`, which need no permission. `service` is `iam`, `sts` or
    /// `organizations`.
    ///
    /// # Errors
    /// What AWS answers before it looks at any policy: a malformed role ARN, a role that does not exist, a root
    /// user who would assume a role, no user name where the caller is no user; [`ApiError::internal`] when the
    /// store fails.
    pub fn checks(&self, service: &str, call: &Call, caller: &Caller) -> Result<Vec<Check>, ApiError> {
        let checks = match service {
            "sts" => sts_checks::checks(self, call, caller),
            "organizations" => organizations::checks(self, call),
            _ => checks::checks(self, call, caller),
        };
        checks.map_err(ApiError::from)
    }

    /// Runs `call`, which has been authenticated, validated and allowed. `service` is as in [`Iam::checks`].
    ///
    /// # Errors
    /// AWS's own errors; [`ApiError::not_implemented`] for operations that are not in [`implemented`].
    pub fn handle(&self, service: &str, call: &Call, caller: &Caller) -> Result<Reply, ApiError> {
        match service {
            "organizations" => organizations::run(self, call, caller),
            _ => ops::run(self, service, call, caller),
        }
        .map_err(ApiError::from)
    }

    /// The key with this id, of a user (`AKIA…`) or a session (`ASIA…`); `None` when there is none, or when the
    /// session's role is gone. Whether the key is active and not expired is for the caller of this to check: AWS
    /// answers those two differently.
    ///
    /// # Errors
    /// When the store fails.
    pub fn access_key(&self, id: &str) -> Result<Option<Arc<AccessKey>>, ApiError> {
        self.find_key(id).map_err(ApiError::from)
    }

    /// Remembers that a key was used, for `GetAccessKeyLastUsed`. In memory: lost on restart, which AWS's own
    /// delay of hours makes unobservable.
    pub fn note_key_use(&self, id: &str, service: &str, region: &str, now_ms: i64) {
        let mut uses = self.inner.last_uses.lock().unwrap_or_else(PoisonError::into_inner);
        if uses.len() >= LAST_USES && !uses.contains_key(id) {
            uses.clear();
        }
        uses.insert(
            id.to_owned(),
            LastUse { at_ms: now_ms, service: service.to_owned(), region: region.to_owned() },
        );
    }

    pub(crate) fn last_use(&self, id: &str) -> Option<LastUse> {
        self.inner.last_uses.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// The policies that bear on `caller`, compiled: inline and managed of the user and its groups or of the role,
    /// the boundary, the policies of the session, and the SCPs of the account. Shared between requests until anything
    /// in IAM or Organizations changes.
    ///
    /// # Errors
    /// When the store fails or holds a policy that does not parse.
    pub fn caller_policies(&self, caller: &Caller) -> Result<Arc<CallerPolicies>, ApiError> {
        self.collect(caller).map_err(ApiError::from)
    }

    /// Where an account stands in its organization, with the SCPs and RCPs that come down on it; `None` when it is in
    /// none. Shared between requests until anything in Organizations changes.
    ///
    /// # Errors
    /// When the store fails or holds a policy that does not parse.
    pub fn membership(&self, account: &arn::AccountId) -> Result<Option<Arc<Membership>>, ApiError> {
        self.find_membership(account).map_err(ApiError::from)
    }

    /// The condition keys that depend on the caller alone (`aws:PrincipalArn`, `aws:userid`, `aws:PrincipalTag/…`,
    /// …; User Guide, reference_policies_condition-keys).
    ///
    /// # Errors
    /// When the store fails.
    pub fn principal_context(&self, caller: &Caller) -> Result<Context, ApiError> {
        context::of(self, caller).map_err(ApiError::from)
    }

    /// The role with this ARN, or `None`. Path and name must both be right.
    ///
    /// # Errors
    /// When the store fails or holds a trust policy that does not parse.
    pub fn role(&self, role_arn: &str) -> Result<Option<Arc<RoleView>>, ApiError> {
        self.view_role(role_arn).map_err(ApiError::from)
    }

    /// Whether the trust policy of `role_arn` and the resource control policies of its account let the service `host`
    /// (`lambda.amazonaws.com`) assume the role; `None` when there is no such role. `context` carries what the service
    /// sets, such as `aws:SourceArn`.
    ///
    /// # Errors
    /// As [`Iam::role`].
    pub fn may_assume(
        &self,
        role_arn: &str,
        host: &str,
        context: &Context,
    ) -> Result<Option<Decision>, ApiError> {
        self.service_may_assume(role_arn, host, context).map_err(ApiError::from)
    }

    /// A session of a role for calls that never leave this process: no credentials are made. `None` when there is
    /// no such role.
    ///
    /// # Errors
    /// As [`Iam::role`].
    pub fn role_session(
        &self,
        role_arn: &str,
        session_name: &str,
        now_ms: i64,
    ) -> Result<Option<Caller>, ApiError> {
        self.open_session(role_arn, session_name, now_ms).map_err(ApiError::from)
    }

    /// Credentials of a session of a role for an execution environment. Kept in memory only, up to
    /// [`Iam::SESSIONS`]; a restart makes them invalid, as it ends the environment that holds them. Does not look at
    /// the trust policy: ask [`Iam::may_assume`] first. `None` when there is no such role.
    ///
    /// # Errors
    /// As [`Iam::role`], and when the system gives no randomness.
    pub fn issue_session(
        &self,
        role_arn: &str,
        session_name: &str,
        duration_s: i64,
        now_ms: i64,
    ) -> Result<Option<SessionCredentials>, ApiError> {
        self.make_service_session(role_arn, session_name, None, (duration_s, now_ms)).map_err(ApiError::from)
    }

    /// As [`Iam::issue_session`], for a function: what its code calls carries `lambda:SourceFunctionArn` (Lambda
    /// Developer Guide, permissions-source-function-arn).
    ///
    /// # Errors
    /// As [`Iam::issue_session`].
    pub fn issue_function_session(
        &self,
        (role_arn, session_name): (&str, &str),
        function_arn: &str,
        (duration_s, now_ms): (i64, i64),
    ) -> Result<Option<SessionCredentials>, ApiError> {
        self.make_service_session(role_arn, session_name, Some(function_arn), (duration_s, now_ms))
            .map_err(ApiError::from)
    }

    /// Sessions held in memory. At the bound, expired sessions go first, then those that expire soonest.
    pub const SESSIONS: usize = sessions::BOUND;

    /// What stands behind an IAM ARN or unique id (`AROA…`) in a resource policy; `None` when nothing does, which is
    /// why services refuse such principals. Accounts always exist: `arn:aws:iam::A:root` and `A` are found.
    ///
    /// # Errors
    /// When the store fails.
    pub fn resolve_principal(&self, arn_or_id: &str) -> Result<Option<IamPrincipal>, ApiError> {
        self.find_principal(arn_or_id).map_err(ApiError::from)
    }

    /// The resource policy of the organization that an account is in, if it is in one and that has one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn delegation_policy(&self, account: &arn::AccountId) -> Result<Option<String>, ApiError> {
        self.read(|store| organizations::delegation_policy(store, account)).map_err(ApiError::from)
    }

    /// ARNs of the roles and users of an account, for "did you mean".
    ///
    /// # Errors
    /// When the store fails.
    pub fn names(&self, account: &arn::AccountId) -> Result<Vec<String>, ApiError> {
        self.list_names(account).map_err(ApiError::from)
    }

    /// The keys of issuers that this server was given.
    #[must_use]
    pub fn issuers(&self) -> &identity::Issuers {
        &self.inner.issuers
    }

    pub(crate) fn read<T>(&self, read: impl FnOnce(&store::Reader) -> Result<T, Fail>) -> Result<T, Fail> {
        self.inner.store.read(read)
    }

    pub(crate) fn write<T>(
        &self,
        write: impl FnOnce(&mut store::Writer<'_>) -> Result<T, Fail>,
    ) -> Result<T, Fail> {
        self.inner.store.write(write)
    }
}
