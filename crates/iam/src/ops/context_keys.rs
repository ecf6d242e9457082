//! Which context keys policies ask for: GetContextKeysForPrincipalPolicy and GetContextKeysForCustomPolicy.

use policy::PolicyKind;
use serde_json::{Map, Value, json};

use super::simulate::source;
use super::{Op, Output};
use crate::error::Fail;
use crate::render::object;
use crate::tags::texts;
use crate::{collect, documents};

pub(crate) fn of_principal(op: &Op<'_>) -> Output {
    let policies = op.iam.read(|store| {
        let entity = source(op, store)?;
        collect::policies_of(store, op.account(), &entity)
    })?;
    let own = policies.identity.iter().map(|policy| policy.text.to_string());
    context_keys(own.chain(inputs(op)?))
}

pub(crate) fn of_custom(op: &Op<'_>) -> Output {
    context_keys(inputs(op)?)
}

/// The policies that the call brings.
fn inputs(op: &Op<'_>) -> Result<Vec<String>, Fail> {
    let documents = texts(op.call, "PolicyInputList");
    documents.iter().try_for_each(|document| documents::validate_input(document, PolicyKind::Identity))?;
    Ok(documents)
}

fn context_keys(documents: impl IntoIterator<Item = String>) -> Output {
    let mut keys = Vec::new();
    for document in documents {
        if let Ok(document) = serde_json::from_str::<Value>(&document) {
            let statements = document.get("Statement").cloned().unwrap_or_default();
            for statement in as_list(statements) {
                let conditions = statement.get("Condition").and_then(Value::as_object);
                for tests in conditions.into_iter().flat_map(Map::values).filter_map(Value::as_object) {
                    keys.extend(tests.keys().cloned());
                }
                variables(&statement, &mut keys);
            }
        }
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(object(json!({ "ContextKeyNames": keys })))
}

fn as_list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(list) => list,
        other => vec![other],
    }
}

/// Names of `${…}` anywhere in a statement.
fn variables(value: &Value, into: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for part in text.split("${").skip(1) {
                let name = part.split(['}', ',']).next().unwrap_or_default().trim();
                if name.contains(':') {
                    into.push(name.to_owned());
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| variables(value, into)),
        Value::Object(map) => map.values().for_each(|value| variables(value, into)),
        _ => {}
    }
}
