//! RSA public keys in the two forms that IAM takes: OpenSSH's line (RFC 4253, 6.6) and PEM (RFC 5280, 4.1.2.7).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest, Md5};

use crate::der::{self, BIT_STRING, INTEGER, NULL, OID, SEQUENCE};

/// How a key is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Ssh,
    Pem,
}

impl Encoding {
    pub(crate) fn of(text: &str) -> Self {
        if text.trim_start().starts_with("-----BEGIN ") { Self::Pem } else { Self::Ssh }
    }
}

/// An RSA public key: both numbers in as few bytes as a signed number needs.
pub(crate) struct PublicKey {
    exponent: Vec<u8>,
    modulus: Vec<u8>,
}

/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

impl PublicKey {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let key = match Encoding::of(text) {
            Encoding::Ssh => Self::from_line(text)?,
            Encoding::Pem => Self::from_pem(text)?,
        };
        (!key.modulus.is_empty() && !key.exponent.is_empty()).then_some(key)
    }

    fn from_line(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        (words.next()? == "ssh-rsa").then_some(())?;
        let blob = STANDARD.decode(words.next()?).ok()?;
        let mut rest = blob.as_slice();
        let mut field = || {
            let (length, after) = rest.split_first_chunk::<4>()?;
            let (field, after) =
                after.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            rest = after;
            Some(field)
        };
        (field()? == b"ssh-rsa").then_some(())?;
        Some(Self { exponent: field()?.to_vec(), modulus: field()?.to_vec() })
    }

    fn from_pem(text: &str) -> Option<Self> {
        let (label, bytes) = der::pem(text)?;
        let mut key = der::expect(&mut bytes.as_slice(), SEQUENCE)?;
        let bits;
        if label == "PUBLIC KEY" {
            let mut algorithm = der::expect(&mut key, SEQUENCE)?;
            (der::expect(&mut algorithm, OID)? == RSA).then_some(())?;
            bits = der::expect(&mut key, BIT_STRING)?.get(1..)?.to_vec();
            key = der::expect(&mut bits.as_slice(), SEQUENCE)?;
        } else if label != "RSA PUBLIC KEY" {
            return None;
        }
        let modulus = der::expect(&mut key, INTEGER)?.to_vec();
        Some(Self { modulus, exponent: der::expect(&mut key, INTEGER)?.to_vec() })
    }

    /// The length of the modulus.
    pub(crate) fn bits(&self) -> usize {
        let significant = self.modulus.iter().skip_while(|byte| **byte == 0).count();
        let top = self.modulus.iter().find(|byte| **byte != 0).map_or(0, |byte| byte.leading_zeros());
        (significant * 8).saturating_sub(usize::try_from(top).unwrap_or(0))
    }

    fn blob(&self) -> Vec<u8> {
        let mut blob = Vec::new();
        for field in [b"ssh-rsa", self.exponent.as_slice(), &self.modulus] {
            blob.extend(u32::try_from(field.len()).unwrap_or_default().to_be_bytes());
            blob.extend(field);
        }
        blob
    }

    /// The MD5 digest as `ssh-keygen -l -E md5` prints it, which is what AWS tells its users to compare with
    /// (CodeCommit User Guide, troubleshooting-ssh).
    pub(crate) fn fingerprint(&self) -> String {
        let digest = Md5::digest(self.blob());
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        pairs.join(":")
    }

    pub(crate) fn encode(&self, encoding: Encoding) -> String {
        if encoding == Encoding::Ssh {
            return format!("ssh-rsa {}", STANDARD.encode(self.blob()));
        }
        let numbers = [der::wrap(INTEGER, &self.modulus), der::wrap(INTEGER, &self.exponent)].concat();
        let algorithm = [der::wrap(OID, RSA), der::wrap(NULL, &[])].concat();
        let bits = [&[0][..], &der::wrap(SEQUENCE, &numbers)].concat();
        let key = [der::wrap(SEQUENCE, &algorithm), der::wrap(BIT_STRING, &bits)].concat();
        der::to_pem("PUBLIC KEY", &der::wrap(SEQUENCE, &key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // `ssh-keygen -t rsa -b 2048`, and the same key by `ssh-keygen -e -m pkcs8`.
    const LINE: &str = include_str!("tests/data/ssh.pub");
    const PEM: &str = include_str!("tests/data/ssh.pem");

    #[test]
    fn the_two_forms_are_one_key() {
        let (line, pem) = (PublicKey::parse(LINE).unwrap(), PublicKey::parse(PEM).unwrap());
        assert_eq!((line.bits(), pem.bits()), (2_048, 2_048));
        assert_eq!(line.fingerprint(), include_str!("tests/data/ssh.md5").trim());
        assert_eq!(line.fingerprint(), pem.fingerprint());
        assert_eq!(line.encode(Encoding::Pem), PEM);
        assert!(LINE.starts_with(&pem.encode(Encoding::Ssh)));
    }

    #[test]
    fn other_texts_are_no_keys() {
        for text in [
            "",
            "ssh-rsa",
            "ssh-rsa AAAA",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA",
            "ssh-rsa /////w==",
            "-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----",
        ] {
            assert!(PublicKey::parse(text).is_none(), "{text}");
        }
    }
}
