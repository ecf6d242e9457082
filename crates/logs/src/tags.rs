use serde_json::{Value, json};
use store::Store;
use wire::{ApiError, Call, Reply};

use crate::fail::{Fail, Result};
use crate::groups;
use crate::model::{GROUPS, Group};
use crate::names::{group_key, group_of_identifier};

/// Tags that a resource may have (TagResource, API Reference).
const MAX_TAGS: usize = 50;

fn key(call: &Call) -> Result<String> {
    let name = match call.text("resourceArn") {
        Some(arn) => group_of_identifier(call, arn)?,
        None => call.required("logGroupName").to_owned(),
    };
    Ok(group_key(call.account, &call.region, &name))
}

pub(crate) fn tag(store: &Store, call: &Call) -> Result<Reply> {
    let key = key(call)?;
    store.write(|writer| {
        let mut group = groups::get(writer, &key)?;
        add(&mut group, call.input.get("tags"))?;
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn untag(store: &Store, call: &Call) -> Result<Reply> {
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
        // The code is in the model; the text is not recorded.
        return Err(Fail::from(ApiError::new(
            "TooManyTagsException",
            400,
            format!("A log group can have at most {MAX_TAGS} tags."),
        )));
    }
    Ok(())
}
