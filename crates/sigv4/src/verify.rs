use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::parse::ALGORITHM;
use crate::{AuthError, Form, Payload, SignedRequest, SigningKey, Timestamp, canonical};

/// How far the client's clock may be off.
pub const MAX_SKEW_SECONDS: i64 = 300;

/// The text of a wrong signature, as every AWS service answers it.
const MISMATCH: &str = "The request signature we calculated does not match the signature you provided. Check your AWS \
    Secret Access Key and signing method. Consult the service documentation for details.";

/// The body, as far as the signature needs it.
#[derive(Clone, Copy, Debug)]
pub enum PayloadHash<'a> {
    /// The body; hashed only where the signature covers it.
    Of(&'a [u8]),
    /// The body's SHA-256, already known.
    Known([u8; 32]),
}

impl PayloadHash<'_> {
    fn hex(self) -> String {
        match self {
            Self::Of(body) => crate::key::hex_of(&Sha256::digest(body).into()),
            Self::Known(hash) => crate::key::hex_of(&hash),
        }
    }
}

impl SignedRequest {
    /// Proves the request with the secret access key. `now` is the server's time, seconds since 1970.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch` with AWS's text for a wrong signature and for a clock off by more than
    /// [`MAX_SKEW_SECONDS`]; `RequestExpired` for a presigned request used too late.
    pub fn verify(&self, secret: &str, payload: PayloadHash<'_>, now: i64) -> Result<(), AuthError> {
        self.check_time(now)?;
        self.check_signature(&self.signing_key(secret), payload)
    }

    /// As [`Self::verify`], with a key that [`Self::signing_key`] gave for the same access key, date, region and
    /// service.
    ///
    /// # Errors
    /// As [`Self::verify`].
    pub fn verify_with(&self, key: &SigningKey, payload: PayloadHash<'_>, now: i64) -> Result<(), AuthError> {
        self.check_time(now)?;
        self.check_signature(key, payload)
    }

    /// The key of this request's scope, to be kept.
    #[must_use]
    pub fn signing_key(&self, secret: &str) -> SigningKey {
        SigningKey::derive(secret, &self.date, &self.region, &self.service)
    }

    /// The scope, `20150830/us-east-1/iam/aws4_request`.
    #[must_use]
    pub fn scope(&self) -> String {
        [&self.date, "/", &self.region, "/", &self.service, "/aws4_request"].concat()
    }

    /// Checks the scope against where the request went. `region` is `None` where the address does not say.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch` with AWS's text (seen at STS and SQS: "Credential should be scoped to …").
    pub fn check_scope(&self, service: &str, region: Option<&str>) -> Result<(), AuthError> {
        let mut text = String::new();
        if region.is_some_and(|r| r != self.region) {
            text.push_str("Credential should be scoped to a valid region. ");
        }
        if service != self.service {
            let _ = write!(text, "Credential should be scoped to correct service: '{service}'. ");
        }
        if text.is_empty() { Ok(()) } else { Err(AuthError::mismatch(text)) }
    }

    /// Checks the request's date alone: where a server takes any signature, such as a development key's, it may
    /// still want a date that is not from last year.
    ///
    /// # Errors
    /// As [`Self::verify`] for time.
    pub fn check_time(&self, now: i64) -> Result<(), AuthError> {
        let (now, minutes) = (Timestamp::from_seconds(now), MAX_SKEW_SECONDS / 60);
        let latest = Timestamp::from_seconds(now.seconds().saturating_add(MAX_SKEW_SECONDS));
        if self.time > latest {
            return Err(AuthError::mismatch(format!(
                "Signature not yet current: {} is still later than {latest} ({now} + {minutes} min.)",
                self.time
            )));
        }
        match self.form {
            Form::Header => {
                let earliest = Timestamp::from_seconds(now.seconds().saturating_sub(MAX_SKEW_SECONDS));
                if self.time < earliest {
                    return Err(AuthError::mismatch(format!(
                        "Signature expired: {} is now earlier than {earliest} ({now} - {minutes} min.)",
                        self.time
                    )));
                }
            }
            Form::Presigned { expires } => {
                if now.seconds() > self.time.seconds().saturating_add(expires) {
                    return Err(AuthError::request_expired());
                }
            }
        }
        Ok(())
    }

    fn check_signature(&self, key: &SigningKey, payload: PayloadHash<'_>) -> Result<(), AuthError> {
        let (hash, body_differs) = match &self.payload {
            Payload::Body => (payload.hex(), false),
            Payload::Unsigned => ("UNSIGNED-PAYLOAD".to_owned(), false),
            Payload::Chunked { kind, .. } => (kind.clone(), false),
            Payload::Declared(declared) => {
                let actual = payload.hex();
                let differs = !declared.eq_ignore_ascii_case(&actual);
                (if differs { actual } else { declared.clone() }, differs)
            }
        };
        let path = canonical::path(&self.path);
        let query = if self.query.is_empty() { String::new() } else { canonical::query(&self.query, b' ') };
        let canonical = self.canonical(&path, &query, &hash);
        if !body_differs && self.signature_is(key, &canonical) {
            return Ok(());
        }
        if !body_differs && self.signed_in_another_form(key, path, query, &hash) {
            return Ok(());
        }
        let mut error = AuthError::mismatch(MISMATCH);
        let string_to_sign = self.string_to_sign(&canonical);
        error.expected = Some(Box::new((self.without_secrets(canonical), string_to_sign)));
        Err(error)
    }

    /// Clients differ in how they encode the path and the query of what they sign; each of these forms says the
    /// same request.
    fn signed_in_another_form(&self, key: &SigningKey, path: String, query: String, hash: &str) -> bool {
        let mut paths = vec![path];
        paths.extend(canonical::other_paths(&self.path));
        paths.dedup();
        let mut queries = vec![query];
        if !self.query.is_empty() {
            queries.push(canonical::query_as_sent(&self.query));
            queries.push(canonical::query(&self.query, b'+'));
            queries.dedup();
        }
        paths.iter().enumerate().any(|(p, path)| {
            queries.iter().enumerate().any(|(q, query)| {
                (p, q) != (0, 0) && self.signature_is(key, &self.canonical(path, query, hash))
            })
        })
    }

    fn canonical(&self, path: &str, query: &str, hash: &str) -> String {
        let mut text = String::with_capacity(
            self.method.len() + path.len() + query.len() + self.canonical_headers.len() + hash.len() + 4,
        );
        for line in [&self.method, path, query] {
            text.push_str(line);
            text.push('\n');
        }
        text.push_str(&self.canonical_headers);
        text.push_str(hash);
        text
    }

    fn string_to_sign(&self, canonical: &str) -> String {
        let hash = crate::key::hex_of(&Sha256::digest(canonical.as_bytes()).into());
        [ALGORITHM, "\n", &self.time.basic(), "\n", &self.scope(), "\n", &hash].concat()
    }

    fn signature_is(&self, key: &SigningKey, canonical: &str) -> bool {
        let expected = key.signature(&self.string_to_sign(canonical));
        expected.as_bytes().ct_eq(self.signature.as_bytes()).into()
    }

    fn without_secrets(&self, canonical: String) -> String {
        match &self.session_token {
            Some(token) if !token.is_empty() => {
                canonical.replace(token.as_str(), "***").replace(&canonical::encode(token.as_bytes()), "***")
            }
            _ => canonical,
        }
    }
}
