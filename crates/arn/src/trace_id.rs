//! `X-Amzn-Trace-Id` (AWS X-Ray Developer Guide, "Tracing header").

/// A request's trace id, as it came or began, and complete.
#[derive(Debug, PartialEq, Eq)]
pub struct TraceId {
    /// The client's own header, or a new `Root=…`.
    pub request: String,
    /// Root, parent and sampling: what the client sent is kept, what it did not send is made
    /// (recording test_invocation_trace_id).
    pub response: String,
    /// The root alone: `1-…`.
    pub root: String,
}

impl TraceId {
    /// From what the client `sent`, if anything. `random` are the bytes of a new root and a new parent.
    #[must_use]
    pub fn new(sent: Option<&str>, now_ms: i64, random: [u8; 20]) -> Self {
        let field = |name: &str| {
            sent.and_then(|s| s.split(';').find_map(|part| part.trim().strip_prefix(name)))
                .filter(|v| !v.is_empty() && v.len() <= 128 && v.bytes().all(|b| b.is_ascii_graphic()))
        };
        let (request, root) = match (sent, field("Root=")) {
            (Some(sent), Some(root)) => (sent.trim().to_owned(), root.to_owned()),
            _ => {
                let seconds = u32::try_from(now_ms / 1000).unwrap_or(u32::MAX);
                let root = ["1-", &hex(&seconds.to_be_bytes()), "-", &hex(&random[..12])].concat();
                (["Root=", &root].concat(), root)
            }
        };
        let parent = field("Parent=").map_or_else(|| hex(&random[12..]), str::to_owned);
        let sampled = field("Sampled=").unwrap_or("0");
        let response = ["Root=", &root, ";Parent=", &parent, ";Sampled=", sampled].concat();
        Self { request, response, root }
    }

    /// The root alone in a `header`: `1-…`.
    #[must_use]
    pub fn root_of(header: &str) -> Option<&str> {
        header.split(';').find_map(|part| part.trim().strip_prefix("Root="))
    }
}

fn hex(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len() * 2);
    for nibble in bytes.iter().flat_map(|b| [b >> 4, b & 15]) {
        out.push(char::from(if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_has_the_time_in_it() {
        let id = TraceId::new(None, 0x5935_635b_i64 * 1000, [0xab; 20]);
        assert_eq!(id.request, format!("Root=1-5935635b-{}", "ab".repeat(12)));
        assert_eq!(id.response, format!("{};Parent={};Sampled=0", id.request, "ab".repeat(8)));
    }

    #[test]
    fn what_the_client_sends_is_kept() {
        let sent = "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=7fa8c0f79203be72;Sampled=1";
        let id = TraceId::new(Some(sent), 0, [0; 20]);
        assert_eq!((id.request.as_str(), id.response.as_str()), (sent, sent));
    }

    #[test]
    fn only_a_root_gets_a_parent() {
        let id = TraceId::new(Some("Root=1-3152b799-8954dae64eda91bc9a23a7e8"), 0, [1; 20]);
        assert_eq!(id.response, "Root=1-3152b799-8954dae64eda91bc9a23a7e8;Parent=0101010101010101;Sampled=0");
    }

    #[test]
    fn a_header_without_a_root_is_replaced() {
        assert!(TraceId::new(Some("nonsense"), 0, [1; 20]).request.starts_with("Root=1-00000000-"));
    }
}
