//! The IAM policy language: parse with source spans, evaluate, explain. Pure.
//!
//! The decision *is* the explanation, for allow as for deny: one matcher, looked on by a silent observer for
//! [`Decision::evaluate`] and by a recorder for [`Decision::explain`]. The engine gets a complete request context and
//! adds no key of its own.
//!
//! ```
//! use policy::{CallerPolicies, Context, Decision, Policy, PolicyKind, Principal, Request};
//!
//! let principal = Principal::parse("apigateway.amazonaws.com")?;
//! let function = "arn:aws:lambda:us-east-1:111111111111:function:account-b-lambda";
//! let text = format!(
//!     r#"{{"Version":"2012-10-17","Statement":{{"Sid":"from-a","Effect":"Allow",
//!         "Principal":{{"AWS":"arn:aws:iam::222222222222:root"}},
//!         "Action":"lambda:InvokeFunction","Resource":"{function}"}}}}"#
//! );
//! let grant = Policy::parse("policy of function account-b-lambda", &text, PolicyKind::Resource)?;
//! let request = Request {
//!     principal: &principal,
//!     action: "lambda:InvokeFunction",
//!     resource: function,
//!     resource_account: "111111111111".parse().ok(),
//!     context: &Context::new(),
//! };
//! let caller = CallerPolicies::default();
//! assert!(!Decision::evaluate(&request, &caller, Some(&grant)).is_allowed());
//! let story = Decision::explain(&request, &caller, Some(&grant)).to_text();
//! assert!(story.contains("covers principals of account 222222222222, the caller is the service apigateway"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![forbid(unsafe_code)]

mod arn_pattern;
pub mod cases;
mod compile;
mod condition;
mod context;
mod decimal;
mod decision;
mod error;
mod explanation;
mod json;
mod kind;
mod operator;
mod pattern;
mod policy;
mod principal;
mod principal_element;
mod rcp_services;
mod record;
mod render;
mod request;
mod sentence;
mod span;
mod statement;
mod validate;
mod value;
mod verdict;

pub use context::Context;
pub use decision::{Decision, Effect, Layer};
pub use error::MalformedPolicy;
pub use explanation::{
    ContextEntry, ElementStory, Explanation, LayerStory, LayerVerdict, PolicyStory, Side, StatementEffect,
    StatementRef, StatementStory, Why,
};
pub use kind::PolicyKind;
pub use policy::Policy;
pub use principal::{InvalidPrincipal, Principal};
pub use render::underline;
pub use request::{CallerPolicies, Check, Request, ResourcePolicies, is_action};
pub use span::{Position, Span};
pub use validate::validate;
