//! The rules of single shapes, and AWS's words for them.

use base64::Engine as _;
use serde_json::Value;

use crate::model::{Kind, Shape};
use crate::service::Service;
use crate::{pattern, scalar};

/// Whether a value of this shape has no values inside.
pub(crate) fn is_simple(shape: &Shape) -> bool {
    !matches!(shape.kind, Kind::Structure { .. } | Kind::List(_) | Kind::Map { .. })
}

/// Every rule of a list's items, and more, as one text.
pub(crate) fn every(service: Service, shape: &Shape, more: &[&str]) -> String {
    let mut all = rules(service, shape);
    all.extend(more.iter().map(|&m| m.to_owned()));
    format!("Member must satisfy constraint: [{}]", all.join(", "))
}

/// The kinds of rules in the order in which recorded texts list them.
#[derive(Clone, Copy)]
enum Rule {
    Max(f64),
    Min(f64),
    Pattern(&'static str),
    Enum,
}

fn each_rule(shape: &Shape) -> impl Iterator<Item = Rule> {
    let choices = shape.choices.map(|_| Rule::Enum);
    let rules =
        [shape.max.map(Rule::Max), shape.min.map(Rule::Min), shape.pattern.map(Rule::Pattern), choices];
    rules.into_iter().flatten()
}

/// The texts of every rule of a shape.
pub(crate) fn rules(service: Service, shape: &Shape) -> Vec<String> {
    each_rule(shape).map(|rule| rule_text(service, shape, rule)).collect()
}

fn rule_text(service: Service, shape: &Shape, rule: Rule) -> String {
    let what = match shape.kind {
        Kind::Integer | Kind::Long | Kind::Double => "value",
        _ => "length",
    };
    match rule {
        Rule::Max(max) => format!("Member must have {what} less than or equal to {}", bound(shape, max)),
        Rule::Min(min) => format!("Member must have {what} greater than or equal to {}", bound(shape, min)),
        Rule::Pattern(pattern) => format!("Member must satisfy regular expression pattern: {pattern}"),
        // Recorded for IAM without the values (test_invalid_update_parameters).
        Rule::Enum if service == Service::Iam => "Member must satisfy enum value set".to_owned(),
        Rule::Enum => {
            let choices: Vec<&str> = shape.choices().collect();
            format!("Member must satisfy enum value set: [{}]", choices.join(", "))
        }
    }
}

fn bound(shape: &Shape, number: f64) -> String {
    match shape.kind {
        Kind::Double => format!("{number:?}"),
        _ => format!("{number:.0}"),
    }
}

/// The texts of the rules that a value breaks.
pub(crate) fn broken(service: Service, shape: &Shape, value: &Value) -> Vec<String> {
    match (&shape.kind, value) {
        (Kind::Blob, Value::String(text)) => {
            // The length of a blob is that of its bytes, which `parse` has checked to be base64.
            let length = scalar::BASE64.decode(text).map_or(0, |b| b.len());
            broken_measure(service, shape, length as f64)
        }
        (_, Value::String(text)) => broken_text(service, shape, text),
        (_, Value::Number(number)) if !matches!(shape.kind, Kind::Timestamp) => {
            number.as_f64().map_or(Vec::new(), |n| broken_measure(service, shape, n))
        }
        (_, Value::Array(items)) => broken_measure(service, shape, items.len() as f64),
        (Kind::Map { .. }, Value::Object(entries)) => broken_measure(service, shape, entries.len() as f64),
        _ => Vec::new(),
    }
}

fn broken_measure(service: Service, shape: &Shape, measure: f64) -> Vec<String> {
    let broken = each_rule(shape).filter(|rule| match rule {
        Rule::Max(max) => measure > *max,
        Rule::Min(min) => measure < *min,
        Rule::Pattern(_) | Rule::Enum => false,
    });
    broken.map(|rule| rule_text(service, shape, rule)).collect()
}

/// The texts of the rules that a text breaks.
pub(crate) fn broken_text(service: Service, shape: &Shape, text: &str) -> Vec<String> {
    let length = text.chars().count() as f64;
    let broken = each_rule(shape).filter(|rule| match rule {
        Rule::Max(max) => length > *max,
        Rule::Min(min) => length < *min,
        Rule::Pattern(pattern) => {
            let compiled = shape.compiled.get_or_init(|| pattern::compile(pattern));
            compiled.as_ref().is_some_and(|c| !c.is_match(text))
        }
        Rule::Enum => !shape.choices().any(|choice| choice == text),
    });
    broken.map(|rule| rule_text(service, shape, rule)).collect()
}
