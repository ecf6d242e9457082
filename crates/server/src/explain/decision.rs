//! A denial: the decision that refused, and the changes that would have allowed it.

use doctor::{ApiCall, Finding, Fix, Refusal, Report, grants};
use policy::{Decision, Explanation};

use super::organization;
use crate::trace::Decided;

/// The whole story of a decision.
pub fn story(decided: &Decided) -> Explanation {
    Decision::explain_with(&decided.request(), &decided.caller, &decided.resource())
}

/// What would have allowed it.
pub fn fixes(decided: &Decided, api: Option<ApiCall<'_>>) -> Vec<Fix> {
    let refusal = Refusal {
        request: decided.request(),
        caller: &decided.caller,
        resource: decided.resource_policy.clone(),
        rcp: &decided.rcp,
        api,
    };
    // A denial by the organization's policies is mended there: no grant helps.
    organization::fixes(decided, &story(decided), &refusal).unwrap_or_else(|| grants(&refusal))
}

/// Adds what the report's decision number `index` means, and what mends it.
pub fn tell((index, decided): (usize, &Decided), api: Option<ApiCall<'_>>, report: &mut Report) {
    let told = report.decisions.get(index);
    let title = told.map(|story| story.sentence.clone().unwrap_or_else(|| story.headline()));
    let finding = Finding::new(title.unwrap_or_default());
    report.findings.push(Finding { decision: Some(index), ..finding });
    report.fixes.extend(fixes(decided, api));
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
