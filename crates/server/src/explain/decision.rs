//! A denial: the layer to blame, the statements that came near, and the grants that would have allowed it.

use doctor::{ApiCall, Finding, Refusal, Report, grants};
use policy::{Decision, Effect, Explanation, LayerVerdict, underline};

use super::organization;
use crate::trace::Decided;

/// The decision as a tree.
pub fn tree(decided: &Decided) -> String {
    explain(decided).to_text()
}

fn explain(decided: &Decided) -> Explanation {
    Decision::explain_with(&decided.request(), &decided.caller, &decided.resource())
}

/// Adds what a denial means, and what mends it.
pub fn tell(decided: &Decided, api: Option<ApiCall<'_>>, report: &mut Report) {
    let story = explain(decided);
    let title = story.sentence.clone().unwrap_or_else(|| story.headline());
    report.findings.push(Finding::new(title).detail(detail(decided, &story)));
    let refusal = Refusal {
        request: decided.request(),
        caller: &decided.caller,
        resource: decided.resource_policy.as_deref(),
        api,
    };
    // A denial by the organization's policies is mended there: no grant helps.
    match organization::fixes(decided, &story, &refusal) {
        Some(fixes) => report.fixes.extend(fixes),
        None => report.fixes.extend(grants(&refusal)),
    }
}

/// The layers that refused, each with its statements, and the nearest statement underlined where it fails.
fn detail(decided: &Decided, story: &Explanation) -> String {
    let mut lines = vec![format!("{}: {}", story.headline(), story.caller)];
    if decided.decision.effect == Effect::ExplicitlyDenied {
        lines.push(
            "an explicit deny overrides every grant: no added permission helps, the Deny has to go"
                .to_owned(),
        );
    }
    let refusing = |verdict| matches!(verdict, LayerVerdict::NoAllow | LayerVerdict::Denies);
    for layer in story.layers.iter().filter(|layer| refusing(layer.verdict)) {
        if layer.policies.is_empty() {
            lines.push(format!("{}: there is none", layer.layer.words()));
        }
        if let Some(note) = &layer.note {
            lines.push(format!("{}: {note}", layer.layer.words()));
        }
        for policy in &layer.policies {
            for statement in &policy.statements {
                lines.push(format!("{}, {}", policy.name, statement.line()));
            }
        }
    }
    if let Some((policy, statement)) = story.nearest.and_then(|nearest| story.statement(nearest)) {
        let at = match decided.decision.effect {
            Effect::ExplicitlyDenied => Some((statement.span, "this Deny matches".to_owned())),
            _ => statement
                .elements
                .iter()
                .find(|e| !e.matched)
                .map(|e| (e.span, format!("{}: {}", e.element, e.text))),
        };
        if let Some((span, label)) = at {
            lines.push(String::new());
            lines.push(format!("nearest: {} of {}", statement.title(), policy.name));
            lines.push(underline(&policy.text, span, &label));
        }
    }
    lines.join("\n")
}
