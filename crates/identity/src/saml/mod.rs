//! SAML 2.0: metadata of identity providers, and their signed responses.
//!
//! Strict where attacks on XML signatures live: documents with a DTD are refused; the element that was signed is the
//! element that is read; one assertion, no second anywhere; identifiers are unique; keys come from the metadata only,
//! never from the signature; text is read as it was signed, comments or not.

mod canonical;
mod metadata;
mod response;
mod signature;
mod xml;

pub use metadata::{InvalidMetadata, Metadata};
pub use response::{Assertion, Rejected, read};
