use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The key of one access key for one day, region and service. Deriving it costs four HMACs; a server keeps it by
/// (access key id, date, region, service), in a cache whose bound is the caller's business.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl SigningKey {
    /// Derives the key from a secret access key; `date` as in a credential scope, `20150830`.
    #[must_use]
    pub fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let first = hmac(&keyed(&[b"AWS4", secret.as_bytes()].concat()), date.as_bytes());
        let region = hmac(&keyed(&first), region.as_bytes());
        let service = hmac(&keyed(&region), service.as_bytes());
        Self(keyed(&hmac(&keyed(&service), b"aws4_request")))
    }

    /// The signature of a string to sign, in hexadecimal.
    #[must_use]
    pub fn signature(&self, string_to_sign: &str) -> String {
        hex_of(&hmac(&self.0, string_to_sign.as_bytes()))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// A hash in hexadecimal, in a third of the time of `hex::encode`, which makes text of an iterator of characters.
pub(crate) fn hex_of(hash: &[u8; 32]) -> String {
    let mut text = [0; 64];
    // Cannot fail: there is just the room.
    let _ = hex::encode_to_slice(hash, &mut text);
    String::from_utf8(text.to_vec()).unwrap_or_default()
}

fn hmac(key: &Hmac<Sha256>, message: &[u8]) -> [u8; 32] {
    let mut mac = key.clone();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// HMAC keys longer than a block are hashed, shorter ones are padded; done here because that cannot fail.
fn keyed(key: &[u8]) -> Hmac<Sha256> {
    let mut block = [0u8; 64];
    if key.len() > block.len() {
        for (to, from) in block.iter_mut().zip(Sha256::digest(key)) {
            *to = from;
        }
    } else {
        for (to, from) in block.iter_mut().zip(key) {
            *to = *from;
        }
    }
    Hmac::new(&block.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    // IAM User Guide, "Create a signed AWS API request", calculates a signature from these.
    #[test]
    fn derives_the_key_of_the_documentation() {
        let key =
            SigningKey::derive("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam");
        let text = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n\
                    f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59";
        assert_eq!(key.signature(text), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", SigningKey::derive("secret", "20150830", "r", "s")), "SigningKey(…)");
    }
}
