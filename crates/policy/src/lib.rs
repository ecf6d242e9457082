//! The IAM policy language: parse with source spans, evaluate, explain. Pure.
//!
//! The decision *is* the explanation, for allow as for deny. The engine gets a complete request context and
//! adds no key of its own.
#![forbid(unsafe_code)]

mod context;
mod decision;
mod error;
mod explanation;
mod kind;
mod policy;
mod principal;
mod request;
mod span;

pub use context::Context;
pub use decision::{Decision, Effect, Layer};
pub use error::MalformedPolicy;
pub use explanation::{
    ContextEntry, ElementStory, Explanation, LayerStory, LayerVerdict, PolicyStory, Side, StatementEffect,
    StatementRef, StatementStory, Why,
};
pub use kind::PolicyKind;
pub use policy::{Policy, validate};
pub use principal::Principal;
pub use request::{CallerPolicies, Check, Request, ResourcePolicies};
pub use span::{Position, Span};
