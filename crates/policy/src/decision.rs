use serde::Serialize;

use crate::{CallerPolicies, Explanation, Policy, Request, ResourcePolicies, Side};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Effect {
    /// Some policy allows and none denies.
    Allowed,
    /// Nothing allows.
    ImplicitlyDenied,
    /// A Deny statement matches.
    ExplicitlyDenied,
}

/// A kind of policy, as the layer to blame for a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
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

/// The result. Small: the whole story is told by [`Decision::explain`], which runs the same matcher again with a
/// recorder.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What came out.
    pub effect: Effect,
    /// The one layer to blame; `None` when allowed.
    pub denied_by: Option<Layer>,
    /// Which sides of a cross-account request refused.
    pub failed_sides: Vec<Side>,
}

impl Decision {
    /// Decides `request`; `resource` is the resource's own policy, or the trust policy for `sts:AssumeRole*`.
    #[must_use]
    pub fn evaluate(_request: &Request<'_>, _caller: &CallerPolicies, _resource: Option<&Policy>) -> Self {
        todo!()
    }

    /// The same with the resource control policies of the resource's account.
    #[must_use]
    pub fn evaluate_with(
        _request: &Request<'_>,
        _caller: &CallerPolicies,
        _resource: &ResourcePolicies,
    ) -> Self {
        todo!()
    }

    /// Decides again, recording every policy, statement and element.
    #[must_use]
    pub fn explain(
        _request: &Request<'_>,
        _caller: &CallerPolicies,
        _resource: Option<&Policy>,
    ) -> Explanation {
        todo!()
    }

    /// The same with the resource control policies of the resource's account.
    #[must_use]
    pub fn explain_with(
        _request: &Request<'_>,
        _caller: &CallerPolicies,
        _resource: &ResourcePolicies,
    ) -> Explanation {
        todo!()
    }

    /// AWS's own sentence for a denial: `User: … is not authorized to perform: …`; `None` when allowed.
    #[must_use]
    pub fn sentence(&self) -> Option<String> {
        todo!()
    }

    /// Whether the request may go on.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allowed
    }
}

impl Explanation {
    /// Draws the story for a terminal, without colour.
    #[must_use]
    pub fn to_text(&self) -> String {
        todo!()
    }
}
