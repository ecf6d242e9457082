//! The one place where requests become permission decisions.

use std::sync::Arc;

use arn::AccountId;
use iam::{Caller, Iam, Membership};
use policy::{
    CallerPolicies, Check, Context, Decision, Effect, Policy, Principal, Request, ResourcePolicies,
};
use wire::ApiError;

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
        // Clients speak plain HTTP to this server; AWS's services never do to each other [reasoned].
        context.set("aws:SecureTransport", self.source_ip.is_none().to_string());
        let seconds = self.now_ms.div_euclid(1000);
        context.set("aws:CurrentTime", jiff::Timestamp::from_second(seconds).unwrap_or_default().to_string());
        context.set("aws:EpochTime", seconds.to_string());
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
    let verdict = Verdict::of(&decided);
    if verdict.allowed {
        iam.note_access(caller, &decided.action, around.region, around.now_ms);
    }
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
    mut check: Check,
    around: &Surroundings<'_>,
    over: &Context,
) -> Result<Decided, ApiError> {
    let mut context = std::mem::take(&mut check.context);
    around.add_to(&mut context);
    // A check that names no owner is about the caller's own account.
    let owner = check.resource_account.or_else(|| caller.principal.account());
    let owner_in = match owner {
        Some(owner) => {
            context.set("aws:ResourceAccount", owner.as_str());
            iam.membership(&owner)?
        }
        None => None,
    };
    organization_keys(owner_in.as_deref(), "aws:ResourceOrg", &mut context);
    if let Principal::Service { .. } = caller.principal
        && let Some(source) = context.get("aws:SourceAccount").and_then(|source| source.first())
        && let Ok(source) = AccountId::new(source)
    {
        organization_keys(iam.membership(&source)?.as_deref(), "aws:SourceOrg", &mut context);
    }
    // Always there (User Guide); true where a service calls with its client's credentials, which that call has set.
    if context.get("aws:ViaAWSService").is_none() {
        context.set("aws:ViaAWSService", "false");
    }
    context.extend(iam.principal_context(caller)?);
    if let Some(age) = caller.session.as_ref().and_then(|session| session.mfa_age_s(around.now_ms)) {
        context.set("aws:MultiFactorAuthAge", age.to_string());
    }
    context.extend(over.clone());
    let policies = iam.caller_policies(caller)?;
    conclude(iam, &caller.principal, policies, check, context, owner_in)
}

/// Decides `execute-api:Invoke` by the policy that a Lambda authorizer returned. Its principal is nobody whom IAM knows,
/// so it stands here as a user of the API's account: the policy is all that it has.
///
/// # Errors
/// When the store fails.
pub fn decided_by_authorizer(
    iam: &Iam,
    principal_id: &str,
    policy: Arc<Policy>,
    mut check: Check,
    around: &Surroundings<'_>,
) -> Result<Decided, ApiError> {
    let account = check.resource_account.ok_or_else(|| ApiError::internal("the API has no owner"))?;
    let mut context = std::mem::take(&mut check.context);
    around.add_to(&mut context);
    context.set("aws:ResourceAccount", account.as_str());
    let principal = Principal::User {
        arn: format!("arn:{}:iam::{account}:user/{principal_id}", arn::Arn::partition_of(around.region)),
        id: principal_id.to_owned(),
        account,
    };
    let policies = CallerPolicies { identity: vec![policy], ..CallerPolicies::default() };
    conclude(iam, &principal, Arc::new(policies), check, context, None)
}

fn conclude(
    iam: &Iam,
    principal: &Principal,
    policies: Arc<CallerPolicies>,
    check: Check,
    context: Context,
    owner_in: Option<Arc<Membership>>,
) -> Result<Decided, ApiError> {
    let request = Request {
        principal,
        action: &check.action,
        resource: &check.resource,
        resource_account: check.resource_account,
        context: &context,
    };
    let rcp = match &owner_in {
        Some(membership) if iam::rcp_bind(principal) => membership.rcp.clone(),
        _ => Vec::new(),
    };
    let resource = ResourcePolicies { policy: check.resource_policy, rcp };
    let decision = Decision::evaluate_with(&request, &policies, &resource);
    // Only a denial has to be mended; the policies of an allowed request are in `policies` and `resource`.
    let caller_in = match principal.account().filter(|_| !decision.is_allowed()) {
        Some(account) => iam.membership(&account)?,
        None => None,
    };
    Ok(Decided {
        principal: principal.clone(),
        action: check.action,
        resource: check.resource,
        resource_account: check.resource_account,
        context,
        caller: policies,
        resource_policy: resource.policy,
        rcp: resource.rcp,
        caller_in,
        owner_in,
        decision,
    })
}

/// `…ID` and `…Paths` of an account that is in an organization (User Guide, reference_policies_condition-keys: absent
/// for one that is in none).
fn organization_keys(membership: Option<&Membership>, prefix: &str, context: &mut Context) {
    if let Some(membership) = membership {
        context.set(format!("{prefix}ID"), membership.organization.as_str());
        context.set_all(format!("{prefix}Paths"), vec![membership.path.clone()]);
    }
}

impl Verdict {
    /// What a decision came to.
    #[must_use]
    pub fn of(decided: &Decided) -> Self {
        Self {
            allowed: decided.decision.is_allowed(),
            explicit: decided.decision.effect == Effect::ExplicitlyDenied,
            sentence: decided.decision.sentence(&decided.request()),
            because: decided.decision.because(&decided.action),
        }
    }
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
    /// How the sentence ends: which kind of policy refuses.
    pub because: Option<String>,
}

#[cfg(test)]
mod tests {
    use policy::PolicyKind;
    use serde_json::{Value, json};
    use store::Store;
    use wire::Call;

    use super::*;

    const MANAGEMENT: &str = "333333333333";

    fn run(iam: &Iam, account: &str, operation: &'static str, input: Value) -> Value {
        let account = AccountId::new(account).unwrap();
        let Value::Object(input) = input else { panic!("an input is an object") };
        let call = Call {
            operation,
            input,
            payload: Default::default(),
            account,
            region: "us-east-1".to_owned(),
            request_id: "test".to_owned(),
            now_ms: 0,
            trace: None,
        };
        let caller = Caller::from(Principal::Root { account });
        Value::Object(iam.handle("organizations", &call, &caller).unwrap().output)
    }

    /// Whether the service may call a function of account 111111111111 whose policy has `condition`, for an API of
    /// account `source`.
    fn service_may(iam: &Iam, source: &str, condition: &Value) -> bool {
        let document = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": {"Service": "apigateway.amazonaws.com"},
            "Action": "lambda:InvokeFunction", "Resource": "*", "Condition": condition}]});
        let policy = Policy::parse("policy", &document.to_string(), PolicyKind::Resource).unwrap();
        let mut context = Context::new();
        context.set("aws:SourceAccount", source);
        let check = Check {
            action: "lambda:InvokeFunction".to_owned(),
            resource: "arn:aws:lambda:us-east-1:111111111111:function:f".to_owned(),
            resource_account: AccountId::new("111111111111").ok(),
            resource_policy: Some(Arc::new(policy)),
            context,
        };
        let around = Surroundings { source_ip: None, user_agent: None, region: "us-east-1", now_ms: 0 };
        let caller = Caller::from(Principal::Service { host: "apigateway.amazonaws.com".to_owned() });
        decide(iam, &caller, check, &around).unwrap().allowed
    }

    #[test]
    fn a_service_brings_the_organization_of_the_account_that_it_calls_for() {
        let iam = Iam::new(Store::in_memory(&std::env::temp_dir()).unwrap());
        let organization = run(&iam, MANAGEMENT, "CreateOrganization", json!({}));
        let id = organization["Organization"]["Id"].as_str().unwrap();
        let root = run(&iam, MANAGEMENT, "ListRoots", json!({}))["Roots"][0]["Id"].clone();
        let path = format!("{id}/{}/", root.as_str().unwrap());
        let in_it = json!({"StringEquals": {"aws:SourceOrgID": id},
            "ForAnyValue:StringEquals": {"aws:SourceOrgPaths": path}});
        assert!(service_may(&iam, MANAGEMENT, &in_it));
        assert!(!service_may(&iam, "222222222222", &in_it));
        // The service itself is in no organization, nor is the function's account.
        let absent = json!({"Null": {"aws:PrincipalOrgID": "true", "aws:PrincipalOrgPaths": "true",
            "aws:ResourceOrgID": "true", "aws:ResourceOrgPaths": "true"}});
        assert!(service_may(&iam, MANAGEMENT, &absent));
        let none = json!({"Null": {"aws:SourceOrgID": "true", "aws:SourceOrgPaths": "true"}});
        assert!(service_may(&iam, "222222222222", &none));
    }
}
