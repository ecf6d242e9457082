//! What a streamed response begins with: status, headers and cookies as JSON, eight zero bytes, then the body.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

use super::answer::{headers, status};

/// The type of a response that has a prelude; others are a body from their first byte on (AWS's runtime clients set it
/// in `HttpResponseStream.from`).
pub const PRELUDE_TYPE: &str = "application/vnd.awslambda.http-integration-response";

/// Metadata and delimiter must come within the first 16 KB (API Gateway Developer Guide, "Lambda proxy integration with
/// payload response streaming"; that function URLs have the same bound is reasoning).
const MAX_PRELUDE: usize = 16 << 10;
const DELIMITER: [u8; 8] = [0; 8];

/// What precedes a streamed body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prelude {
    /// The status; 200 where none was written.
    pub status: u16,
    /// Headers in order, cookies as `set-cookie`.
    pub headers: Vec<(String, String)>,
}

/// Reads a [`Prelude`] from the pieces of a response.
#[derive(Debug, Default)]
pub struct PreludeReader {
    seen: BytesMut,
}

impl PreludeReader {
    /// Takes the next piece; gives the prelude and what came of the body with it, when the prelude is complete.
    ///
    /// # Errors
    /// Why the response has no prelude, in words for the function's author.
    pub fn take(&mut self, piece: &[u8]) -> Result<Option<(Prelude, Bytes)>, String> {
        // The delimiter may have begun in the last piece. JSON holds no zero byte.
        let from = self.seen.len().saturating_sub(DELIMITER.len() - 1);
        self.seen.extend_from_slice(piece);
        let found = self.seen.get(from..).and_then(|new| new.windows(8).position(|bytes| bytes == DELIMITER));
        let Some(at) = found.map(|at| from + at).filter(|at| at + DELIMITER.len() <= MAX_PRELUDE) else {
            return if self.seen.len() < MAX_PRELUDE {
                Ok(None)
            } else {
                Err(format!("no 8 zero bytes end the metadata within the first {MAX_PRELUDE} bytes"))
            };
        };
        let mut metadata = std::mem::take(&mut self.seen);
        let body = metadata.split_off(at + DELIMITER.len()).freeze();
        metadata.truncate(at);
        parse(&metadata).map(|prelude| Some((prelude, body)))
    }

    /// Why there is no prelude, for a response that ended before it was complete.
    #[must_use]
    pub fn missing(&self) -> String {
        format!("the response ended after {} bytes, before 8 zero bytes ended its metadata", self.seen.len())
    }
}

fn parse(metadata: &[u8]) -> Result<Prelude, String> {
    let members: Map<String, Value> =
        serde_json::from_slice(metadata).map_err(|e| format!("the metadata is no JSON object: {e}"))?;
    let status = members.get("statusCode").map_or(Ok(200), status)?;
    // AWS's client for Rust writes a header of several values as a list.
    Ok(Prelude { status, headers: headers(&members, true)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &[u8] = b"{\"statusCode\":201,\"headers\":{\"X\":1},\"cookies\":[\"a=1\"]}\0\0\0\0\0\0\0\0body\0\0\0\0\0\0\0\0more";

    #[test]
    fn a_prelude_is_read_wherever_the_pieces_break() {
        for size in 1..=WHOLE.len() {
            let (mut reader, mut pieces) = (PreludeReader::default(), WHOLE.chunks(size));
            let (prelude, body) =
                pieces.by_ref().find_map(|piece| reader.take(piece).unwrap()).expect("a prelude");
            assert_eq!((prelude.status, prelude.headers.len()), (201, 2), "pieces of {size}");
            assert_eq!(prelude.headers[1], ("set-cookie".to_owned(), "a=1".to_owned()));
            let rest = [&body[..], &pieces.collect::<Vec<_>>().concat()].concat();
            assert_eq!(rest, b"body\0\0\0\0\0\0\0\0more", "pieces of {size}");
        }
    }

    #[test]
    fn nothing_in_it_is_a_200() {
        let (prelude, body) = PreludeReader::default().take(b"{}\0\0\0\0\0\0\0\0").unwrap().unwrap();
        assert_eq!((prelude.status, prelude.headers.len(), body.len()), (200, 0, 0));
    }

    #[test]
    fn what_is_no_prelude_says_why() {
        for (sent, why) in [
            (&b"[]\0\0\0\0\0\0\0\0"[..], "no JSON object"),
            (b"\0\0\0\0\0\0\0\0", "no JSON object"),
            (b"{\"statusCode\":99}\0\0\0\0\0\0\0\0", "`statusCode` is 99"),
            (b"{\"headers\":{\"a\":[1]}}\0\0\0\0\0\0\0\0", "`headers.a`"),
            (&[b' '; MAX_PRELUDE], "within the first 16384 bytes"),
        ] {
            let told = PreludeReader::default().take(sent).unwrap_err();
            assert!(told.contains(why), "{told}");
        }
        let mut reader = PreludeReader::default();
        assert_eq!(reader.take(b"{\"statusCode\"").unwrap(), None);
        assert!(reader.missing().contains("after 13 bytes"), "{}", reader.missing());
    }

    #[test]
    fn the_bound_counts_the_delimiter() {
        let of = |length: usize| [&b"{}"[..], &vec![b' '; length - 10], &DELIMITER].concat();
        assert!(PreludeReader::default().take(&of(MAX_PRELUDE)).unwrap().is_some());
        assert!(PreludeReader::default().take(&of(MAX_PRELUDE + 1)).is_err());
    }
}
