//! Names: ARNs, accounts, regions, generated identifiers, and wildcard matching.
//!
//! Pure: no input or output, no clock, no randomness of its own.

#![forbid(unsafe_code)]

mod account;
mod id;
mod name;
mod trace_id;
mod wildcard;

pub use account::{AccountId, InvalidAccountId};
pub use id::{access_key_id, api_id, request_id, secret_access_key, unique_id};
pub use name::{Arn, InvalidArn};
pub use trace_id::TraceId;
pub use wildcard::{nearest, wildcard_match};
