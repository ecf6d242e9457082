//! The IAM policy language: parse with source spans, evaluate, explain. Pure.
//!
//! The decision *is* the explanation, for allow as for deny. The engine gets a complete request context and
//! adds no key of its own.

mod context;
mod decision;
mod principal;
mod request;

pub use context::Context;
pub use decision::{Decision, Effect, Layer};
pub use principal::Principal;
pub use request::{CallerPolicies, Check, Policy, Request};
