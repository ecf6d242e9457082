//! Request bodies against models: JSON schemas of draft 4, which may refer to each other.

use std::collections::BTreeMap;

use jsonschema::{Draft, PatternOptions, Retrieve, Uri, Validator};
use serde_json::Value;

use super::misfit::{self, Told};
use super::template::essence;
use crate::model::{SchemaModel, Snapshot};

/// Steps back that one match of a `pattern` may take.
const BACKTRACKS: usize = 100_000;
/// Bytes that a compiled `pattern` may take.
const PATTERN_BYTES: usize = 1 << 20;
/// Differences that are told of one body.
const TOLD: usize = 10;
/// The content type of a request that names none.
const DEFAULT_TYPE: &str = "application/json";

/// The models of a method's request bodies, by content type; `$default` is for every other.
#[derive(Debug, Default)]
pub(super) struct BodyModels(Vec<(String, Model)>);

#[derive(Debug)]
struct Model {
    name: String,
    schema: Result<Box<Validator>, String>,
}

/// What is wrong with a body.
#[derive(Debug, PartialEq)]
pub(super) enum Misfit {
    /// It does not fit: the model, and in which ways.
    Body { model: String, errors: Vec<Told> },
    /// The model itself cannot be used.
    Model { name: String, why: String },
}

/// Models that a schema refers to as `https://apigateway.amazonaws.com/restapis/API/models/NAME`
/// (recording test_api_gateway_request_validator_with_ref_models).
struct Others(BTreeMap<String, SchemaModel>);

impl Retrieve for Others {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        let name = uri.as_str().rsplit_once("/models/").map_or("", |(_, name)| name);
        let schema = self.0.get(name).and_then(|model| model.schema.as_deref());
        let schema = schema.ok_or_else(|| format!("there is no model for the reference {uri}"))?;
        Ok(serde_json::from_str(schema)?)
    }
}

impl BodyModels {
    /// The models that `requests` names, by content type.
    pub fn compile(snapshot: &Snapshot, requests: &serde_json::Map<String, Value>) -> Self {
        let names = requests.iter().filter_map(|(kind, name)| Some((kind.clone(), name.as_str()?)));
        Self(names.map(|(kind, name)| (kind, Model::compile(snapshot, name))).collect())
    }

    /// Checks `body`. A body whose content type has no model is not checked (developer guide, "Request validation").
    pub fn check(&self, content_type: Option<&str>, body: &[u8]) -> Result<(), Misfit> {
        let kind = content_type.map_or(DEFAULT_TYPE, essence);
        let of = |wanted: &str| self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(wanted));
        let Some((_, model)) = of(kind).or_else(|| of("$default")) else { return Ok(()) };
        let name = || model.name.clone();
        let schema = model.schema.as_ref().map_err(|why| Misfit::Model { name: name(), why: why.clone() })?;
        let unfit = |errors| Misfit::Body { model: name(), errors };
        let unparsable = || Told { place: String::new(), sentence: misfit::UNPARSABLE.to_owned() };
        let value: Value = serde_json::from_slice(body).map_err(|_| unfit(vec![unparsable()]))?;
        let errors = misfit::sentences(schema.iter_errors(&value).take(TOLD));
        if errors.is_empty() { Ok(()) } else { Err(unfit(errors)) }
    }
}

impl Model {
    fn compile(snapshot: &Snapshot, name: &str) -> Self {
        let schema = snapshot.models.get(name).and_then(|model| model.schema.as_deref());
        let compiled = schema.ok_or_else(|| "it has no schema".to_owned()).and_then(|text| {
            let schema: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
            jsonschema::options()
                .with_draft(Draft::Draft4)
                .with_pattern_options(
                    PatternOptions::fancy_regex().backtrack_limit(BACKTRACKS).size_limit(PATTERN_BYTES),
                )
                .with_retriever(Others(snapshot.models.clone()))
                .build(&schema)
                .map_err(|e| e.to_string())
        });
        Self { name: name.to_owned(), schema: compiled.map(Box::new) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn models(schemas: &[(&str, Value)], requests: Value) -> BodyModels {
        let mut snapshot: Snapshot = serde_json::from_value(json!({
            "api": { "id": "a", "account": "222222222222", "region": "us-east-1", "name": "n", "createdDate": 0.0,
                     "rootResourceId": "r", "apiKeySource": "HEADER" },
            "resources": [],
        }))
        .unwrap();
        for (name, schema) in schemas {
            let model = json!({ "id": "i", "name": name, "schema": schema.to_string(), "contentType": "application/json" });
            snapshot.models.insert((*name).to_owned(), serde_json::from_value(model).unwrap());
        }
        BodyModels::compile(&snapshot, requests.as_object().unwrap())
    }

    #[test]
    fn a_body_fits_the_model_of_its_type_and_those_it_refers_to() {
        let reference = "https://apigateway.amazonaws.com/restapis/a/models/Name";
        let of = models(
            &[
                (
                    "User",
                    json!({ "type": "object", "properties": { "name": { "$ref": reference } }, "required": ["name"] }),
                ),
                ("Name", json!({ "type": "string", "pattern": "^[a-z]+$" })),
            ],
            json!({ "application/json": "User" }),
        );
        assert_eq!(of.check(Some("application/json; charset=utf-8"), br#"{"name": "ann"}"#), Ok(()));
        assert_eq!(of.check(None, br#"{"name": "ann"}"#), Ok(()));
        for body in [&b"{\"name\": \"1\"}"[..], b"{}", b"", b"[", b"[]"] {
            assert!(matches!(of.check(None, body), Err(Misfit::Body { .. })), "{body:?}");
        }
        assert_eq!(of.check(Some("text/plain"), b"anything"), Ok(()));
    }

    #[test]
    fn the_default_model_is_for_every_type() {
        let of = models(&[("N", json!({ "type": "number" }))], json!({ "$default": "N" }));
        assert!(of.check(Some("text/plain"), b"x").is_err());
        assert_eq!(of.check(Some("text/plain"), b"1"), Ok(()));
    }

    #[test]
    fn a_schema_that_cannot_be_used_says_why() {
        for schema in [
            json!({ "$ref": "https://apigateway.amazonaws.com/restapis/a/models/Gone" }),
            json!({ "pattern": "(" }),
        ] {
            let of = models(&[("M", schema)], json!({ "application/json": "M" }));
            assert!(matches!(of.check(None, b"1"), Err(Misfit::Model { .. })));
        }
    }

    #[test]
    fn a_pattern_that_would_go_back_for_ever_ends() {
        let of = models(
            &[("M", json!({ "type": "string", "pattern": "^(a+)+\\1$" }))],
            json!({ "application/json": "M" }),
        );
        let body = format!("\"{}b\"", "a".repeat(40));
        assert!(of.check(None, body.as_bytes()).is_err());
    }

    #[test]
    fn deep_bodies_are_refused() {
        let of = models(&[("M", json!({}))], json!({ "application/json": "M" }));
        let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(of.check(None, deep(100).as_bytes()), Ok(()));
        assert!(of.check(None, deep(10_000).as_bytes()).is_err());
    }

    #[test]
    fn models_that_refer_to_each_other_in_a_circle_end() {
        let model = |name: &str| json!({ "$ref": format!("https://apigateway.amazonaws.com/restapis/a/models/{name}") });
        // A tree, which every level of a body leads further; and circles, which nothing does.
        let tree = json!({ "type": "object", "properties": { "below": model("Tree") }, "additionalProperties": false });
        let of = models(&[("Tree", tree)], json!({ "application/json": "Tree" }));
        assert_eq!(of.check(None, br#"{"below": {"below": {}}}"#), Ok(()));
        assert!(of.check(None, br#"{"below": {"below": {"x": 1}}}"#).is_err());
        for (one, other) in [
            (model("One"), json!({})),
            (model("Other"), model("One")),
            (json!({ "allOf": [model("One")] }), json!({})),
            (json!({ "anyOf": [model("Other")] }), json!({ "not": model("One") })),
        ] {
            let of = models(&[("One", one), ("Other", other)], json!({ "application/json": "One" }));
            // What comes out is nobody's promise, but for that something does.
            let _ = of.check(None, b"{}");
        }
    }
}
