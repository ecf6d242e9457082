//! Saved queries of Logs Insights.

use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use crate::fail::{Fail, Result, limit_exceeded};
use crate::model::DEFINITIONS;
use crate::names::group_key;
use crate::shelf;

/// Query definitions of an account in a region (CloudWatch Logs quotas).
const MAX_DEFINITIONS: usize = 1000;

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    let all = group_key(call.account, &call.region, "");
    let mut definition =
        shelf::members(call, &["name", "queryString", "logGroupNames", "queryLanguage", "parameters"]);
    definition.entry("queryLanguage").or_insert_with(|| "CWLI".into());
    definition.insert("lastModified".to_owned(), call.now_ms.into());
    store.write(|writer| {
        let id = match call.text("queryDefinitionId") {
            Some(id) => {
                writer.get::<Value>(DEFINITIONS, &format!("{all}{id}"))?.ok_or_else(missing)?;
                id.to_owned()
            }
            None => {
                let there: Vec<(String, Value)> = writer.list(DEFINITIONS, &all, None, usize::MAX)?;
                if there.len() >= MAX_DEFINITIONS {
                    return Err(limit_exceeded());
                }
                // Unique as the request's id is, and of the same form.
                call.request_id.clone()
            }
        };
        definition.insert("queryDefinitionId".to_owned(), id.as_str().into());
        writer.put(DEFINITIONS, &format!("{all}{id}"), &definition)?;
        Ok(json!({ "queryDefinitionId": id }).into())
    })
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let all = group_key(call.account, &call.region, "");
    let found: Vec<(String, Map<String, Value>)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(DEFINITIONS, &all, None, usize::MAX)?))?;
    let prefix = call.text("queryDefinitionNamePrefix").unwrap_or_default();
    let language = call.text("queryLanguage");
    let wanted = found.into_iter().filter(|(_, definition)| {
        shelf::text(definition, "name").starts_with(prefix)
            && language.is_none_or(|language| shelf::text(definition, "queryLanguage") == language)
    });
    shelf::page(call, "queryDefinitions", wanted, 1000)
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("queryDefinitionId"));
    store.write(|writer| match writer.delete(DEFINITIONS, &key)? {
        true => Ok(json!({ "success": true }).into()),
        false => Err(missing()),
    })
}

/// The code is in the model; the text is not recorded.
fn missing() -> Fail {
    shelf::missing("The specified query definition does not exist.")
}
