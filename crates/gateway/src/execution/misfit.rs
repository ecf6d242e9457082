//! What is wrong with a body, in API Gateway's words.
//!
//! API Gateway's execution logs have the sentences of the JSON schema validator that it runs (published logs: `object has
//! missing required properties (["email","password"])`, `Unknown error parsing request body`); the sentences for the
//! other keywords are that validator's (java-json-tools/json-schema-validator, `validation.properties`).

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

/// For a body that is no JSON, and for none.
pub(super) const UNPARSABLE: &str = "Unknown error parsing request body";
/// Characters of the body that one sentence repeats.
const REPEATED: usize = 256;

/// What is wrong, and where: a JSON pointer, empty for the whole body.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Told {
    pub place: String,
    pub sentence: String,
}

/// The sentences for these errors; one for all properties that an object lacks.
pub(super) fn sentences<'e>(errors: impl Iterator<Item = ValidationError<'e>>) -> Vec<Told> {
    let mut told: Vec<Told> = Vec::new();
    let mut missing: Vec<(usize, Vec<String>)> = Vec::new();
    for error in errors {
        let place = error.instance_path().as_str().to_owned();
        let Kind::Required { property } = error.kind() else {
            told.push(Told { place, sentence: sentence(&error) });
            continue;
        };
        let property = property.to_string();
        match missing.iter_mut().find(|(at, _)| told.get(*at).is_some_and(|told| told.place == place)) {
            Some((_, properties)) => properties.push(property),
            None => {
                missing.push((told.len(), vec![property]));
                told.push(Told { place, sentence: String::new() });
            }
        }
    }
    for (at, mut properties) in missing {
        properties.sort();
        if let Some(told) = told.get_mut(at) {
            told.sentence = format!("object has missing required properties ([{}])", properties.join(","));
        }
    }
    told
}

fn sentence(error: &ValidationError<'_>) -> String {
    let instance = error.instance();
    let text = || cut(instance.as_str().unwrap_or_default());
    let json = || cut(&instance.to_string());
    let characters = || instance.as_str().map_or(0, |text| text.chars().count());
    let elements = || instance.as_array().map_or(0, Vec::len);
    let members = || instance.as_object().map_or(0, serde_json::Map::len);
    match error.kind() {
        Kind::Type { kind } => format!(
            "instance type ({}) does not match any allowed primitive type (allowed: [{}])",
            type_of(instance),
            allowed(kind)
        ),
        Kind::AdditionalItems { limit } => {
            format!("schema only allows {limit} elements in array but instance has {} elements", elements())
        }
        Kind::MinItems { limit } => {
            let has = elements();
            format!("array is too short: must have at least {limit} elements but instance has {has} elements")
        }
        Kind::MaxItems { limit } => {
            let has = elements();
            format!("array is too long: must have at most {limit} elements but instance has {has} elements")
        }
        Kind::UniqueItems => "array must not contain duplicate elements".to_owned(),
        Kind::ExclusiveMinimum { limit } if limit.as_f64() == instance.as_f64() => {
            format!("numeric instance is not strictly greater than the required minimum {limit}")
        }
        Kind::Minimum { limit } | Kind::ExclusiveMinimum { limit } => {
            let found = json();
            format!("numeric instance is lower than the required minimum (minimum: {limit}, found: {found})")
        }
        Kind::ExclusiveMaximum { limit } if limit.as_f64() == instance.as_f64() => {
            format!("numeric instance is not strictly lower than the required maximum {limit}")
        }
        Kind::Maximum { limit } | Kind::ExclusiveMaximum { limit } => {
            let found = json();
            format!(
                "numeric instance is greater than the required maximum (maximum: {limit}, found: {found})"
            )
        }
        Kind::AdditionalProperties { unexpected } => {
            let mut names: Vec<String> =
                unexpected.iter().map(|name| Value::from(name.as_str()).to_string()).collect();
            names.sort();
            let names = cut(&names.join(","));
            format!("object instance has properties which are not allowed by the schema: [{names}]")
        }
        Kind::MinLength { limit } => {
            format!(
                "string \"{}\" is too short (length: {}, required minimum: {limit})",
                text(),
                characters()
            )
        }
        Kind::MaxLength { limit } => {
            format!("string \"{}\" is too long (length: {}, maximum allowed: {limit})", text(), characters())
        }
        Kind::Pattern { pattern } => {
            format!("ECMA 262 regex \"{pattern}\" does not match input string \"{}\"", text())
        }
        Kind::Enum { options } => {
            format!("instance value ({}) not found in enum (possible values: {options})", json())
        }
        Kind::MultipleOf { multiple_of } => {
            format!("remainder of division is not zero ({} / {multiple_of})", json())
        }
        Kind::MinProperties { limit } => {
            let found = members();
            format!("object has too few properties (found {found} but schema requires at least {limit})")
        }
        Kind::MaxProperties { limit } => {
            let found = members();
            format!("object has too many properties (found {found} but schema requires at most {limit})")
        }
        Kind::AnyOf { context } => {
            format!("instance failed to match at least one required schema among {}", context.len())
        }
        Kind::OneOfNotValid { context } | Kind::OneOfMultipleValid { context } => {
            let matched = context.iter().filter(|errors| errors.is_empty()).count();
            let all = context.len();
            format!("instance failed to match exactly one schema (matched {matched} out of {all})")
        }
        Kind::Not { .. } => "instance matched a schema which it should not have".to_owned(),
        Kind::Format { format } => match format.as_str() {
            "email" => format!("string \"{}\" is not a valid email address", text()),
            "hostname" => format!("string \"{}\" is not a valid hostname", text()),
            "ipv4" => format!("string \"{}\" is not a valid IPv4 address", text()),
            "ipv6" => format!("string \"{}\" is not a valid IPv6 address", text()),
            "uri" => format!("string \"{}\" is not a valid URI", text()),
            "regex" => format!("string \"{}\" is not a valid ECMA 262 regular expression", text()),
            other => format!("string \"{}\" is invalid against requested date format(s) {other}", text()),
        },
        // Keywords of later drafts, and what cannot be evaluated: that validator has no sentence for them.
        _ => error.masked().to_string(),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Sorted; `number` has the integers in it.
fn allowed(kind: &TypeKind) -> String {
    let mut names: Vec<&str> = match kind {
        TypeKind::Single(one) => vec![one.as_str()],
        TypeKind::Multiple(set) => set.iter().map(|one| one.as_str()).collect(),
    };
    if names.contains(&"number") && !names.contains(&"integer") {
        names.push("integer");
    }
    names.sort_unstable();
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(",")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(REPEATED) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(schema: &Value, body: &Value) -> Vec<String> {
        whole(schema, body).into_iter().map(|told| told.sentence).collect()
    }

    fn whole(schema: &Value, body: &Value) -> Vec<Told> {
        let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft4).build(schema).unwrap();
        sentences(validator.iter_errors(body))
    }

    #[test]
    fn each_keyword_has_its_sentence() {
        for (schema, body, expected) in [
            (
                json!({"required": ["b", "a"]}),
                json!({}),
                r#"object has missing required properties (["a","b"])"#,
            ),
            (
                json!({"type": "number"}),
                json!("x"),
                r#"instance type (string) does not match any allowed primitive type (allowed: ["integer","number"])"#,
            ),
            (
                json!({"type": ["null", "array"]}),
                json!(1.5),
                r#"instance type (number) does not match any allowed primitive type (allowed: ["array","null"])"#,
            ),
            (
                json!({"enum": ["dog", "cat"]}),
                json!("bird"),
                r#"instance value ("bird") not found in enum (possible values: ["dog","cat"])"#,
            ),
            (
                json!({"maximum": 500}),
                json!(600),
                "numeric instance is greater than the required maximum (maximum: 500, found: 600)",
            ),
            (
                json!({"minimum": 25, "exclusiveMinimum": true}),
                json!(25),
                "numeric instance is not strictly greater than the required minimum 25",
            ),
            (
                json!({"maxLength": 1}),
                json!("éé"),
                "string \"éé\" is too long (length: 2, maximum allowed: 1)",
            ),
            (
                json!({"pattern": "^a$"}),
                json!("b"),
                "ECMA 262 regex \"^a$\" does not match input string \"b\"",
            ),
            (
                json!({"properties": {"a": {}}, "additionalProperties": false}),
                json!({"y": 1, "x": 1}),
                r#"object instance has properties which are not allowed by the schema: ["x","y"]"#,
            ),
            (
                json!({"minItems": 2}),
                json!([1]),
                "array is too short: must have at least 2 elements but instance has 1 elements",
            ),
            (json!({"uniqueItems": true}), json!([1, 1]), "array must not contain duplicate elements"),
            (json!({"multipleOf": 3}), json!(4), "remainder of division is not zero (4 / 3)"),
            (
                json!({"oneOf": [{"type": "integer"}, {"minimum": 0}]}),
                json!(1),
                "instance failed to match exactly one schema (matched 2 out of 2)",
            ),
            (
                json!({"anyOf": [{"type": "array"}, {"type": "null"}]}),
                json!(1),
                "instance failed to match at least one required schema among 2",
            ),
            (json!({"not": {}}), json!(1), "instance matched a schema which it should not have"),
            (json!({"format": "ipv4"}), json!("x"), "string \"x\" is not a valid IPv4 address"),
        ] {
            assert_eq!(told(&schema, &body), [expected], "{schema} {body}");
        }
    }

    #[test]
    fn what_an_object_lacks_is_told_once_and_values_are_cut() {
        let schema =
            json!({"properties": {"in": {"required": ["z"]}, "s": {"maxLength": 1}}, "required": ["q", "p"]});
        let told = told(&schema, &json!({"in": {}, "s": "x".repeat(10_000)}));
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(told.contains(&r#"object has missing required properties (["p","q"])"#.to_owned()));
        assert!(told.iter().all(|one| one.len() < 400), "{told:?}");
        let places =
            whole(&schema, &json!({"in": {}, "s": "", "q": 1, "p": 1})).into_iter().map(|told| told.place);
        assert_eq!(places.collect::<Vec<_>>(), ["/in"]);
    }
}
