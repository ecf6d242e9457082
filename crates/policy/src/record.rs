//! The recording observer: turns what the matcher did into the story of an explanation.

use crate::arn_pattern::{ArnPattern, ArnValue, Comparison, PARTS};
use crate::condition::Condition;
use crate::operator::Test;
use crate::statement::{Element, Facts, Observer, Statement};
use crate::verdict::LayerObserver;
use crate::{
    ElementStory, Layer, LayerStory, LayerVerdict, Policy, PolicyStory, Side, Span, StatementEffect,
    StatementStory, Why,
};

/// Longest list of values repeated in an explanation's text.
const SHOWN: usize = 4;

#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) layers: Vec<LayerStory>,
    elements: Vec<ElementStory>,
}

impl Observer for Recorder {
    const EVERY: bool = true;

    fn element(&mut self, facts: &Facts<'_>, element: Element<'_>, matched: bool) {
        let (name, span) = match element {
            Element::Principal(p) if p.negated => ("NotPrincipal".to_owned(), p.span),
            Element::Principal(p) => ("Principal".to_owned(), p.span),
            Element::Action(a) if a.negated => ("NotAction".to_owned(), a.span),
            Element::Action(a) => ("Action".to_owned(), a.span),
            Element::Resource(r) if r.negated => ("NotResource".to_owned(), r.span),
            Element::Resource(r) => ("Resource".to_owned(), r.span),
            Element::Condition(c) => (format!("Condition {} {}", c.operator_name, c.key), c.span),
        };
        let (why, text) = if matched {
            (Why::Matched, "matches".to_owned())
        } else {
            match element {
                Element::Principal(p) => principal(p, facts),
                Element::Action(a) => action(a, facts),
                Element::Resource(r) => resource(r, facts),
                Element::Condition(c) => condition(c, facts),
            }
        };
        let at = crate::Position { line: 0, column: 0 };
        self.elements.push(ElementStory { element: name, matched, why, text, span, at });
    }
}

impl LayerObserver for Recorder {
    fn layer(&mut self, layer: Layer, level: Option<usize>, side: Side) {
        let verdict = LayerVerdict::NoAllow;
        self.layers.push(LayerStory { layer, level, side, verdict, note: None, policies: Vec::new() });
    }

    fn policy(&mut self, policy: &Policy) {
        if let Some(layer) = self.layers.last_mut() {
            let (name, text) = (policy.name.clone(), policy.text.clone());
            layer.policies.push(PolicyStory { name, text, statements: Vec::new() });
        }
    }

    fn statement(&mut self, statement: &Statement, matched: bool) {
        let mut elements = std::mem::take(&mut self.elements);
        let Some(policy) = self.layers.last_mut().and_then(|l| l.policies.last_mut()) else { return };
        for element in &mut elements {
            element.at = element.span.position(&policy.text);
        }
        policy.statements.push(StatementStory {
            index: statement.index,
            sid: statement.sid.clone(),
            effect: if statement.deny { StatementEffect::Deny } else { StatementEffect::Allow },
            matched,
            span: statement.span,
            elements,
        });
    }

    fn layer_end(&mut self, allows: bool, denies: bool) {
        if let Some(layer) = self.layers.last_mut() {
            layer.verdict = match (denies, allows) {
                (true, _) => LayerVerdict::Denies,
                (false, true) => LayerVerdict::Allows,
                (false, false) => LayerVerdict::NoAllow,
            };
        }
    }

    fn not_consulted(&mut self, layer: Layer, side: Side, note: &str) {
        self.layers.push(LayerStory {
            layer,
            level: None,
            side,
            verdict: LayerVerdict::NotConsulted,
            note: Some(note.to_owned()),
            policies: Vec::new(),
        });
    }
}

/// `a`, `b` and 3 more.
fn list<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let mut out = texts.take(SHOWN).map(|t| format!("`{t}`")).collect::<Vec<_>>().join(", ");
    if more > 0 {
        out.push_str(&format!(" and {more} more"));
    }
    out
}

fn owned<'t>(texts: impl Iterator<Item = &'t str>) -> Vec<String> {
    texts.map(str::to_owned).collect()
}

fn principal(element: &crate::principal_element::PrincipalElement, facts: &Facts<'_>) -> (Why, String) {
    let caller = facts.principal.words();
    if element.negated {
        let by = element.named.iter().find(|n| n.covers(facts.principal).is_some());
        let by = by.map_or_else(String::new, |n| n.text.to_string());
        let text = format!("lists `{by}`, which covers {caller}");
        return (Why::Excluded { by }, text);
    }
    let covers: Vec<String> = element.named.iter().map(|n| n.words()).collect();
    let mut text = format!("covers {}, the caller is {caller}", covers.join(", "));
    if covers.len() > SHOWN {
        let more = covers.len() - SHOWN;
        let head = covers.get(..SHOWN).unwrap_or(&[]).join(", ");
        text = format!("covers {head} and {more} more, the caller is {caller}");
    }
    (Why::OtherPrincipal { covers, caller }, text)
}

fn action(element: &crate::statement::ActionElement, facts: &Facts<'_>) -> (Why, String) {
    if element.negated {
        let by = element.patterns.iter().find(|p| p.matches(facts)).map_or("", |p| &p.text);
        return (
            Why::Excluded { by: by.to_owned() },
            format!("excludes `{by}`, which covers {}", facts.action),
        );
    }
    let texts = || element.patterns.iter().map(|p| &*p.text);
    let mut text = format!("lists {}, the request is {}", list(texts()), facts.action);
    let near = element.patterns.iter().find(|p| p.same_service(facts));
    if near.is_none() && !facts.service.is_empty() {
        text.push_str(&format!("; nothing of the service `{}` is listed", facts.service));
    }
    (Why::WrongValue { expected: owned(texts()), actual: vec![facts.action.to_owned()] }, text)
}

fn resource(element: &crate::statement::ResourceElement, facts: &Facts<'_>) -> (Why, String) {
    if element.negated {
        let by = element.arns.iter().find(|a| a.matches(&facts.resource, facts.context));
        let by = by.map_or("", |a| &a.text).to_owned();
        let text = format!("excludes `{by}`, which covers {}", facts.resource.text);
        return (Why::Excluded { by }, text);
    }
    let (why, mut text) = arns(&element.arns, &facts.resource, facts);
    if let (Why::ArnPart { part, expected, actual }, Some(parts)) = (&why, facts.resource.parts())
        && parts.0[2] == "lambda"
        && part == "resource"
    {
        text.push_str(qualifier_hint(expected, actual));
    }
    (why, text)
}

/// LG lambda-api-permissions-ref: `fn` covers the unqualified function only, `fn:*` every version and alias, but not
/// the unqualified function.
fn qualifier_hint(expected: &str, actual: &str) -> &'static str {
    let name = |resource: &str| resource.split(':').nth(1).map(str::to_owned);
    let qualified = |resource: &str| resource.matches(':').count() > 1;
    if name(expected) != name(actual) {
        return "";
    }
    match (qualified(expected), qualified(actual)) {
        (false, true) => {
            "; the request names a version or alias, which the plain function name does not cover"
        }
        (true, false) => {
            "; the request names the function without a version or alias, which `:…` does not cover"
        }
        _ => "",
    }
}

/// Why none of `patterns` matches: by the nearest of them.
fn arns(patterns: &[ArnPattern], value: &ArnValue<'_>, facts: &Facts<'_>) -> (Why, String) {
    let actual = value.text;
    // The later the first difference, the nearer.
    let rank = |c: &Comparison<'_>| match c {
        Comparison::Same => 9,
        Comparison::Differs(part) => 1 + part,
        Comparison::Unresolved(_) => 8,
        Comparison::NoArn | Comparison::Never(_) => 0,
    };
    let compared = patterns.iter().map(|p| (p, p.compare(value, facts.context)));
    let Some((pattern, comparison)) = compared.max_by_key(|(_, c)| rank(c)) else {
        let why = Why::WrongValue { expected: Vec::new(), actual: vec![actual.to_owned()] };
        return (why, "no value is listed".to_owned());
    };
    let text = &pattern.text;
    match comparison {
        Comparison::Differs(index) => {
            let part = PARTS.get(index).copied().unwrap_or("resource");
            let expected = pattern.part_text(index).to_owned();
            let value = value.parts().and_then(|p| p.0.get(index)).copied().unwrap_or("").to_owned();
            let more = match patterns.len() {
                1 => String::new(),
                n => format!(" (the nearest of {n})"),
            };
            let line = format!("the {part} differs: `{expected}` in {text}{more}, `{value}` in {actual}");
            (Why::ArnPart { part: part.to_owned(), expected, actual: value }, line)
        }
        Comparison::Unresolved(variable) => {
            let line = format!("the request does not carry {variable}, which `{text}` needs");
            (Why::Unresolved { variable: variable.to_owned() }, line)
        }
        Comparison::Never(because) => {
            (Why::Unusable { because: because.to_owned() }, format!("`{text}` matches nothing: {because}"))
        }
        Comparison::NoArn | Comparison::Same => {
            let line = if actual == "*" {
                format!("the action is not about one resource, so only `*` covers it, not `{text}`")
            } else {
                format!("`{actual}` is no ARN, so `{text}` does not match it")
            };
            (
                Why::WrongValue {
                    expected: owned(patterns.iter().map(|p| &*p.text)),
                    actual: vec![actual.to_owned()],
                },
                line,
            )
        }
    }
}

fn condition(condition: &Condition, facts: &Facts<'_>) -> (Why, String) {
    let key = condition.key.to_string();
    let Some(operator) = condition.operator else {
        let because = format!("`{}` is no condition operator", condition.operator_name);
        return (Why::Unusable { because: because.clone() }, because);
    };
    let expected = || owned(condition.texts.iter().map(|t| &**t));
    let texts = list(condition.texts.iter().map(|t| &**t));
    let actual = facts.context.get(&key).filter(|v| !v.is_empty());
    let Some(actual) = actual else {
        let mut text = format!("the request does not carry {}", canonical(&key));
        match absent_note(&key, facts) {
            Some(note) => text.push_str(note),
            None if operator.test == Test::Null => {}
            None => text.push_str(&format!("; expected is {texts}")),
        }
        return (Why::MissingKey { key, expected: expected() }, text);
    };
    if operator.test == Test::Null {
        let text = format!("the request carries {}, which must be absent", canonical(&key));
        return (Why::KeyPresent { key }, text);
    }
    if actual.len() > 1 && operator.set.is_none() {
        let text = format!(
            "the request carries {} values of {}; the operator needs ForAllValues: or ForAnyValue:",
            actual.len(),
            canonical(&key)
        );
        return (Why::ManyValues { key }, text);
    }
    let shown = list(actual.iter().map(String::as_str));
    if operator.negated {
        let text = format!("the request's {} is {shown}, which {texts} rules out", canonical(&key));
        return (Why::WrongValue { expected: expected(), actual: actual.to_vec() }, text);
    }
    // The first value that matches nothing is the one to show.
    let value = actual.iter().find(|v| !condition.any_matches(operator.test, v, facts.context));
    let value = value.map_or("", String::as_str);
    if operator.test == Test::Arn {
        return arns(condition.arns(), &ArnValue::new(value), facts);
    }
    for pattern in condition.patterns() {
        if let Err(unresolved) = pattern.matches(value, facts.context) {
            let text = format!("the request does not carry {}, which `{}` needs", unresolved.0, pattern.text);
            return (Why::Unresolved { variable: unresolved.0.to_owned() }, text);
        }
    }
    let text = format!("expects {texts}, the request's {} is {shown}", canonical(&key));
    (Why::WrongValue { expected: expected(), actual: actual.to_vec() }, text)
}

/// Keys as AWS documents them, where a policy may write them otherwise (`AWS:SourceArn`).
fn canonical(key: &str) -> String {
    match key.split_once(':') {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("aws") => format!("aws:{rest}"),
        _ => key.to_owned(),
    }
}

/// Keys that only a service principal's calls carry (`iam.md` section 6).
fn absent_note(key: &str, facts: &Facts<'_>) -> Option<&'static str> {
    const SERVICE_ONLY: [&str; 6] = [
        "aws:SourceArn",
        "aws:SourceAccount",
        "aws:SourceOrgID",
        "aws:SourceOrgPaths",
        "aws:PrincipalServiceName",
        "aws:PrincipalServiceNamesList",
    ];
    let service_only = SERVICE_ONLY.iter().any(|k| k.eq_ignore_ascii_case(key));
    let is_service = matches!(facts.principal, crate::Principal::Service { .. });
    (service_only && !is_service).then_some(
        ", which only calls made by an AWS service on its own behalf have; calls with a role have none",
    )
}

/// The smallest span that shows the failure.
pub(crate) fn first_failure(statement: &StatementStory) -> Option<(&ElementStory, Span)> {
    statement.elements.iter().find(|e| !e.matched).map(|e| (e, e.span))
}
