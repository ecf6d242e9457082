//! AWS Signature Version 4: signs requests and verifies them, header form, query form and `aws-chunked` bodies.
//!
//! Nothing here reads a clock or does input or output: the time comes in as seconds since 1970.
//!
//! A server verifies in two steps, so that it can look up the secret in between: [`parse`] reads what the client
//! claims, [`SignedRequest::verify`] proves it. Source of the algorithm: IAM User Guide, "AWS Signature Version 4 for
//! API requests"; source of the error texts: IAM User Guide, "Troubleshoot Signature Version 4 signing", and the
//! public reports named beside them.

#![forbid(unsafe_code)]

mod canonical;
mod chunked;
mod error;
mod key;
mod parse;
mod scope;
mod sign;
mod time;
mod verify;

pub use error::{AuthError, AuthErrorKind, Protocol};
pub use key::SigningKey;
pub use parse::{Form, Payload, SignedRequest, parse};
pub use scope::Scope;
pub use sign::{Credentials, Request, presign, sha256_hex, sign};
pub use time::Timestamp;
pub use verify::{MAX_SKEW_SECONDS, PayloadHash};
