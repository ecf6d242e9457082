//! The order of evaluation: what each layer said, and what follows (`iam.md` sections 2 to 6 and 9).

use std::sync::Arc;

use crate::arn_pattern::partition;
use crate::principal_element::Worth;
use crate::statement::{Facts, Observer};
use crate::{CallerPolicies, Effect, Layer, Policy, PolicyKind, Principal, Request, Side, rcp_services};

/// Looks on while layers are evaluated.
pub(crate) trait LayerObserver: Observer {
    /// The policies that follow belong to this layer.
    fn layer(&mut self, layer: Layer, level: Option<usize>, side: Side);
    /// The statements that follow belong to this policy.
    fn policy(&mut self, policy: &Policy);
    /// The elements before belong to this statement.
    fn statement(&mut self, statement: &crate::statement::Statement, matched: bool);
    /// The layer is complete.
    fn layer_end(&mut self, allows: bool, denies: bool);
    /// The layer is there but does not bear on this request.
    fn not_consulted(&mut self, layer: Layer, side: Side, note: &str);
}

impl LayerObserver for crate::statement::Silent {
    fn layer(&mut self, _: Layer, _: Option<usize>, _: Side) {}
    fn policy(&mut self, _: &Policy) {}
    fn statement(&mut self, _: &crate::statement::Statement, _: bool) {}
    fn layer_end(&mut self, _: bool, _: bool) {}
    fn not_consulted(&mut self, _: Layer, _: Side, _: &str) {}
}

/// What one layer said.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    /// The best matching Allow.
    allow: Option<Worth>,
    deny: bool,
}

/// The outcome of a request.
#[derive(Clone, Debug)]
pub(crate) struct Verdict {
    pub(crate) effect: Effect,
    pub(crate) denied_by: Option<Layer>,
    pub(crate) failed_sides: &'static [Side],
    pub(crate) cross_account: bool,
    /// The resource policy's Allow only delegates to the account, and no identity policy takes it up.
    pub(crate) delegation_unused: bool,
}

fn scan<'p, O: LayerObserver>(
    policies: impl Iterator<Item = &'p Policy>,
    facts: &Facts<'_>,
    observer: &mut O,
) -> Said {
    let mut said = Said::default();
    for policy in policies {
        observer.policy(policy);
        for statement in policy.statements.iter() {
            // An Allow that adds nothing need not be looked at.
            if !O::EVERY && !statement.deny && said.allow == Some(Worth::Direct) {
                continue;
            }
            let worth = statement.matches(facts, observer);
            observer.statement(statement, worth.is_some());
            match worth {
                Some(_) if statement.deny => said.deny = true,
                Some(worth) => said.allow = said.allow.max(Some(worth)),
                None => {}
            }
        }
    }
    observer.layer_end(said.allow.is_some(), said.deny);
    said
}

/// `policies` by level: whether every level allows, and whether any denies.
fn levels<O: LayerObserver>(
    layer: Layer,
    side: Side,
    policies: &[Vec<Arc<Policy>>],
    facts: &Facts<'_>,
    observer: &mut O,
) -> (bool, bool) {
    let (mut allow, mut deny) = (true, false);
    for (level, policies) in policies.iter().enumerate() {
        observer.layer(layer, Some(level), side);
        let said = scan(policies.iter().map(Arc::as_ref), facts, observer);
        allow &= said.allow.is_some();
        deny |= said.deny;
    }
    (allow, deny)
}

/// Decides `request`, showing every step to `observer`.
pub(crate) fn decide<O: LayerObserver>(
    request: &Request<'_>,
    caller: &CallerPolicies,
    resource: Option<&Policy>,
    rcp: &[Vec<Arc<Policy>>],
    observer: &mut O,
) -> Verdict {
    let principal = request.principal;
    // Only users, roles and root users of accounts carry policies. A root user has neither identity-based policies
    // nor a boundary; a service, a provider's identity and the anonymous carry nothing at all.
    let account = principal.account();
    let is_root = matches!(principal, Principal::Root { .. });
    let boundary = caller.boundary.as_deref().filter(|_| account.is_some() && !is_root);
    let facts = Facts::new(request, boundary.is_some());
    let owner = request.resource_account.or(account);
    let cross = account.is_some() && account != owner;
    let trust = is_trust(&facts, resource);
    let own_policy = if trust { Layer::Trust } else { Layer::Resource };

    // Every layer is asked: a Deny anywhere decides.
    let (mut scp_allow, mut scp_deny) = (true, false);
    if caller.scp.is_empty() {
    } else if account.is_none() {
        let note = "service control policies bind users, roles and root users of accounts only";
        observer.not_consulted(Layer::Scp, Side::Trusted, note);
    } else if principal.is_service_linked() {
        let note = "service control policies do not bind service-linked roles";
        observer.not_consulted(Layer::Scp, Side::Trusted, note);
    } else {
        (scp_allow, scp_deny) = levels(Layer::Scp, Side::Trusted, &caller.scp, &facts, observer);
    }
    let mut rcp_deny = false;
    if rcp.is_empty() {
    } else if principal.is_service_linked() {
        let note = "resource control policies do not bind service-linked roles";
        observer.not_consulted(Layer::Rcp, Side::Trusting, note);
    } else if let Some(note) = rcp_services::exempt(&facts) {
        observer.not_consulted(Layer::Rcp, Side::Trusting, note);
    } else {
        // `RCPFullAWSAccess` is attached everywhere and cannot be detached, so only a Deny matters.
        (_, rcp_deny) = levels(Layer::Rcp, Side::Trusting, rcp, &facts, observer);
    }
    let mut own = Said::default();
    if let Some(policy) = resource {
        observer.layer(own_policy, None, Side::Trusting);
        own = scan(std::iter::once(policy), &facts, observer);
    } else if cross || account.is_none() || must_allow_itself(trust, &facts) {
        observer.not_consulted(own_policy, Side::Trusting, "the resource has no policy");
    }
    let mut identity = Said::default();
    if is_root {
        identity.allow = Some(Worth::Direct);
        let note = "a root user needs no identity-based policy";
        observer.not_consulted(Layer::Identity, Side::Trusted, note);
    } else if account.is_some() {
        observer.layer(Layer::Identity, None, Side::Trusted);
        identity = scan(caller.identity.iter().map(Arc::as_ref), &facts, observer);
    } else {
        let note = "the caller has no identity-based policies: the resource's policy alone decides";
        observer.not_consulted(Layer::Identity, Side::Trusted, note);
    }
    let mut limit = Said { allow: Some(Worth::Direct), ..Said::default() };
    if let Some(policy) = boundary {
        observer.layer(Layer::Boundary, None, Side::Trusted);
        limit = scan(std::iter::once(policy), &facts, observer);
    }
    let mut session = Said { allow: Some(Worth::Direct), ..Said::default() };
    match &caller.session {
        Some(policies) if account.is_some() => {
            observer.layer(Layer::Session, None, Side::Trusted);
            session = scan(policies.iter().map(Arc::as_ref), &facts, observer);
        }
        _ if matches!(principal, Principal::FederatedUser { .. }) => {
            session = Said::default();
            let note = "a federated user without a session policy gets nothing from the user's policies";
            observer.not_consulted(Layer::Session, Side::Trusted, note);
        }
        _ => {}
    }

    let mut verdict = Verdict {
        effect: Effect::Allowed,
        denied_by: None,
        failed_sides: &[],
        cross_account: cross,
        delegation_unused: false,
    };
    // 1. An explicit denial, named in the order of `iam.md` section 12.
    let denies = [
        (scp_deny, Layer::Scp, Side::Trusted),
        (rcp_deny, Layer::Rcp, Side::Trusting),
        (limit.deny, Layer::Boundary, Side::Trusted),
        (session.deny, Layer::Session, Side::Trusted),
        (own.deny, own_policy, Side::Trusting),
        (identity.deny, Layer::Identity, Side::Trusted),
    ];
    if denies.iter().any(|(deny, ..)| *deny) {
        verdict.effect = Effect::ExplicitlyDenied;
        verdict.denied_by = denies.iter().find(|(deny, ..)| *deny).map(|(_, layer, _)| *layer);
        if cross {
            let by = |side| denies.iter().any(|(deny, _, of)| *deny && *of == side);
            verdict.failed_sides = sides(by(Side::Trusted), by(Side::Trusting));
        }
        return verdict;
    }

    let by_identity = identity.allow.is_some();
    let in_boundary = limit.allow.is_some();
    let in_session = session.allow.is_some();
    let blamed = if account.is_none() {
        // Services, provider identities, the anonymous: the resource's policy alone.
        own.allow.is_none().then_some(own_policy)
    } else if cross {
        // Two complete evaluations. Named first is what AWS asks first: SCP, resource, identity, boundary, session.
        let trusting = own.allow.is_some() && one_partition(&facts);
        let trusted = scp_allow && by_identity && in_boundary && in_session;
        verdict.failed_sides = sides(!trusted, !trusting);
        [
            (scp_allow, Layer::Scp),
            (trusting, own_policy),
            (by_identity, Layer::Identity),
            (in_boundary, Layer::Boundary),
            (in_session, Layer::Session),
        ]
        .iter()
        .find(|(allows, _)| !allows)
        .map(|(_, layer)| *layer)
    } else if !scp_allow {
        Some(Layer::Scp)
    } else {
        // A role's trust policy and a key's policy must allow by themselves; elsewhere either side may.
        let policy_counts = own.allow.is_some();
        let enough = match own.allow {
            Some(Worth::Direct) => true,
            Some(Worth::Limited) => in_boundary && in_session,
            _ => false,
        };
        let identity_way = by_identity && (policy_counts || !must_allow_itself(trust, &facts));
        if enough || identity_way && in_boundary && in_session {
            None
        } else if !policy_counts && must_allow_itself(trust, &facts) {
            Some(own_policy)
        } else if !by_identity && own.allow != Some(Worth::Limited) {
            verdict.delegation_unused = policy_counts;
            Some(Layer::Identity)
        } else if !in_boundary {
            Some(Layer::Boundary)
        } else {
            Some(Layer::Session)
        }
    };
    if blamed.is_some() {
        verdict.effect = Effect::ImplicitlyDenied;
        verdict.denied_by = blamed;
    }
    verdict
}

fn sides(trusted: bool, trusting: bool) -> &'static [Side] {
    match (trusted, trusting) {
        (true, true) => &[Side::Trusted, Side::Trusting],
        (true, false) => &[Side::Trusted],
        (false, true) => &[Side::Trusting],
        (false, false) => &[],
    }
}

/// Whether the resource's policy is a role's trust policy.
fn is_trust(facts: &Facts<'_>, policy: Option<&Policy>) -> bool {
    policy.is_some_and(|p| p.kind == PolicyKind::Trust)
        || facts.service.eq_ignore_ascii_case("sts")
            && facts.resource.parts().is_some_and(|p| p.0[2] == "iam" && p.0[5].starts_with("role/"))
}

/// Role trust policies and KMS key policies: an identity-based policy alone never suffices (`iam.md` section 4).
fn must_allow_itself(trust: bool, facts: &Facts<'_>) -> bool {
    trust
        || facts.service.eq_ignore_ascii_case("kms")
            && facts.resource.parts().is_some_and(|p| p.0[2] == "kms" && p.0[5].starts_with("key/"))
}

/// Accounts trust each other within one partition only (UG id_roles_compare-resource-policies).
fn one_partition(facts: &Facts<'_>) -> bool {
    match (facts.principal.partition(), partition(facts.resource.text)) {
        (Some(own), Some(owner)) => own == owner,
        _ => true,
    }
}
