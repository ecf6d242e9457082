//! The one place where requests become permission decisions.

use iam::{Caller, Iam};
use policy::{Check, Context, Decision, Effect, Principal, Request};
use wire::{ApiError, Protocol};

use crate::trace::{Decided, record_decision};

/// The condition keys that every request has, whoever calls (IAM User Guide, "AWS global condition context keys").
#[derive(Clone, Debug)]
pub struct Surroundings<'a> {
    /// `aws:SourceIp`; a call by a service has none of its own.
    pub source_ip: Option<&'a str>,
    /// `aws:UserAgent`.
    pub user_agent: Option<&'a str>,
    /// `aws:RequestedRegion`.
    pub region: &'a str,
    /// Milliseconds since 1970, for `aws:CurrentTime` and `aws:EpochTime`.
    pub now_ms: i64,
}

impl Surroundings<'_> {
    fn add_to(&self, context: &mut Context) {
        if let Some(ip) = self.source_ip {
            context.set("aws:SourceIp", ip);
        }
        if let Some(agent) = self.user_agent {
            context.set("aws:UserAgent", agent);
        }
        context.set("aws:RequestedRegion", self.region);
        context.set("aws:SecureTransport", "false");
        let now = jiff::Timestamp::from_millisecond(self.now_ms).unwrap_or_default();
        context.set("aws:CurrentTime", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
        context.set("aws:EpochTime", self.now_ms.div_euclid(1000).to_string());
    }
}

/// Decides one check and records the decision with the request's trace. Tells whether it is allowed, and AWS's own
/// sentence when it is not.
///
/// # Errors
/// When the caller's policies cannot be read.
pub fn decide(
    iam: &Iam,
    caller: &Caller,
    check: Check,
    around: &Surroundings<'_>,
) -> Result<Verdict, ApiError> {
    let decided = decided(iam, caller, check, around, &Context::new())?;
    let verdict = Verdict {
        allowed: decided.decision.is_allowed(),
        explicit: decided.decision.effect == Effect::ExplicitlyDenied,
        sentence: decided.decision.sentence().map(str::to_owned),
    };
    record_decision(decided);
    Ok(verdict)
}

/// Decides one check without recording it. `over` replaces what the context holds: for questions that nobody asked
/// for real.
///
/// # Errors
/// When the caller's policies cannot be read.
pub fn decided(
    iam: &Iam,
    caller: &Caller,
    check: Check,
    around: &Surroundings<'_>,
    over: &Context,
) -> Result<Decided, ApiError> {
    let mut context = check.context;
    around.add_to(&mut context);
    if let Some(account) = check.resource_account {
        context.set("aws:ResourceAccount", account.as_str());
    }
    if !matches!(caller.principal, Principal::Service { .. }) {
        context.set("aws:PrincipalIsAWSService", "false");
        context.set("aws:ViaAWSService", "false");
    }
    context.extend(&iam.principal_context(caller)?);
    context.extend(over);
    let policies = iam.caller_policies(caller)?;
    let request = Request {
        principal: &caller.principal,
        action: &check.action,
        resource: &check.resource,
        resource_account: check.resource_account,
        context: &context,
    };
    let decision = Decision::evaluate(&request, &policies, check.resource_policy.as_deref());
    Ok(Decided {
        principal: caller.principal.clone(),
        action: check.action,
        resource: check.resource,
        resource_account: check.resource_account,
        context,
        caller: policies,
        resource_policy: check.resource_policy,
        decision,
    })
}

/// What came out of [`decide`].
#[derive(Debug)]
pub struct Verdict {
    /// Whether the request may go on.
    pub allowed: bool,
    /// Whether a Deny statement matched.
    pub explicit: bool,
    /// `User: … is not authorized to perform: …`.
    pub sentence: Option<String>,
}

/// A denial in the words and form of the protocol (facts/errors: `AccessDenied` in query answers, else
/// `AccessDeniedException`; 403).
#[must_use]
pub fn access_denied(protocol: Protocol, sentence: &str) -> ApiError {
    let code = if protocol == Protocol::Query { "AccessDenied" } else { "AccessDeniedException" };
    ApiError::new(code, 403, sentence)
}
