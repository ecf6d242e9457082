//! Models: JSON schemas with a name.

use serde_json::Value;
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::flatten;
use super::lookup::{Read, api, api_or, members, random_id, reply, touch};
use super::method::strings;
use super::page::page;
use super::patch::{Rule, operations, permit_listed};
use crate::model::{Resource, RestApi, SchemaModel};

/// The two models that every API begins with (TestApiGatewayApiModels::test_model_lifecycle#get-models).
pub(super) fn defaults() -> Result<[SchemaModel; 2], Failure> {
    let model = |name: &str, members: &str| -> Result<SchemaModel, Failure> {
        Ok(SchemaModel {
            id: random_id(6)?,
            name: name.to_owned(),
            description: Some(format!("This is a default {} schema model", name.to_lowercase())),
            schema: Some(format!(
                "{{\n  \"$schema\" : \"http://json-schema.org/draft-04/schema#\",\n  \"title\" : \"{name} Schema\",\n  \"type\" : \"object\"{members}\n}}"
            )),
            content_type: "application/json".to_owned(),
        })
    };
    let message = ",\n  \"properties\" : {\n    \"message\" : { \"type\" : \"string\" }\n  }";
    Ok([model("Empty", "")?, model("Error", message)?])
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| create_in(writer, call))
}

/// The same within a transaction.
pub(super) fn create_in(writer: &mut Writer<'_>, call: &Call) -> Result<Reply, Failure> {
    let model = SchemaModel {
        id: random_id(6)?,
        name: call.required("name").to_owned(),
        description: call.text("description").filter(|d| !d.is_empty()).map(str::to_owned),
        schema: call.text("schema").map(str::to_owned),
        content_type: call.required("contentType").to_owned(),
    };
    let mut api = api(writer, call)?;
    if model.name.is_empty() {
        return Err(bad_request("Model name must be non-empty"));
    }
    if !model.name.chars().all(|c| c.is_ascii_alphanumeric()) {
        // API reference CreateModel: "must be alphanumeric"; the text is as users report it.
        return Err(bad_request("Model name must be alphanumeric"));
    }
    let key = format!("{}/{}", api.id, model.name);
    if writer.one::<SchemaModel>("models", &key)?.is_some() {
        return Err(conflict("Model name already exists for this REST API"));
    }
    check_schema(model.schema.as_deref(), &model.content_type)?;
    writer.put("models", &key, &model)?;
    touch(writer, &mut api)?;
    reply(&model)
}

/// TestApiGatewayApiModels::test_model_validation and …::test_update_model: nothing at all is refused for JSON and XML
/// alike; `{"type":"object"}` is enough.
fn check_schema(schema: Option<&str>, content_type: &str) -> Result<(), Failure> {
    let Some(text) = schema.filter(|text| !text.is_empty()) else {
        return Err(bad_request("Model schema must have at least 1 property or array items defined"));
    };
    if content_type.contains("json") && !serde_json::from_str::<Value>(text).is_ok_and(|v| v.is_object()) {
        // Reasoning: AWS refuses text that is not JSON; its words are not recorded.
        return Err(bad_request("Invalid model schema specified"));
    }
    Ok(())
}

fn unknown(call: &Call) -> String {
    format!("Invalid model name specified: {}", call.required("modelName"))
}

fn find(documents: &impl Read, call: &Call) -> Result<(RestApi, String, SchemaModel), Failure> {
    let api = api_or(documents, call, &unknown(call))?;
    let key = format!("{}/{}", api.id, call.required("modelName"));
    let found = documents.one("models", &key)?.ok_or_else(|| not_found(unknown(call)))?;
    Ok((api, key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.read(|reader| {
        let (api, _, mut found) = find(reader, call)?;
        if call.input.get("flatten").and_then(Value::as_bool).unwrap_or(false) {
            let other = |name: &str| Ok(reader.one("models", &format!("{}/{name}", api.id))?);
            found.schema = Some(flatten::flat(&found, other)?);
        }
        reply(&found)
    })
}

/// The model that the call names.
pub(super) fn named(documents: &impl Read, call: &Call) -> Result<SchemaModel, Failure> {
    find(documents, call).map(|(_, _, model)| model)
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let found = store.read::<_, Failure>(|reader| {
        Ok(reader.all::<SchemaModel>("models", &format!("{}/", api(reader, call)?.id))?)
    })?;
    let items = found.into_iter().map(|(key, one)| Ok((key, Value::Object(members(&one)?))));
    page(call, items.collect::<Result<_, Failure>>()?)
}

const RULES: &[Rule] = &[("/description", &["replace"]), ("/schema", &["replace"])];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, mut model) = find(writer, call)?;
        for patch in operations(call)? {
            match permit_listed(RULES, &patch)?.0 {
                "/schema" => {
                    check_schema(patch.value, &model.content_type)?;
                    model.schema = patch.value.map(str::to_owned);
                }
                _ => model.description = patch.non_empty(),
            }
        }
        writer.put("models", &key, &model)?;
        touch(writer, &mut api)?;
        reply(&model)
    })
}

/// A model that a method refers to stays (TestApiGatewayApiMethod::test_put_method_model). Of several, AWS names the
/// deepest path.
pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (mut api, key, model) = find(writer, call)?;
        let mut resources = writer.all::<Resource>("resources", &format!("{}/", api.id))?;
        resources.sort_by(|a, b| b.1.path.cmp(&a.1.path));
        for (_, resource) in &resources {
            for (verb, method) in &resource.resource_methods {
                let place = format!("{}/{verb}", resource.path);
                if strings(method.rest.get("requestModels")).values().any(|name| *name == model.name) {
                    return Err(in_use(&model.name, "request", &place));
                }
                // Reasoning: responses in the words recorded for requests.
                let answers = method.method_responses.values();
                if answers.flat_map(|r| r.response_models.values()).any(|name| *name == model.name) {
                    return Err(in_use(&model.name, "response", &place));
                }
            }
        }
        writer.delete("models", &key)?;
        touch(writer, &mut api)?;
        Ok(Reply::empty())
    })
}

fn in_use(name: &str, what: &str, place: &str) -> Failure {
    conflict(format!("Cannot delete model '{name}', is referenced in method {what}: {place}"))
}
