//! Schemas of a document as models of an API.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use wire::Call;

use super::document::{Document, Version};
use super::import::Step;
use crate::management::failure::Failure;

/// Schemas of a document by name.
fn schemas(document: &Document) -> Option<&Map<String, Value>> {
    match document.version {
        Version::Swagger2 => document.members("definitions"),
        Version::OpenApi3 => {
            document.root.get("components").and_then(|c| c.get("schemas")).and_then(Value::as_object)
        }
    }
}

/// The name of the model that a schema refers to.
pub(super) fn referred(schema: &Value) -> Option<&str> {
    pointed(schema).filter(|name| !name.contains('/'))
}

/// The name, and what of the model when the reference leads into one: `User/properties/name`.
fn pointed(schema: &Value) -> Option<&str> {
    let reference = schema.get("$ref").and_then(Value::as_str)?;
    reference.strip_prefix("#/definitions/").or_else(|| reference.strip_prefix("#/components/schemas/"))
}

/// The calls that make the document's models; those that refer to others come last, which nothing depends on.
pub(super) fn models(document: &Document, api: &str) -> Vec<Step> {
    let steps = schemas(document).into_iter().flatten().map(|(name, schema)| model(api, name, schema));
    steps.collect()
}

/// A call that makes a model. References to schemas become references to models.
pub(super) fn model(api: &str, name: &str, schema: &Value) -> Step {
    let mut schema = schema.clone();
    let description = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    rewrite(&mut schema, api);
    let input = json!({
        "restApiId": api, "name": name, "description": description, "contentType": "application/json",
        "schema": schema.to_string(),
    });
    Step::new("CreateModel", input)
}

/// `#/definitions/X` as `https://apigateway.amazonaws.com/restapis/API/models/X`, as recorded in
/// TestApiGatewayImportRestApi::test_import_swagger_api.
fn rewrite(schema: &mut Value, api: &str) {
    if let Some(name) = pointed(schema) {
        // A reference into a model becomes one with a JSON pointer.
        let (name, inside) = name.split_once('/').map_or((name, None), |(name, inside)| (name, Some(inside)));
        let inside = inside.map(|inside| format!("#/{inside}")).unwrap_or_default();
        schema["$ref"] =
            format!("https://apigateway.amazonaws.com/restapis/{api}/models/{name}{inside}").into();
        return;
    }
    match schema {
        Value::Object(members) => members.values_mut().for_each(|member| rewrite(member, api)),
        Value::Array(items) => items.iter_mut().for_each(|item| rewrite(item, api)),
        _ => {}
    }
}

/// Names that are tried for a model.
const ATTEMPTS: usize = 16;

/// The model that a body's schema names, or a new one made for a schema that has no name: AWS calls those `MODEL` and
/// six hexadecimal digits.
pub(super) fn of_body(
    call: &Call,
    api: &str,
    schema: &Value,
    steps: &mut Vec<Step>,
    taken: &BTreeSet<String>,
) -> Result<String, Failure> {
    if let Some(name) = referred(schema) {
        return Ok(name.to_owned());
    }
    use sha2::{Digest, Sha256};
    let named = |attempt: usize| {
        let digest = Sha256::digest(format!("{api}/{}/{attempt}/{schema}", call.request_id));
        let digits: String = digest.iter().take(3).map(|byte| format!("{byte:02x}")).collect();
        format!("MODEL{digits}")
    };
    // Of those that the API has by now, one may have the same six digits.
    let free = (0..ATTEMPTS).map(named).find(|name| !taken.contains(name));
    let name = free.unwrap_or_else(|| named(ATTEMPTS));
    if !steps.iter().any(|step| step.makes_model(&name)) {
        steps.push(model(api, &name, schema));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_lead_to_models_and_into_them() {
        let mut schema = json!({ "items": { "$ref": "#/definitions/A" },
            "not": { "$ref": "#/components/schemas/A/properties/b" }, "x": { "$ref": "https://elsewhere/" } });
        rewrite(&mut schema, "id");
        let base = "https://apigateway.amazonaws.com/restapis/id/models";
        assert_eq!(schema["items"]["$ref"], format!("{base}/A"));
        assert_eq!(schema["not"]["$ref"], format!("{base}/A#/properties/b"));
        assert_eq!(schema["x"]["$ref"], "https://elsewhere/");
        assert_eq!(referred(&json!({ "$ref": "#/definitions/A/properties/b" })), None, "this is no model");
    }
}
