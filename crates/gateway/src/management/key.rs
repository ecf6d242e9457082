//! API keys.

use serde_json::{Map, Value, json};
use store::{Store, Writer};
use wire::{Call, Reply};

use super::failure::{Failure, bad_request, conflict, not_found};
use super::lookup::{Read, members, now, random_id};
use super::method::set;
use super::page::page;
use super::patch::{Rule, operations, permit_listed, text};
use super::quota::{self, Quota};
use crate::model::ApiKey;

const UNKNOWN: &str = "Invalid API Key identifier specified";
const MIN_VALUE: usize = 20;
const MAX_VALUE: usize = 128;
const MAX_NAME: usize = 1024;
/// Longer ones are refused (TestApigatewayApiKeysCrud::test_update_api_key_invalid_description_length).
const MAX_DESCRIPTION: usize = 125_000;

/// The prefix of the caller's keys of `collection`.
pub(super) fn own(call: &Call) -> String {
    format!("{}/{}/", call.account, call.region)
}

pub(super) fn create(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let key = make(call)?;
    store.write(|writer| {
        quota::room(writer, Quota::ApiKeys, &own(call), 1)?;
        insert(writer, call, &key)?;
        Ok(Value::Object(output(&key, true, false)?).into())
    })
}

/// A new key from the members of `CreateApiKey`, checked but not stored.
pub(super) fn make(call: &Call) -> Result<ApiKey, Failure> {
    let value = match call.text("value").filter(|v| !v.is_empty()) {
        Some(given) => given.to_owned(),
        None => generated()?,
    };
    check_value(&value)?;
    check_name(call.text("name"))?;
    check_description(call.text("description"))?;
    let mut rest = Map::new();
    for member in ["description", "customerId", "tags"] {
        set(&mut rest, member, call.input.get(member).cloned().unwrap_or_default());
    }
    Ok(ApiKey {
        id: random_id(10)?,
        name: call.text("name").map(str::to_owned),
        enabled: call.input.get("enabled").and_then(Value::as_bool).unwrap_or(false),
        created_date: now(call),
        last_updated_date: now(call),
        stage_keys: stage_keys(call),
        value,
        rest,
    })
}

/// `stageKeys`, from before there were usage plans: the stages that a key opens by itself. Shown as `API/STAGE`
/// (API reference, `ApiKey`).
fn stage_keys(call: &Call) -> Vec<String> {
    let keys = call.input.get("stageKeys").and_then(Value::as_array);
    let text =
        |one: &Value, member: &str| one.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
    keys.into_iter()
        .flatten()
        .map(|one| format!("{}/{}", text(one, "restApiId"), text(one, "stageName")))
        .collect()
}

/// Stores a new key.
pub(super) fn insert(writer: &mut Writer<'_>, call: &Call, key: &ApiKey) -> Result<(), Failure> {
    let index = format!("{}{}", own(call), key.value);
    if writer.one::<String>("apiKeyValues", &index)?.is_some() {
        // As users report it.
        return Err(conflict("API Key already exists"));
    }
    writer.put("apiKeyValues", &index, &key.id)?;
    Ok(writer.put("apiKeys", &format!("{}{}", own(call), key.id), key)?)
}

/// Forty letters and digits.
fn generated() -> Result<String, Failure> {
    Ok([random_id(10)?, random_id(10)?, random_id(10)?, random_id(10)?].concat())
}

/// TestApigatewayApiKeysCrud::test_create_api_key_with_invalid_value.
fn check_value(value: &str) -> Result<(), Failure> {
    if value.chars().count() < MIN_VALUE {
        return Err(bad_request("API Key value should be at least 20 characters"));
    }
    if value.chars().count() > MAX_VALUE {
        return Err(bad_request("API Key value exceeds maximum size of 128 characters"));
    }
    Ok(())
}

fn check_name(name: Option<&str>) -> Result<(), Failure> {
    if name.is_some_and(|name| name.chars().count() > MAX_NAME) {
        return Err(bad_request("Invalid API Key name, can be at most 1024 characters."));
    }
    Ok(())
}

fn check_description(description: Option<&str>) -> Result<(), Failure> {
    if description.is_some_and(|d| d.chars().count() > MAX_DESCRIPTION) {
        return Err(bad_request("Invalid API Key description specified."));
    }
    Ok(())
}

fn find(documents: &impl Read, call: &Call) -> Result<(String, ApiKey), Failure> {
    let key = format!("{}{}", own(call), call.required("apiKey"));
    let found = documents.one("apiKeys", &key)?.ok_or_else(|| not_found(UNKNOWN))?;
    Ok((key, found))
}

pub(super) fn get(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let (_, found) = store.read(|reader| find(reader, call))?;
    let with_value = call.input.get("includeValue").and_then(Value::as_bool).unwrap_or(false);
    Ok(Value::Object(output(&found, with_value, true)?).into())
}

pub(super) fn list(store: &Store, call: &Call) -> Result<Reply, Failure> {
    let with_values = call.input.get("includeValues").and_then(Value::as_bool).unwrap_or(false);
    let found = store.read::<_, Failure>(|reader| Ok(reader.all::<ApiKey>("apiKeys", &own(call))?))?;
    let (name, customer) = (call.text("nameQuery"), call.text("customerId"));
    let items = found
        .into_iter()
        .filter(|(_, key)| {
            name.is_none_or(|name| key.name.as_deref().is_some_and(|n| n.starts_with(name)))
                && customer.is_none_or(|c| key.rest.get("customerId").and_then(Value::as_str) == Some(c))
        })
        .map(|(at, key)| Ok((at, Value::Object(output(&key, with_values, false)?))));
    page(call, items.collect::<Result<_, Failure>>()?)
}

/// In the order in which AWS lists them (TestApigatewayApiKeysCrud::test_update_api_key_immutable_field).
const RULES: &[Rule] = &[
    ("/description", &["replace"]),
    ("/enabled", &["replace"]),
    ("/name", &["replace"]),
    ("/customerId", &["replace"]),
    ("/stages", &["add", "remove"]),
];

pub(super) fn update(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (at, mut key) = find(writer, call)?;
        for patch in operations(call)? {
            match permit_listed(RULES, &patch)?.0 {
                "/enabled" => key.enabled = patch.is_true(),
                // From before there were usage plans: `API/STAGE`.
                "/stages" => {
                    let stage = text(&patch);
                    key.stage_keys.retain(|known| *known != stage);
                    if patch.op == "add" {
                        key.stage_keys.push(stage);
                    }
                }
                "/name" => {
                    check_name(patch.value)?;
                    key.name = patch.non_empty();
                }
                path => {
                    check_description(patch.value)?;
                    set(&mut key.rest, path.trim_start_matches('/'), json!(text(&patch)));
                }
            }
        }
        key.last_updated_date = now(call);
        writer.put("apiKeys", &at, &key)?;
        Ok(Value::Object(output(&key, false, true)?).into())
    })
}

pub(super) fn delete(store: &Store, call: &Call) -> Result<Reply, Failure> {
    store.write(|writer| {
        let (at, key) = find(writer, call)?;
        writer.delete("apiKeys", &at)?;
        writer.delete("apiKeyValues", &format!("{}{}", own(call), key.value))?;
        for (entry, _) in writer.all::<bool>("usagePlanKeys", &own(call))? {
            if entry.rsplit('/').next() == Some(&key.id) {
                writer.delete("usagePlanKeys", &entry)?;
            }
        }
        Ok(Reply::empty())
    })
}

/// The value is shown when the key is made and when it is asked for.
fn output(key: &ApiKey, with_value: bool, with_empty_tags: bool) -> Result<Map<String, Value>, Failure> {
    let mut members = members(key)?;
    if !with_value {
        members.remove("value");
    }
    if with_empty_tags && !members.contains_key("tags") {
        members.insert("tags".into(), json!({}));
    }
    Ok(members)
}
