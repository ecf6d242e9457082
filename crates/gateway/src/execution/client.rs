use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

/// A call to a deployed API.
#[derive(Clone, Debug)]
pub struct ClientRequest {
    /// The API's id, from the host name or the path.
    pub api_id: String,
    /// The stage and the path, as sent and not decoded: `/prod/users/7`.
    pub path: String,
    /// Set when the client called by a custom domain.
    pub custom_domain: Option<super::CustomDomain>,
    /// The VPC endpoint through which the client came, `vpce-…`, if it came through one.
    pub vpc_endpoint: Option<String>,
    /// What follows the `?`, as sent and not decoded; empty when there is none.
    pub query: String,
    /// The verb.
    pub method: Cow<'static, str>,
    /// Every header in order, in the client's own spelling.
    pub headers: Vec<(String, Bytes)>,
    /// The body, at most [`MAX_BODY`] bytes.
    pub body: Bytes,
    /// Whether it was longer; the server need not keep what it read of it.
    pub body_too_large: bool,
    /// The client's address.
    pub source_ip: Arc<str>,
    /// The host name that the client used, without the port.
    pub domain_name: String,
    /// The port that the client used.
    pub port: u16,
    /// Whether the client came by TLS.
    pub tls: bool,
    /// For example `HTTP/1.1`.
    pub protocol: &'static str,
    /// Answered in `x-amzn-RequestId`.
    pub request_id: String,
    /// Answered in `x-amz-apigw-id`.
    pub extended_request_id: String,
    /// Milliseconds since 1970.
    pub now_ms: i64,
    /// The same moment; latencies count from it.
    pub began: Instant,
}

/// The largest body that API Gateway takes: 10 MB (API Gateway quotas, "Payload size").
pub const MAX_BODY: usize = 10 * 1024 * 1024;

/// Bytes of the request line and all header values together (API Gateway quotas).
pub(super) const MAX_HEAD: usize = 10_240;

impl ClientRequest {
    /// What [`MAX_HEAD`] bounds.
    pub(super) fn head_size(&self) -> usize {
        let line = self.method.len() + self.path.len() + self.query.len() + self.protocol.len() + 3;
        line + self.headers.iter().map(|(_, value)| value.len()).sum::<usize>()
    }

    /// `$context.path`: with the stage, as sent, but for slashes before the stage; to a custom domain, as sent.
    pub(super) fn context_path(&self) -> Cow<'_, str> {
        match &self.custom_domain {
            Some(domain) => Cow::Borrowed(&domain.sent_path),
            None => with_one_slash(&self.path),
        }
    }

    /// The first value of a header, names compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .and_then(|(_, v)| std::str::from_utf8(v).ok())
    }
}

/// With one slash of those that it begins with.
fn with_one_slash(path: &str) -> Cow<'_, str> {
    let trimmed = path.trim_start_matches('/');
    match path.len() - trimmed.len() {
        0 => Cow::Owned(format!("/{trimmed}")),
        slashes => Cow::Borrowed(&path[slashes - 1..]),
    }
}

/// What the client gets. `Content-Length`, `Date` and `Connection` are the server's to add.
#[derive(Clone, Debug, Default)]
pub struct ClientResponse {
    /// The status.
    pub status: u16,
    /// Names, in the spelling that AWS sends, and values. Both are valid in HTTP.
    pub headers: Vec<(Bytes, Bytes)>,
    /// The body.
    pub body: Bytes,
}

impl ClientResponse {
    /// The first value of a header, names compared without case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes()))
            .and_then(|(_, v)| std::str::from_utf8(v).ok())
    }
}

/// Whether a header's name may be sent.
pub(super) fn valid_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

/// Whether a header's value may be sent: no line ends, no control characters but the tab.
pub(super) fn valid_value(value: &str) -> bool {
    value.bytes().all(|b| b == b'\t' || (b >= 0x20 && b != 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_path_keeps_slashes_behind_the_stage() {
        assert_eq!(with_one_slash("/stage//proxy-value"), "/stage//proxy-value");
        assert_eq!(with_one_slash("//stage/x"), "/stage/x");
        assert_eq!(with_one_slash("stage"), "/stage");
    }
}
