//! A denial: the decision that refused, and the changes that would have allowed it.

use doctor::{ApiCall, Finding, Fix, Refusal, Report, grants};
use policy::{Decision, Explanation};

use super::organization;
use crate::state::State;
use crate::trace::Decided;

/// The whole story of a decision.
pub fn story(decided: &Decided) -> Explanation {
    Decision::explain_with(&decided.request(), &decided.caller, &decided.resource())
}

/// What would have allowed it.
pub fn fixes(state: &State, decided: &Decided, api: Option<ApiCall<'_>>) -> Vec<Fix> {
    let refusal = Refusal {
        request: decided.request(),
        caller: &decided.caller,
        resource: decided.resource_policy.clone(),
        rcp: &decided.rcp,
        api,
        // A device that cannot be read is as none.
        mfa: state.iam.mfa_device(&decided.principal).unwrap_or_default(),
    };
    let story = story(decided);
    // A denial by the organization's policies is mended there: no grant helps.
    let mut fixes = organization::fixes(decided, &story, &refusal).unwrap_or_else(|| grants(&refusal));
    let blamed = story.nearest.and_then(|at| story.statement(at));
    let asks = |key: &str| {
        blamed.is_some_and(|(_, s)| s.elements.iter().any(|e| e.element.to_ascii_lowercase().ends_with(key)))
    };
    if let (true, Some(first)) = (asks("aws:securetransport"), fixes.first_mut()) {
        first.notes.push(
            "this server speaks plain HTTP, so aws:SecureTransport is false in every request; over HTTPS, as calls to AWS \
             are, it is true"
                .to_owned(),
        );
    }
    fixes
}

/// Adds what the report's decision number `index` means, and what mends it.
pub fn tell(
    state: &State,
    (index, decided): (usize, &Decided),
    api: Option<ApiCall<'_>>,
    report: &mut Report,
) {
    let told = report.decisions.get(index);
    let title = told.map(|story| story.sentence.clone().unwrap_or_else(|| story.headline()));
    let finding = Finding::new(title.unwrap_or_default());
    report.findings.push(Finding { decision: Some(index), ..finding });
    report.fixes.extend(fixes(state, decided, api));
}

/// Adds a line for each decision: what was asked, and which statement allowed it.
pub fn steps(report: &mut Report) {
    let lines = report.decisions.iter().map(|story| {
        let outcome = match story.denied_by {
            Some(_) => "denied".to_owned(),
            None => doctor::summary(story),
        };
        format!("{} on {}: {outcome}", story.action, story.resource)
    });
    let lines: Vec<String> = lines.collect();
    report.steps.extend(lines);
}
