//! What becomes of headers on their way to an integration and back.
//!
//! Follows the recordings TestApiGatewayHeaderRemapping (HTTP, HTTP_PROXY, AWS, AWS_PROXY) and, for what they do not
//! show, the table of the guide's "Important notes" for REST APIs.

use bytes::Bytes;

use super::ClientRequest;

/// Overrides the verb. It is no part of an integration request that does not map it (guide, "Important notes").
const OVERRIDE: &str = "x-http-method-override";

/// Headers of a client that nothing behind the front door sees: neither events, mappings and templates nor endpoints.
/// (`Keep-Alive` and `Proxy-Connection` belong to the connection as well; reasoning.)
const KEPT_AT_THE_DOOR: [&str; 14] = [
    "connection",
    "content-length",
    "content-md5",
    "expect",
    "keep-alive",
    "max-forwards",
    "proxy-authenticate",
    "proxy-connection",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "www-authenticate",
];

/// What HTTP_PROXY does not pass on besides. The endpoint's `Host` is its own. (`Proxy-Authorization` is for the next
/// hop, RFC 9110, section 11.7.2; reasoning.)
const NOT_PROXIED: [&str; 5] = ["content-encoding", "host", "proxy-authorization", "via", OVERRIDE];

/// Headers that may be mapped and never reach an HTTP endpoint.
const NEVER_SENT: [&str; 5] = ["connection", "expect", "proxy-authenticate", "te", "via"];

/// Response headers that the gateway or the connection sets: an integration's own come out as `x-amzn-Remapped-…`.
const REMAPPED: [&str; 14] = [
    "authorization",
    "connection",
    "content-length",
    "content-md5",
    "date",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "trailer",
    "upgrade",
    "user-agent",
    "www-authenticate",
];

/// The verb that takes the place of the request's own: one that a method may be configured with.
pub(super) fn overriding_method(request: &ClientRequest) -> Option<&'static str> {
    const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let sent = request.header(OVERRIDE)?.trim();
    METHODS.into_iter().find(|method| method.eq_ignore_ascii_case(sent))
}

fn among(names: &[&str], name: &[u8]) -> bool {
    names.iter().any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
}

/// Whether a client's header is part of the method request.
pub(super) fn is_of_method_request(name: &str) -> bool {
    !among(&KEPT_AT_THE_DOOR, name.as_bytes())
}

/// Whether HTTP_PROXY passes a header of the method request on.
pub(super) fn is_proxied(name: &str) -> bool {
    !among(&NOT_PROXIED, name.as_bytes())
}

/// Whether a mapped header reaches an HTTP endpoint.
pub(super) fn is_sent(name: &str) -> bool {
    !among(&NEVER_SENT, name.as_bytes())
}

/// The name under which the client gets a header that a response is given: by a mapping, a template or an owner.
/// `None`: not at all.
pub(super) fn given(name: Bytes) -> Option<Bytes> {
    if name.eq_ignore_ascii_case(b"transfer-encoding") {
        return None;
    }
    if !among(&REMAPPED, &name) {
        return Some(name);
    }
    Some(Bytes::from([b"x-amzn-Remapped-".as_slice(), &name].concat()))
}

/// The same of what an endpoint or a function answered, where that is passed on.
pub(super) fn passed(name: Bytes) -> Option<Bytes> {
    if among(&["keep-alive", "te", "via"], &name) { None } else { given(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn comes_out(by: fn(Bytes) -> Option<Bytes>, name: &'static str, expected: Option<&str>) {
        let found = by(Bytes::from_static(name.as_bytes()));
        assert_eq!(found.as_deref(), expected.map(str::as_bytes), "{name}");
    }

    #[test]
    fn what_frames_an_answer_is_never_an_integrations() {
        comes_out(given, "Content-Length", Some("x-amzn-Remapped-Content-Length"));
        comes_out(given, "Connection", Some("x-amzn-Remapped-Connection"));
        comes_out(given, "Transfer-Encoding", None);
        comes_out(given, "Content-Type", Some("Content-Type"));
    }

    #[test]
    fn mapped_headers_keep_what_proxies_drop() {
        for name in ["TE", "Via"] {
            comes_out(given, name, Some(name));
            comes_out(passed, name, None);
        }
        comes_out(passed, "X-Own", Some("X-Own"));
    }

    #[test]
    fn the_door_keeps_what_the_recording_does_not_show() {
        for name in ["Content-MD5", "Expect", "Server", "WWW-Authenticate", "trailer"] {
            assert!(!is_of_method_request(name), "{name}");
        }
        for name in ["Via", "Content-Encoding", "Host", "Date", "Range"] {
            assert!(is_of_method_request(name), "{name}");
        }
        assert!(!is_proxied("Via") && !is_proxied("Content-Encoding") && is_proxied("Date"));
        assert!(!is_sent("TE") && is_sent("Upgrade") && is_sent("Host"));
    }
}
