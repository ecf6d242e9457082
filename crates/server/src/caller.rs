//! Who signed a request: development keys, issued keys, and what is wrong with the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use arn::AccountId;
use bytes::Bytes;
use iam::{Caller, Iam};
use lambda::execution::Executor;
use policy::Principal;
use sigv4::{AuthError, AuthErrorKind, Payload, PayloadHash, SignedRequest, SigningKey};
use subtle::ConstantTimeEq;

use crate::listener::Head;

/// Signing keys kept: one a key, day, region and service.
const SIGNING_KEYS: usize = 1_024;

/// What the signature of a request says, proven.
#[derive(Clone, Debug)]
pub struct Signer {
    /// Who signed.
    pub caller: Caller,
    /// The key it was signed with.
    pub access_key_id: String,
}

/// Looks up and proves signatures.
pub struct Callers {
    iam: Iam,
    /// An access key id of twelve digits is the root user of that account.
    dev_credentials: DevCredentials,
    /// Any unknown key is the root user of this account.
    dev_account: Option<AccountId>,
    /// Knows which connections are functions'.
    executor: Executor,
    keys: Mutex<HashMap<(String, String), SigningKey>>,
}

/// Whether account ids are taken as access key ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DevCredentials {
    /// They are.
    Accepted,
    /// They are not: switched off by option.
    Off,
    /// They are not: the server can be reached from other machines.
    NotOnLoopback,
}

impl Callers {
    /// Looks keys up in `iam`.
    #[must_use]
    pub fn new(
        iam: Iam,
        dev_credentials: DevCredentials,
        dev_account: Option<AccountId>,
        executor: Executor,
    ) -> Self {
        Self { iam, dev_credentials, dev_account, executor, keys: Mutex::default() }
    }

    /// Proves `signed`, whose body is `body` and which came with `head`. `now_ms` is the server's time.
    ///
    /// # Errors
    /// What AWS answers: an unknown or inactive key, a session token that does not go with the key, an expired
    /// session, a wrong signature or clock.
    pub fn prove(
        &self,
        signed: &SignedRequest,
        body: &[u8],
        head: &Head,
        now_ms: i64,
    ) -> Result<Signer, AuthError> {
        let id = &signed.access_key_id;
        let root = |account| Signer { caller: Principal::Root { account }.into(), access_key_id: id.clone() };
        if let Some(account) = self.development_key(id, head)? {
            return Ok(root(account));
        }
        // A store that cannot be read lets nobody in.
        let found = self.iam.access_key(id).map_err(|_| AuthError::invalid_token())?;
        let Some(key) = found else {
            let account = self.dev_account.ok_or_else(AuthError::invalid_token)?;
            self.not_of_a_function(head)?;
            return Ok(root(account));
        };
        if !key.active {
            return Err(AuthError::invalid_token());
        }
        let token_fits = match (&key.session_token, &signed.session_token) {
            (None, None) => true,
            (Some(wanted), Some(sent)) => bool::from(wanted.as_bytes().ct_eq(sent.as_bytes())),
            _ => false,
        };
        if !token_fits {
            return Err(AuthError::invalid_token());
        }
        let signing_key = self.signing_key(signed, &key.secret);
        signed.verify_with(&signing_key, PayloadHash::Of(body), now_ms.div_euclid(1000))?;
        if key.expires_ms.is_some_and(|end| end <= now_ms) {
            return Err(AuthError::expired_token());
        }
        self.iam.note_key_use(id, &signed.service, &signed.region, now_ms);
        Ok(Signer { caller: key.caller.clone(), access_key_id: id.clone() })
    }

    /// The body without the framing of `aws-chunked`, in which some SDKs send it; chunk signatures are verified.
    ///
    /// # Errors
    /// When the framing is broken or a chunk's signature is wrong.
    pub fn unframed(&self, signed: &SignedRequest, body: &Bytes) -> Result<Bytes, AuthError> {
        if !matches!(signed.payload, Payload::Chunked { .. }) {
            return Ok(body.clone());
        }
        let found = self.iam.access_key(&signed.access_key_id).map_err(|_| AuthError::invalid_token())?;
        let secret = found.as_ref().map(|key| key.secret.as_str()).unwrap_or_default();
        let whole = signed.decode_body(&self.signing_key(signed, secret), body)?;
        Ok(Bytes::from(whole.into_owned()))
    }

    /// Development keys are for whoever owns the machine. A function that could use them would be every account.
    fn not_of_a_function(&self, head: &Head) -> Result<(), AuthError> {
        if self.executor.may_be_function(head.peer, head.local) {
            return Err(refused(
                "development keys are not taken from functions, which have the credentials of their execution role: \
                 leave the key out, so that the SDK finds them",
            ));
        }
        Ok(())
    }

    fn development_key(&self, id: &str, head: &Head) -> Result<Option<AccountId>, AuthError> {
        let Ok(account) = AccountId::new(id) else { return Ok(None) };
        match self.dev_credentials {
            DevCredentials::Accepted => self.not_of_a_function(head).map(|()| Some(account)),
            DevCredentials::Off => Err(refused(
                "account ids are not taken as access key ids, because the server runs with --no-dev-credentials",
            )),
            DevCredentials::NotOnLoopback => Err(refused(
                "account ids are taken as access key ids only while the server listens on loopback; use a key made \
                 with `aws iam create-access-key`, or start the server with --listen 127.0.0.1:4566",
            )),
        }
    }

    fn signing_key(&self, signed: &SignedRequest, secret: &str) -> SigningKey {
        // The secret is not part of the name: a key id never gets another secret.
        let name = (signed.access_key_id.clone(), signed.scope());
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = keys.get(&name) {
            return key.clone();
        }
        if keys.len() >= SIGNING_KEYS {
            keys.clear();
        }
        keys.entry(name).or_insert_with(|| signed.signing_key(secret)).clone()
    }
}

fn refused(why: &str) -> AuthError {
    AuthError {
        kind: AuthErrorKind::InvalidToken,
        message: format!("The security token included in the request is invalid. (crossgate: {why})"),
        expected: None,
    }
}
