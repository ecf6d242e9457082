use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{AuthError, Payload, SignedRequest, SigningKey};

/// Bytes that a chunk's head, or the trailer, may have.
const MAX_LINE: usize = 16 << 10;

impl SignedRequest {
    /// The body itself: of an `aws-chunked` one the chunks joined, each one's signature checked where it has one (S3
    /// API Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
    /// Chunks"). Other bodies come back as they are. Call [`SignedRequest::verify`] first: the chain of signatures
    /// begins with the request's.
    ///
    /// # Errors
    /// `SignatureDoesNotMatch` for a chunk that is not what was signed, `IncompleteSignature` for one that cannot
    /// be read.
    pub fn decode_body<'b>(
        &self,
        key: &SigningKey,
        body: &'b [u8],
    ) -> Result<std::borrow::Cow<'b, [u8]>, AuthError> {
        let Payload::Chunked { signed, trailer, .. } = &self.payload else {
            return Ok(std::borrow::Cow::Borrowed(body));
        };
        let mut whole = Vec::with_capacity(body.len());
        let mut previous = self.signature.clone();
        let mut rest = body;
        loop {
            let (head, after) = line(rest)?;
            let (size, extension) = head.split_once(';').unwrap_or((head, ""));
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| malformed())?;
            let data = after.get(..size).ok_or_else(malformed)?;
            if *signed {
                let signature = extension.strip_prefix("chunk-signature=").ok_or_else(malformed)?;
                let expected = self.chain(
                    key,
                    "PAYLOAD",
                    &previous,
                    &[Sha256::digest(b"").as_slice(), Sha256::digest(data).as_slice()],
                );
                check(&expected, signature)?;
                previous = expected;
            }
            whole.extend_from_slice(data);
            rest = after.get(size..).unwrap_or_default();
            if size == 0 {
                break;
            }
            rest = rest.strip_prefix(b"\r\n").ok_or_else(malformed)?;
        }
        if *signed && *trailer {
            self.check_trailer(key, &previous, rest)?;
        }
        Ok(std::borrow::Cow::Owned(whole))
    }

    fn check_trailer(&self, key: &SigningKey, previous: &str, mut rest: &[u8]) -> Result<(), AuthError> {
        let mut signed = String::new();
        loop {
            let (text, after) = line(rest)?;
            rest = after;
            let Some((name, value)) = text.split_once(':') else { return Err(malformed()) };
            if name.eq_ignore_ascii_case("x-amz-trailer-signature") {
                let expected =
                    self.chain(key, "TRAILER", previous, &[Sha256::digest(signed.as_bytes()).as_slice()]);
                return check(&expected, value.trim());
            }
            signed.push_str(&format!("{}:{}\n", name.to_ascii_lowercase(), value.trim()));
        }
    }

    fn chain(&self, key: &SigningKey, what: &str, previous: &str, hashes: &[&[u8]]) -> String {
        let mut text = format!("AWS4-HMAC-SHA256-{what}\n{}\n{}\n{previous}", self.time, self.scope());
        for hash in hashes {
            text.push('\n');
            text.push_str(&hex::encode(hash));
        }
        key.signature(&text)
    }
}

fn line(bytes: &[u8]) -> Result<(&str, &[u8]), AuthError> {
    let end = bytes.iter().take(MAX_LINE).position(|b| *b == b'\n').ok_or_else(malformed)?;
    let (line, rest) = bytes.split_at(end);
    let text = std::str::from_utf8(line.strip_suffix(b"\r").unwrap_or(line)).map_err(|_| malformed())?;
    Ok((text, rest.get(1..).unwrap_or_default()))
}

fn check(expected: &str, sent: &str) -> Result<(), AuthError> {
    if expected.as_bytes().ct_eq(sent.as_bytes()).into() {
        Ok(())
    } else {
        Err(AuthError::mismatch(
            "The chunk signature we calculated does not match the signature you provided.",
        ))
    }
}

fn malformed() -> AuthError {
    AuthError::incomplete("The body is not in the aws-chunked form that x-amz-content-sha256 says it is.")
}
