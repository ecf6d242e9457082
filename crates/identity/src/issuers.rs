//! Which keys belong to which issuer.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::KeySet;

/// Issuers whose fetched keys are remembered.
const FETCHED: usize = 64;
/// Milliseconds for which fetched keys are used: issuers on this machine come and go.
const AGE_MS: i64 = 10_000;

/// The keys of issuers: given when the server started, or fetched from an issuer on this machine by whoever owns
/// this. Nothing is fetched here, and nobody fetches from elsewhere.
#[derive(Default)]
pub struct Issuers {
    given: HashMap<String, Arc<KeySet>>,
    fetched: Mutex<HashMap<String, (Arc<KeySet>, i64)>>,
}

/// An issuer without its scheme: how IAM names providers and condition keys. A last slash stays, as in the public
/// policies with `TENANT.auth0.com/:aud`.
#[must_use]
pub fn without_scheme(issuer: &str) -> &str {
    issuer.strip_prefix("https://").or_else(|| issuer.strip_prefix("http://")).unwrap_or(issuer)
}

/// Under which name keys that were given are found: with or without the last slash, as people write the option.
fn name(issuer: &str) -> &str {
    without_scheme(issuer).trim_end_matches('/')
}

/// Whether an issuer is plain HTTP on this machine, so that asking it for its keys surprises nobody.
#[must_use]
pub fn is_loopback(issuer: &str) -> bool {
    let Some(rest) = issuer.strip_prefix("http://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

impl Issuers {
    /// Knows the keys of these issuers, by URL.
    #[must_use]
    pub fn new(given: impl IntoIterator<Item = (String, KeySet)>) -> Self {
        let given = given.into_iter().map(|(url, keys)| (name(&url).to_owned(), Arc::new(keys)));
        Self { given: given.collect(), fetched: Mutex::default() }
    }

    /// The keys of `issuer`, given or fetched.
    #[must_use]
    pub fn keys(&self, issuer: &str) -> Option<Arc<KeySet>> {
        self.given.get(name(issuer)).cloned().or_else(|| {
            let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
            fetched.get(issuer).map(|(keys, _)| keys.clone())
        })
    }

    /// Whether the keys of `issuer` should be fetched before a token with this `kid` is looked at: it is on this
    /// machine, its keys were not given, and they are unknown, old, or lack that key.
    #[must_use]
    pub fn should_fetch(&self, issuer: &str, kid: Option<&str>, now_ms: i64) -> bool {
        if !is_loopback(issuer) || self.given.contains_key(name(issuer)) {
            return false;
        }
        let fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        fetched.get(issuer).is_none_or(|(keys, at)| now_ms - at > AGE_MS || !keys.has(kid))
    }

    /// Remembers keys that were fetched.
    pub fn remember(&self, issuer: &str, keys: KeySet, now_ms: i64) {
        let mut fetched = self.fetched.lock().unwrap_or_else(PoisonError::into_inner);
        if fetched.len() >= FETCHED && !fetched.contains_key(issuer) {
            fetched.clear();
        }
        fetched.insert(issuer.to_owned(), (Arc::new(keys), now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_issuers_on_this_machine_are_asked() {
        for here in ["http://127.0.0.1:9000", "http://localhost/realms/x", "http://[::1]:80/"] {
            assert!(is_loopback(here), "{here}");
        }
        for elsewhere in [
            "https://127.0.0.1",
            "http://127.0.0.1.example.com",
            "http://example.com:80@127.0.0.1.example",
            "http://user@example.com",
            "http://localhost.example.com",
        ] {
            assert!(!is_loopback(elsewhere), "{elsewhere}");
        }
    }

    #[test]
    fn given_keys_are_found_with_and_without_scheme_and_never_fetched() {
        let none = || KeySet::parse(br#"{"keys":[]}"#).unwrap();
        let issuers = Issuers::new([("https://a.example/x/".to_owned(), none())]);
        assert!(issuers.keys("https://a.example/x").is_some());
        assert!(issuers.keys("https://b.example").is_none());
        let here = "http://127.0.0.1:9000";
        assert!(issuers.should_fetch(here, None, 0));
        issuers.remember(here, none(), 0);
        assert!(issuers.should_fetch(here, Some("new"), 1), "a key that is not there");
        assert!(!issuers.should_fetch("https://a.example/x", None, 0));
    }
}
