//! The smallest changes that would have allowed a refused request.
//!
//! The layer to blame is mended, the request decided again, and so on until it is allowed; what is not needed is taken
//! away again. Every change is written out as commands, Terraform and CloudFormation first, and what is evaluated is what
//! those texts say, read back.

mod bring;
mod change;
mod cloudformation;
pub mod code;
mod deny;
mod document;
mod home;
mod layers;
mod near;
mod plan;
mod request;
mod service;
mod terraform;
mod url;

use policy::{CallerPolicies, Effect, Layer, Policy, Request};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub use document::{compact, statements};
pub(crate) use plan::{Setup, Way};

/// One way to mend a refusal. With several steps, all of them are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fix {
    /// What it comes to, in a line.
    pub why: String,
    /// What to do, in order. Empty when words are all there is.
    pub steps: Vec<Step>,
    /// Whether the steps were evaluated with the refused request and allow it, and no proper part of them does.
    pub checked: bool,
    /// What else there is to know, for example which existing statement nearly matches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One change, in one account, in every form that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The account in which it is made; empty when any will do.
    pub account: String,
    /// What it does, in a line.
    pub does: String,
    /// Shell commands, in order.
    pub commands: Vec<String>,
    /// The same as Terraform code, where there is such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub terraform: Option<String>,
    /// Why there is no Terraform code, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_terraform: Option<String>,
    /// The same as a CloudFormation template, where there is such a thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudformation: Option<String>,
    /// Why there is no CloudFormation template, where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_cloudformation: Option<String>,
}

/// A change as code, or why it has no such form.
pub type Code = Result<String, String>;

impl Step {
    /// Puts in the two forms besides the commands.
    #[must_use]
    pub fn coded(mut self, terraform: Code, cloudformation: Code) -> Self {
        (self.terraform, self.without_terraform) = either(terraform);
        (self.cloudformation, self.without_cloudformation) = either(cloudformation);
        self
    }
}

fn either(code: Code) -> (Option<String>, Option<String>) {
    match code {
        Ok(code) => (Some(code), None),
        Err(why) => (None, Some(why)),
    }
}

impl Fix {
    /// Commands of one account that no permission decision is about.
    pub fn run(account: &str, why: impl Into<String>, commands: Vec<String>) -> Self {
        let why = why.into();
        let does = why.strip_prefix("or, ").unwrap_or(&why).to_owned();
        let step = Step { account: account.to_owned(), does, commands, ..Step::default() };
        Self { why, steps: vec![step], ..Self::default() }
    }

    /// Advice without commands.
    pub fn words(why: impl Into<String>) -> Self {
        Self { why: why.into(), ..Self::default() }
    }
}

/// A refused request, with the policies that refused it.
pub struct Refusal<'a> {
    /// The request.
    pub request: Request<'a>,
    /// The caller's policies.
    pub caller: &'a CallerPolicies,
    /// The resource's policy; for `sts:AssumeRole` the trust policy.
    pub resource: Option<Arc<Policy>>,
    /// Resource control policies by level.
    pub rcp: &'a [Vec<Arc<Policy>>],
    /// The API on whose behalf the call was made, when it was one.
    pub api: Option<ApiCall<'a>>,
    /// The serial number of an MFA device of the calling user, when it has one.
    pub mfa: Option<String>,
}

/// The method of an API whose integration made a call.
#[derive(Clone, Copy)]
pub struct ApiCall<'a> {
    /// The API's owner.
    pub account: &'a str,
    /// The API's region.
    pub region: &'a str,
    /// The API's id.
    pub api: &'a str,
    /// The stage.
    pub stage: &'a str,
    /// The resource's id, for `update-integration`.
    pub resource_id: &'a str,
    /// The method as configured, `ANY` among them.
    pub method: &'a str,
    /// `arn:aws:execute-api:…`: what API Gateway gives as the source.
    pub source_arn: &'a str,
    /// The execution role, when the integration has one.
    pub role_arn: Option<&'a str>,
}

/// Every way that would have allowed the request, the one nearest to the present set-up first.
///
/// Where no change of the accounts involved helps, one entry says so in words.
#[must_use]
pub fn grants(refusal: &Refusal<'_>) -> Vec<Fix> {
    let setup = Setup::of(refusal);
    let decision = setup.decide(&refusal.request);
    let Some(layer) = decision.denied_by else { return Vec::new() };
    // A caller who leaves out what a statement asks for is not to be let in without it.
    let (by_request, enough) = request::fixes(refusal, &setup);
    let named = !by_request.is_empty();
    let mut found = by_request;
    if !enough {
        match plan::make(refusal, &setup, Way::Grant) {
            Ok(mut fix) => {
                let edit = (decision.effect != Effect::ExplicitlyDenied)
                    .then(|| near::fix(refusal, &setup, &mut fix, named))
                    .flatten();
                found.push(fix);
                found.extend(edit);
            }
            Err(blamed) if found.is_empty() => found.push(hopeless(refusal, blamed)),
            Err(_) => {}
        }
    }
    if layer != Layer::Scp {
        found.extend(service::instead_of_role(refusal));
    }
    found
}

/// What is said when no change can be shown: one sentence per layer.
fn hopeless(refusal: &Refusal<'_>, layer: Layer) -> Fix {
    let Request { action, resource, .. } = refusal.request;
    Fix::words(match layer {
        Layer::Scp => layers::scp_words(refusal),
        Layer::Rcp => layers::rcp_words(refusal),
        Layer::Session => format!(
            "the session's own policy has to cover {action} on {resource}: get another session, with another policy or none"
        ),
        Layer::Boundary => format!(
            "the permissions boundary has to cover {action} on {resource}, and AWS owns that policy: set another \
             boundary, with aws iam put-user-permissions-boundary or put-role-permissions-boundary"
        ),
        Layer::Identity => format!("no change of the caller's policies alone allows {action} on {resource}"),
        Layer::Resource | Layer::Trust => {
            format!("no change of the {} that can be shown here allows {action} on {resource}", layer.words())
        }
    })
}
