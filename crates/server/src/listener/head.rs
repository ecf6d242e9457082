use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::header::{AsHeaderName, HOST};
use hyper::http::request::Parts;

use super::framing::RawHead;

/// A request without its body: hyper's parts, whose target is as sent, not decoded, and whose header names are in
/// lower case.
#[derive(Debug)]
pub struct Head {
    parts: Parts,
    /// Who called.
    pub peer: SocketAddr,
    /// The same as text, without the port: written once a connection.
    pub source_ip: Arc<str>,
    /// The address that was called.
    pub local: SocketAddr,
    raw: Option<RawHead>,
}

/// The two ends of a connection.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    pub peer: SocketAddr,
    pub source_ip: Arc<str>,
    pub local: SocketAddr,
}

impl std::ops::Deref for Head {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}

impl Head {
    pub(super) fn new(parts: Parts, raw: Option<RawHead>, ends: Ends) -> Self {
        let Ends { peer, source_ip, local } = ends;
        Self { parts, peer, source_ip, local, raw }
    }

    /// A head that came from nowhere, for tests of handlers.
    #[must_use]
    pub fn made_of(parts: Parts) -> Self {
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let ends = Ends { peer: nowhere, source_ip: "127.0.0.1".into(), local: nowhere };
        Self::new(parts, None, ends)
    }

    /// The verb; of those that HTTP has no copy is made.
    #[must_use]
    pub fn verb(&self) -> Cow<'static, str> {
        const USUAL: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"];
        let verb = self.method.as_str();
        let usual = USUAL.into_iter().find(|usual| *usual == verb);
        usual.map_or_else(|| Cow::Owned(verb.to_owned()), Cow::Borrowed)
    }

    /// The path as sent, `/` when there is none.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query as sent, without `?`; empty when there is none.
    #[must_use]
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The host that was called, with its port if that was sent: of an absolute target, else of the `Host` header.
    #[must_use]
    pub fn host(&self) -> &str {
        if let Some(authority) = self.uri.authority() {
            return authority.as_str();
        }
        self.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default()
    }

    /// A header as text; the first of several, `None` too when it is not ASCII.
    #[must_use]
    pub fn text(&self, name: impl AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The headers for [`sigv4::parse`].
    #[must_use]
    pub fn signed(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    /// The headers in the order and spelling of the client. Where these are not known, or do not go with
    /// [`Self::headers`], the names are in lower case and duplicates stand together.
    #[must_use]
    pub fn original_headers(&self) -> Vec<(String, Bytes)> {
        self.raw.as_ref().and_then(|raw| self.spelled(raw)).unwrap_or_else(|| {
            let lower = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
                (name.as_str().to_owned(), Bytes::copy_from_slice(value.as_bytes()))
            };
            self.headers.iter().map(lower).collect()
        })
    }

    fn spelled(&self, raw: &RawHead) -> Option<Vec<(String, Bytes)>> {
        let mut list = Vec::with_capacity(raw.headers.len());
        let mut known = self.headers.iter();
        for (name, value) in &raw.headers {
            let name = std::str::from_utf8(raw.bytes.get(name.clone())?).ok()?;
            let value = raw.bytes.get(value.clone()).map(|_| raw.bytes.slice(value.clone()))?;
            // The same order as hyper's, but where a name comes again.
            let next = known
                .next()
                .is_some_and(|(n, v)| n.as_str().eq_ignore_ascii_case(name) && v.as_bytes() == value);
            if !next && !self.headers.get_all(name).iter().any(|v| v.as_bytes() == value) {
                return None;
            }
            list.push((name.to_owned(), value));
        }
        // hyper keeps one of several equal `Content-Length`s, so the raw list may be longer, never shorter.
        (list.len() >= self.headers.len()).then_some(list)
    }
}
