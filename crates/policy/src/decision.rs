use crate::{CallerPolicies, Policy, Request};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Some policy allows and none denies.
    Allowed,
    /// Nothing allows.
    ImplicitlyDenied,
    /// A Deny statement matches.
    ExplicitlyDenied,
}

/// A kind of policy, as the layer to blame for a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Service control policies of the caller's account.
    Scp,
    /// Resource control policies of the resource's account.
    Rcp,
    /// The resource's own policy.
    Resource,
    /// A role's trust policy.
    Trust,
    /// The caller's identity-based policies.
    Identity,
    /// The caller's permissions boundary.
    Boundary,
    /// The policies passed when the session was made.
    Session,
}

/// The result with its whole story.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What came out.
    pub effect: Effect,
    /// The one layer to blame; `None` when allowed.
    pub denied_by: Option<Layer>,
    // per layer, policy and statement: each element, matched or not, and why
}

impl Decision {
    /// Decides `request`.
    #[must_use]
    pub fn evaluate(_request: &Request<'_>, _caller: &CallerPolicies, _resource: Option<&Policy>) -> Self {
        todo!()
    }
}
