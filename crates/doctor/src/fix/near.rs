//! An existing statement that nearly matches: it may have been meant for this request.

use policy::{LayerVerdict, StatementEffect};

use super::{Refusal, Setup};

/// A sentence about the nearest Allow statement, if it fails in one element and is about this action and resource.
pub(crate) fn note(refusal: &Refusal<'_>, setup: &Setup) -> Option<String> {
    let story = setup.explain(&refusal.request);
    let found = story.nearest?;
    let layer = story.layers.get(found.layer)?;
    let (policy, statement) = story.statement(found)?;
    if statement.effect != StatementEffect::Allow || layer.verdict != LayerVerdict::NoAllow {
        return None;
    }
    let mut failed = statement.elements.iter().filter(|e| !e.matched);
    let (Some(one), None) = (failed.next(), failed.next()) else { return None };
    // To name one principal or action more is what the fix does already.
    if ["Principal", "NotPrincipal", "Action", "NotAction"].contains(&one.element.as_str()) {
        return None;
    }
    Some(format!(
        "{} of {} fails in one element only: if it was meant for this, edit its {} instead",
        statement.title(),
        policy.name,
        one.element
    ))
}
