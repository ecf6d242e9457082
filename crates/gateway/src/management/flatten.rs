//! `GetModel` with `flatten`: a schema with the models that it refers to inside.
//!
//! API reference: "A query parameter of a Boolean value to resolve (true) all external model references and returns a
//! flattened model schema". That they become `definitions` is reasoning: models may refer to each other in a circle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::failure::{Failure, bad_request};
use crate::model::SchemaModel;

/// Models that one schema may bring along; an API has not many more.
const MOST: usize = 1000;

/// The schema of `model`, with `find` giving others by their names.
pub(super) fn flat(
    model: &SchemaModel,
    find: impl Fn(&str) -> Result<Option<SchemaModel>, Failure>,
) -> Result<String, Failure> {
    let mut schema = parsed(model)?;
    let mut wanted = Vec::new();
    refer_inside(&mut schema, &mut wanted);
    let mut definitions: BTreeMap<String, Value> = BTreeMap::new();
    while let Some(name) = wanted.pop() {
        if definitions.contains_key(&name) || definitions.len() >= MOST {
            continue;
        }
        let Some(other) = find(&name)? else {
            return Err(bad_request(format!("Invalid model name specified: {name}")));
        };
        let mut other = parsed(&other)?;
        refer_inside(&mut other, &mut wanted);
        definitions.insert(name, other);
    }
    if !definitions.is_empty()
        && let Value::Object(members) = &mut schema
    {
        let inside = members.entry("definitions").or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(inside) = inside {
            inside.extend(definitions);
        }
    }
    Ok(schema.to_string())
}

fn parsed(model: &SchemaModel) -> Result<Value, Failure> {
    let text = model.schema.as_deref().unwrap_or("{}");
    serde_json::from_str(text).map_err(|e| bad_request(format!("The model {} is no JSON: {e}", model.name)))
}

/// Turns references to models into references to definitions, and notes their names.
fn refer_inside(schema: &mut Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (member, value) in members {
                match value {
                    Value::String(target) if member == "$ref" => {
                        if let Some((_, name)) = target.rsplit_once("/models/") {
                            names.push(name.to_owned());
                            *target = format!("#/definitions/{name}");
                        }
                    }
                    other => refer_inside(other, names),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| refer_inside(value, names)),
        _ => {}
    }
}
