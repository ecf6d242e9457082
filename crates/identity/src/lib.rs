//! What identity providers say about who somebody is, verified: JSON Web Tokens of OpenID Connect issuers, and SAML
//! responses.
//!
//! Pure: keys, documents and the time come in as values; nothing is fetched here. Signatures are verified by `ring`.
//! `jsonwebtoken` was left out because it reads the clock itself and its two backends bring forty crates or AWS-LC;
//! of the libraries for XML signatures, `samael` needs libxml2 and xmlsec in C, and `bergshamra` brings every
//! algorithm of RustCrypto with it.

#![forbid(unsafe_code)]

mod issuers;
mod jwk;
mod jwt;
pub mod saml;

pub use issuers::{Issuers, is_loopback, without_scheme};
pub use jwk::{InvalidKeySet, KeySet};
pub use jwt::{InvalidToken, Token};

/// SHA-1, for the one place where AWS documents it: `NameQualifier` of AssumeRoleWithSAML. It protects nothing there.
#[must_use]
pub fn sha1(bytes: &[u8]) -> Vec<u8> {
    ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}
