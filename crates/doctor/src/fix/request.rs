//! Condition keys that the caller, or the tags, have to bring: the policy is right and the request is not.

use policy::{ElementStory, Explanation, LayerVerdict, Request, StatementEffect, Why};
use serde_json::Value;

use super::bring::{self, Brought};
use super::document::statements;
use super::{Fix, Refusal, Setup, Way, plan};

/// Ways to bring what the nearest statement asks for, or what a Deny asks for. Tells besides whether that is the whole
/// answer: a caller who leaves out an external id is not to be let in without it.
pub(crate) fn fixes(refusal: &Refusal<'_>, setup: &Setup) -> (Vec<Fix>, bool) {
    let story = setup.explain(&refusal.request);
    let found = denying(refusal, setup, &story).or_else(|| allowing(refusal, setup, &story));
    found.map_or((Vec::new(), false), |(fix, whole)| (vec![fix], whole))
}

/// What makes an Allow match that fails in conditions alone.
fn allowing(refusal: &Refusal<'_>, setup: &Setup, story: &Explanation) -> Option<(Fix, bool)> {
    let policies = story.layers.iter().flat_map(|layer| &layer.policies);
    let statements = policies.flat_map(|policy| policy.statements.iter().map(move |s| (policy, s)));
    let unmatched = statements.filter(|(_, s)| s.effect == StatementEffect::Allow && !s.matched);
    unmatched.into_iter().find_map(|(policy, statement)| {
        let failed = statement.elements.iter().filter(|e| !e.matched);
        let brought: Option<Vec<Brought>> = failed.map(|element| satisfying(refusal, element)).collect();
        bring(refusal, setup, brought?, &format!("{} of {}", statement.title(), policy.name))
    })
}

fn satisfying(refusal: &Refusal<'_>, element: &ElementStory) -> Option<Brought> {
    let mut words = element.element.split(' ');
    let (Some("Condition"), Some(operator), Some(key)) = (words.next(), words.next(), words.next()) else {
        return None;
    };
    let base = base(operator);
    let (Why::WrongValue { expected, .. } | Why::MissingKey { expected, .. }) = &element.why else {
        return None;
    };
    if bring::is_mfa(key) {
        let asked = match base {
            "Bool" => expected.iter().any(|value| value.eq_ignore_ascii_case("true")),
            "Null" => expected.iter().any(|value| value.eq_ignore_ascii_case("false")),
            _ => base.starts_with("NumericLessThan"),
        };
        return asked.then(|| bring::mfa(refusal)).flatten();
    }
    if !["StringEquals", "StringEqualsIgnoreCase", "StringLike", "ArnEquals", "ArnLike"].contains(&base) {
        return None;
    }
    bring::value(refusal, key, &exact(refusal, expected.first()?)?)
}

/// The operator without what it says of sets and of missing keys.
pub(crate) fn base(operator: &str) -> &str {
    operator.rsplit(':').next().unwrap_or(operator).trim_end_matches("IfExists")
}

/// A value that a policy names, as far as it is one: patterns are none, and a variable is what the request has for it.
fn exact(refusal: &Refusal<'_>, value: &str) -> Option<String> {
    let value = match value.strip_prefix("${").and_then(|v| v.strip_suffix('}')) {
        Some(variable) => refusal.request.context.get(variable)?.first()?.clone(),
        None => value.to_owned(),
    };
    (!value.contains(['*', '?', '$'])).then_some(value)
}

/// What makes a Deny pass over the request, where it asks for something that the caller can bring.
fn denying(refusal: &Refusal<'_>, setup: &Setup, story: &Explanation) -> Option<(Fix, bool)> {
    let layers = story.layers.iter().filter(|layer| layer.verdict == LayerVerdict::Denies);
    for policy in layers.flat_map(|layer| &layer.policies) {
        for statement in policy.statements.iter().filter(|s| s.matched && s.effect == StatementEffect::Deny) {
            let mut document: Value = serde_json::from_str(&policy.text).ok()?;
            let members = statements(&mut document)?.get(statement.index)?.clone();
            let operators = members.get("Condition").and_then(Value::as_object).into_iter().flatten();
            for (operator, keys) in operators {
                for (key, value) in keys.as_object().into_iter().flatten() {
                    let Some(brought) = evading(refusal, base(operator), key, value) else { continue };
                    let title = format!("{} of {}", statement.title(), policy.name);
                    if let Some(found) = bring(refusal, setup, vec![brought], &title) {
                        return Some(found);
                    }
                }
            }
        }
    }
    None
}

fn evading(refusal: &Refusal<'_>, base: &str, key: &str, value: &Value) -> Option<Brought> {
    let value = value.as_array().and_then(|values| values.first()).unwrap_or(value);
    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    if bring::is_mfa(key) {
        let asked = match base {
            "Bool" => value.eq_ignore_ascii_case("false"),
            "Null" => value.eq_ignore_ascii_case("true"),
            _ => base.starts_with("NumericGreaterThan"),
        };
        return asked.then(|| bring::mfa(refusal)).flatten();
    }
    // Any value will do.
    if base == "Null" && value == "true" && key.to_ascii_lowercase().starts_with("aws:requesttag/") {
        return bring::value(refusal, key, "VALUE");
    }
    let negated =
        ["StringNotEquals", "StringNotEqualsIgnoreCase", "StringNotLike", "ArnNotEquals", "ArnNotLike"];
    if !negated.contains(&base) {
        return None;
    }
    bring::value(refusal, key, &exact(refusal, &value)?)
}

/// The fix, if the request goes through with what is brought, or with that and a change besides.
fn bring(refusal: &Refusal<'_>, setup: &Setup, brought: Vec<Brought>, title: &str) -> Option<(Fix, bool)> {
    let mut context = refusal.request.context.clone();
    let whole = brought.iter().all(|one| one.only_way);
    for (key, value) in brought.iter().flat_map(|one| &one.keys) {
        context.set(key.clone(), value.as_str());
    }
    let what: Vec<&str> = brought.iter().map(|one| one.step.does.as_str()).collect();
    let why = format!("{title} asks for it: {}", what.join(", "));
    let notes: Vec<String> = brought.iter().filter_map(|one| one.note.clone()).collect();
    let mut steps: Vec<_> = brought.into_iter().map(|one| one.step).collect();
    // Two keys of MFA are one session.
    steps.dedup();
    let request = Request { context: &context, ..refusal.request.clone() };
    if setup.allows(&request) {
        return Some((Fix { why, steps, checked: true, notes }, whole));
    }
    // Something else is missing too. Only what has no other way is worth pursuing.
    let also = Refusal { request, resource: refusal.resource.clone(), mfa: refusal.mfa.clone(), ..*refusal };
    let mut more = whole.then(|| plan::make(&also, setup, Way::Grant).ok()).flatten()?;
    // Granting it all anew would make the condition pointless.
    if more.steps.iter().any(|step| step.commands.iter().any(|c| c.contains("update-assume-role-policy"))) {
        return None;
    }
    steps.append(&mut more.steps);
    more.notes.splice(0..0, notes);
    Some((Fix { why, steps, ..more }, true))
}
