use arn::Arn;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use crate::fail::{Fail, Result};
use crate::groups;
use crate::model::{DESTINATIONS, GROUPS, Group};
use crate::names::{group_key, group_of_identifier};

/// Tags that a resource may have (TagResource, API Reference).
const MAX_TAGS: usize = 50;

/// The destination that a call is about, if it is about one.
fn destination(call: &Call) -> Option<String> {
    let arn = Arn::parse(call.text("resourceArn")?).ok()?;
    let name = arn.resource.strip_prefix("destination:")?;
    (arn.account == call.account.as_str()).then(|| group_key(call.account, &arn.region, name))
}

/// Runs `change` on the tags of a destination.
fn of_destination(store: &Store, key: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<Reply> {
    store.write(|writer| {
        let found: Option<Map<String, Value>> = writer.get(DESTINATIONS, key)?;
        let mut document = found.ok_or_else(crate::destinations::missing)?;
        let tags = document.entry("tags").or_insert_with(|| json!({}));
        if let Some(tags) = tags.as_object_mut() {
            change(tags);
            if tags.len() > MAX_TAGS {
                return Err(too_many());
            }
        }
        writer.put(DESTINATIONS, key, &document)?;
        Ok(Reply::empty())
    })
}

fn key(call: &Call) -> Result<String> {
    let name = match call.text("resourceArn") {
        Some(arn) => group_of_identifier(call, arn)?,
        None => call.required("logGroupName").to_owned(),
    };
    Ok(group_key(call.account, &call.region, &name))
}

pub(crate) fn tag(store: &Store, call: &Call) -> Result<Reply> {
    if let Some(destination) = destination(call) {
        let sent = call.input.get("tags").and_then(Value::as_object).cloned().unwrap_or_default();
        return of_destination(store, &destination, |tags| tags.extend(sent));
    }
    let key = key(call)?;
    store.write(|writer| {
        let mut group = groups::get(writer, &key)?;
        add(&mut group, call.input.get("tags"))?;
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn untag(store: &Store, call: &Call) -> Result<Reply> {
    if let Some(destination) = destination(call) {
        let keys = call.input.get("tagKeys").and_then(Value::as_array).into_iter().flatten();
        let keys: Vec<&str> = keys.filter_map(Value::as_str).collect();
        return of_destination(store, &destination, |tags| {
            tags.retain(|name, _| !keys.contains(&name.as_str()))
        });
    }
    let key = key(call)?;
    // UntagLogGroup calls the list of keys `tags`.
    let keys = call.input.get("tagKeys").or_else(|| call.input.get("tags")).and_then(Value::as_array);
    store.write(|writer| {
        let mut group = groups::get(writer, &key)?;
        for tag in keys.into_iter().flatten().filter_map(Value::as_str) {
            group.tags.remove(tag);
        }
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn list(store: &Store, call: &Call) -> Result<Reply> {
    if let Some(destination) = destination(call) {
        let found: Option<Map<String, Value>> =
            store.read(|reader| Ok::<_, Fail>(reader.get(DESTINATIONS, &destination)?))?;
        let document = found.ok_or_else(crate::destinations::missing)?;
        return Ok(json!({ "tags": document.get("tags").cloned().unwrap_or_else(|| json!({})) }).into());
    }
    let key = key(call)?;
    let group = store.read(|reader| groups::read(reader, &key))?;
    Ok(json!({ "tags": group.tags }).into())
}

/// Adds the tags of an input member to a group.
pub(crate) fn add(group: &mut Group, tags: Option<&Value>) -> Result<()> {
    for (name, value) in tags.and_then(Value::as_object).into_iter().flatten() {
        group.tags.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    if group.tags.len() > MAX_TAGS {
        return Err(too_many());
    }
    Ok(())
}

/// The code is in the model; the text is not recorded.
fn too_many() -> Fail {
    let text = format!("A log group can have at most {MAX_TAGS} tags.");
    Fail::from(ApiError::new("TooManyTagsException", 400, text))
}
