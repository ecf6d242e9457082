//! The service models as tables; parse, validate and render rest-json, query and json, for server and client.
//!
//! Only this crate knows how a shape looks on the wire.

#![forbid(unsafe_code)]

mod call;
mod error;

pub use call::{Call, Reply};
pub use error::ApiError;
