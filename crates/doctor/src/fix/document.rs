//! Policy documents as people write them: Version first, Sid and Effect before what they are about.

use serde_json::{Map, Value, json};

const ORDER: [&str; 12] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

/// An object's members in the usual order.
pub(crate) fn members(object: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = object.iter().collect();
    members.sort_by_key(|(key, _)| ORDER.iter().position(|known| known == key).unwrap_or(ORDER.len()));
    members
}

/// A policy document on one line, its members in the order in which people write them.
#[must_use]
pub fn compact(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let inner = members(object).into_iter().map(|(k, v)| format!("{}:{}", json!(k), compact(v)));
            format!("{{{}}}", inner.collect::<Vec<_>>().join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
        scalar => scalar.to_string(),
    }
}

/// Over several lines; the first is not indented, the others by `indent` at least.
pub(crate) fn pretty(value: &Value, indent: usize) -> String {
    let (inner, pad) = (" ".repeat(indent + 2), " ".repeat(indent));
    let block = |open: char, close: char, lines: Vec<String>| {
        format!("{open}\n{inner}{}\n{pad}{close}", lines.join(&format!(",\n{inner}")))
    };
    match value {
        Value::Object(object) if !object.is_empty() => {
            let lines = members(object).into_iter();
            block('{', '}', lines.map(|(k, v)| format!("{}: {}", json!(k), pretty(v, indent + 2))).collect())
        }
        Value::Array(items) if !items.is_empty() => {
            block('[', ']', items.iter().map(|item| pretty(item, indent + 2)).collect())
        }
        other => other.to_string(),
    }
}

/// The document `text`, or an empty one, with one more statement.
pub(crate) fn with_statement(text: Option<&str>, statement: Value) -> Option<Value> {
    let mut document = match text {
        Some(text) => serde_json::from_str(text).ok()?,
        None => json!({"Version": "2012-10-17", "Statement": []}),
    };
    statements(&mut document)?.push(statement);
    Some(document)
}

/// Takes out principals that are gone, which stand as unique ids (IAM User Guide, reference_policies_elements_principal):
/// no policy that names one is saved. Statements that name nobody else go with them.
pub(crate) fn without_the_gone(document: &mut Value) {
    let gone =
        |who: &Value| who.as_str().is_some_and(|who| who.starts_with("AIDA") || who.starts_with("AROA"));
    let Some(statements) = statements(document) else { return };
    statements.retain_mut(|statement| {
        let Some(principals) = statement.get_mut("Principal").and_then(Value::as_object_mut) else {
            return true;
        };
        if let Some(named) = principals.get_mut("AWS") {
            let none_left = match named.as_array_mut() {
                Some(all) => {
                    all.retain(|who| !gone(who));
                    all.is_empty()
                }
                None => gone(named),
            };
            if none_left {
                principals.remove("AWS");
            }
        }
        !principals.is_empty()
    });
}

/// The statements of a policy document, as a list even where it has a single one; `None` where it has none.
pub fn statements(document: &mut Value) -> Option<&mut Vec<Value>> {
    let statements = document.get_mut("Statement")?;
    if !statements.is_array() {
        *statements = json!([statements.take()]);
    }
    statements.as_array_mut()
}

/// A document with one statement.
pub(crate) fn of(statement: Value) -> Value {
    json!({"Version": "2012-10-17", "Statement": [statement]})
}

/// Letters, digits and hyphens of `text`, for names.
pub(crate) fn name(prefix: &str, of: &str) -> String {
    let name = of.rsplit([':', '/']).next().unwrap_or(of);
    let clean: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(60).collect();
    format!("{}-{clean}", prefix.to_lowercase()).trim_end_matches('-').to_owned()
}

/// `base`, or `base-2`, … : the first that is not used yet.
pub(crate) fn unused(base: &str, used: impl Fn(&str) -> bool) -> String {
    let numbered = (2..).map(|n| format!("{base}-{n}"));
    std::iter::once(base.to_owned()).chain(numbered).find(|name| !used(name)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_people_write_it() {
        let document = of(json!({"Resource": "*", "Effect": "Allow", "Action": ["a:B"], "Sid": "x"}));
        assert_eq!(
            compact(&document),
            r#"{"Version":"2012-10-17","Statement":[{"Sid":"x","Effect":"Allow","Action":["a:B"],"Resource":"*"}]}"#
        );
        assert_eq!(serde_json::from_str::<Value>(&pretty(&document, 4)).unwrap(), document);
        assert_eq!(unused("a", |name| name == "a"), "a-2");
    }
}
