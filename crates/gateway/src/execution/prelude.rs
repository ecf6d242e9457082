//! What a streamed answer of a function begins with: metadata in JSON, then eight zero bytes, then the body.
//!
//! Source: API Gateway guide, "Set up a Lambda proxy integration with payload response streaming": the delimiter must
//! come within the first 16 KB. AWS's announcement adds that the metadata is an object, if an empty one.

use bytes::{Bytes, BytesMut};
use serde_json::{Map, Value};

const DELIMITER: [u8; 8] = [0; 8];
/// Bytes within which the delimiter must have come.
const MAX_METADATA: usize = 16 << 10;

/// The beginning of an answer, as far as it has come.
#[derive(Default)]
pub(super) struct Prelude {
    seen: BytesMut,
}

/// The metadata, and what followed its delimiter.
pub(super) type Begun = (Map<String, Value>, Bytes);

/// Why an answer has no metadata: the rule, and the first bytes of what came instead.
#[derive(Debug, PartialEq)]
pub(super) struct NoMetadata {
    pub reason: String,
    pub seen: Bytes,
}

impl Prelude {
    /// Takes the next piece of the answer. Gives the metadata and what followed it, once both are there.
    ///
    /// # Errors
    /// The answer cannot have metadata any more.
    pub fn push(&mut self, piece: &[u8]) -> Result<Option<Begun>, NoMetadata> {
        // The delimiter may be cut in two by the pieces.
        let from = self.seen.len().saturating_sub(DELIMITER.len() - 1);
        self.seen.extend_from_slice(piece);
        let found = self.seen.get(from..).unwrap_or_default().windows(DELIMITER.len());
        let Some(at) = found.into_iter().position(|window| window == DELIMITER).map(|at| from + at) else {
            return match self.seen.len() < MAX_METADATA {
                true => Ok(None),
                false => {
                    Err(self.refused(format!("there is no delimiter in its first {MAX_METADATA} bytes")))
                }
            };
        };
        if at + DELIMITER.len() > MAX_METADATA {
            return Err(self.refused(format!("its delimiter comes after its first {MAX_METADATA} bytes")));
        }
        match serde_json::from_slice(self.seen.get(..at).unwrap_or_default()) {
            Ok(Value::Object(metadata)) => {
                let mut seen = std::mem::take(&mut self.seen);
                Ok(Some((metadata, seen.split_off(at + DELIMITER.len()).freeze())))
            }
            Ok(_) => Err(self.refused("what stands before its delimiter is no JSON object".to_owned())),
            Err(error) => Err(self.refused(format!("what stands before its delimiter is no JSON: {error}"))),
        }
    }

    /// The answer is over, and the metadata never came.
    pub fn ended(&mut self) -> NoMetadata {
        let reason = match self.seen.is_empty() {
            true => "it is empty",
            false => "it ends without a delimiter, which is eight zero bytes after the metadata",
        };
        self.refused(reason.to_owned())
    }

    fn refused(&mut self, reason: String) -> NoMetadata {
        NoMetadata { reason, seen: std::mem::take(&mut self.seen).freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Option<Begun>, NoMetadata> {
        let mut prelude = Prelude::default();
        for piece in pieces {
            if let Some(found) = prelude.push(piece)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    #[test]
    fn the_metadata_ends_at_eight_zero_bytes_however_they_come() {
        let whole = b"{\"statusCode\":201}\0\0\0\0\0\0\0\0hello";
        for cut in 0..whole.len() - 5 {
            let (a, b) = whole.split_at(cut);
            let (metadata, rest) = read(&[a, b]).unwrap().unwrap_or_else(|| panic!("cut at {cut}"));
            assert_eq!((metadata["statusCode"].as_u64(), &rest[..]), (Some(201), &b"hello"[..]), "{cut}");
        }
        let ones: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(read(&ones).unwrap().unwrap().1, Bytes::new());
        let (metadata, rest) = read(&[b"{}\0\0\0\0\0\0\0\0\0"]).unwrap().unwrap();
        assert!(metadata.is_empty() && rest == Bytes::from_static(b"\0"));
    }

    #[test]
    fn an_answer_without_metadata_is_refused_with_the_reason() {
        #[track_caller]
        fn refused(pieces: &[&[u8]], reason: &str) {
            let error = read(pieces).unwrap_err();
            assert!(error.reason.contains(reason), "{error:?}");
        }
        refused(&[b"\0\0\0\0\0\0\0\0body"], "no JSON");
        refused(&[b"[]\0\0\0\0\0\0\0\0"], "no JSON object");
        refused(&[&vec![b'x'; MAX_METADATA]], "first 16384 bytes");
        let mut late = vec![b' '; MAX_METADATA - 4];
        late.splice(0..2, *b"{}");
        refused(&[&late, &[0; 8]], "first 16384 bytes");
        let mut prelude = Prelude::default();
        assert_eq!(prelude.push(b"{}\0\0"), Ok(None));
        let ended = prelude.ended();
        assert!(ended.reason.contains("without a delimiter") && ended.seen == Bytes::from_static(b"{}\0\0"));
        assert!(Prelude::default().ended().reason.contains("empty"));
    }
}
