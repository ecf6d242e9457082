use serde::{Deserialize, Serialize};

use crate::record::Recorder;
use crate::statement::Silent;
use crate::verdict::{Verdict, decide};
use crate::{
    CallerPolicies, ContextEntry, Explanation, LayerStory, LayerVerdict, Policy, Request, ResourcePolicies,
    Side, StatementEffect, StatementRef, sentence,
};

/// What came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Effect {
    /// Some policy allows and none denies.
    Allowed,
    /// Nothing allows.
    ImplicitlyDenied,
    /// A Deny statement matches.
    ExplicitlyDenied,
}

/// A kind of policy, as the layer to blame for a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
/// recorder, so that the two cannot differ.
#[derive(Clone, Debug)]
pub struct Decision {
    /// What came out.
    pub effect: Effect,
    /// The one layer to blame; `None` when allowed. Among several it is the first in AWS's order of evaluation:
    /// explicit denials before implicit ones.
    pub denied_by: Option<Layer>,
    /// Which sides of a cross-account request refused; empty when allowed or when there is one side only.
    pub failed_sides: &'static [Side],
}

impl Decision {
    /// Decides `request`; `resource` is the resource's own policy, or the trust policy for `sts:AssumeRole*`.
    #[must_use]
    pub fn evaluate(request: &Request<'_>, caller: &CallerPolicies, resource: Option<&Policy>) -> Self {
        let verdict = decide(request, caller, resource, &[], &mut Silent);
        verdict.into()
    }

    /// The same with the resource control policies of the resource's account.
    #[must_use]
    pub fn evaluate_with(
        request: &Request<'_>,
        caller: &CallerPolicies,
        resource: &ResourcePolicies,
    ) -> Self {
        let verdict = decide(request, caller, resource.policy.as_deref(), &resource.rcp, &mut Silent);
        verdict.into()
    }

    /// Decides again, recording every policy, statement and element.
    #[must_use]
    pub fn explain(request: &Request<'_>, caller: &CallerPolicies, resource: Option<&Policy>) -> Explanation {
        let mut recorder = Recorder::default();
        let verdict = decide(request, caller, resource, &[], &mut recorder);
        explanation(request, verdict, recorder)
    }

    /// The same with the resource control policies of the resource's account.
    #[must_use]
    pub fn explain_with(
        request: &Request<'_>,
        caller: &CallerPolicies,
        resource: &ResourcePolicies,
    ) -> Explanation {
        let mut recorder = Recorder::default();
        let verdict = decide(request, caller, resource.policy.as_deref(), &resource.rcp, &mut recorder);
        explanation(request, verdict, recorder)
    }

    /// AWS's own sentence for this denial of `request`: `User: … is not authorized to perform: …`; `None` when
    /// allowed. Worded only when it is asked for: wording it takes longer than deciding.
    #[must_use]
    pub fn sentence(&self, request: &Request<'_>) -> Option<String> {
        self.denied_by.map(|layer| sentence::sentence(request, self.effect, layer))
    }

    /// The end of that sentence, for services that begin it otherwise: `because no … policy allows the … action`, `with
    /// an explicit deny in …`.
    #[must_use]
    pub fn because(&self, action: &str) -> Option<String> {
        self.denied_by.map(|layer| sentence::because(action, self.effect, layer))
    }

    /// Whether the request may go on.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.effect == Effect::Allowed
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        let Verdict { effect, denied_by, failed_sides, .. } = verdict;
        Self { effect, denied_by, failed_sides }
    }
}

fn explanation(request: &Request<'_>, verdict: Verdict, recorder: Recorder) -> Explanation {
    let Verdict { effect, denied_by, failed_sides, cross_account, delegation_unused } = verdict;
    let mut layers = recorder.layers;
    if delegation_unused {
        for layer in layers.iter_mut().filter(|l| matches!(l.layer, Layer::Resource | Layer::Trust)) {
            layer.note = Some(
                "it names the account, which only delegates: an identity-based policy must allow as well"
                    .to_owned(),
            );
        }
    }
    if cross_account {
        let absent = layers.iter_mut().find(|l| l.layer == Layer::Resource && l.policies.is_empty());
        if let Some(layer) = absent {
            layer.note = Some("the resource has no policy, so nobody of another account may".to_owned());
        }
    }
    Explanation {
        effect,
        denied_by,
        sentence: denied_by.map(|layer| sentence::sentence(request, effect, layer)),
        principal: request.principal.arn(),
        caller: request.principal.words(),
        principal_account: request.principal.account().map(|a| a.to_string()),
        action: request.action.to_owned(),
        resource: request.resource.to_owned(),
        resource_account: request.resource_account.map(|a| a.to_string()),
        cross_account,
        failed_sides: failed_sides.to_vec(),
        context: request
            .context
            .iter()
            .map(|(key, values)| ContextEntry { key: key.to_owned(), values: values.to_vec() })
            .collect(),
        nearest: nearest(&layers, effect, denied_by),
        layers,
    }
}

/// The statement to show first: the Deny that matched, or the Allow that failed in the fewest elements. Statements of
/// the layer to blame come first; when it has none, those of any layer that did not allow.
fn nearest(layers: &[LayerStory], effect: Effect, denied_by: Option<Layer>) -> Option<StatementRef> {
    let blamed = denied_by?;
    let deny = effect == Effect::ExplicitlyDenied;
    let candidates = |of: &dyn Fn(&LayerStory) -> bool| {
        let mut best: Option<((usize, bool), StatementRef)> = None;
        for (l, layer) in layers.iter().enumerate().filter(|(_, layer)| of(layer)) {
            for (p, policy) in layer.policies.iter().enumerate() {
                for (s, statement) in policy.statements.iter().enumerate() {
                    let is_deny = statement.effect == StatementEffect::Deny;
                    if is_deny != deny || deny && !statement.matched {
                        continue;
                    }
                    let failures = statement.elements.iter().filter(|e| !e.matched).count();
                    // Among equals, one about this action is nearer than one that only differs in it.
                    let other_action =
                        statement.elements.iter().any(|e| !e.matched && e.element.ends_with("Action"));
                    let rank = (failures, other_action);
                    if best.is_none_or(|(lowest, _)| rank < lowest) {
                        best = Some((rank, StatementRef { layer: l, policy: p, statement: s }));
                    }
                }
            }
        }
        best.map(|(_, found)| found)
    };
    candidates(&|layer| layer.layer == blamed && layer.verdict != LayerVerdict::Allows)
        .or_else(|| candidates(&|layer| layer.verdict == LayerVerdict::NoAllow))
}
