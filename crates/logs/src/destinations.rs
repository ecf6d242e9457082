//! Destinations: names for streams that other accounts may subscribe to. Stored; Kinesis and Firehose, their only
//! targets, are not served here, so that nothing is delivered to them.

use arn::Arn;
use policy::PolicyKind;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use crate::fail::{Fail, Result, invalid};
use crate::model::DESTINATIONS;
use crate::names::group_key;
use crate::shelf;

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    let name = call.required("destinationName");
    let key = group_key(call.account, &call.region, name);
    let arn = Arn::new("logs", &call.region, call.account.as_str(), format!("destination:{name}"));
    store.write(|writer| {
        let before: Option<Map<String, Value>> = writer.get(DESTINATIONS, &key)?;
        let mut destination = shelf::members(call, &["destinationName", "targetArn", "roleArn"]);
        destination.insert("arn".to_owned(), arn.to_string().into());
        destination.insert("creationTime".to_owned(), call.now_ms.into());
        for kept in ["creationTime", "accessPolicy"] {
            if let Some(value) = before.as_ref().and_then(|b| b.get(kept)) {
                destination.insert(kept.to_owned(), value.clone());
            }
        }
        let tags = match (call.input.get("tags"), before.as_ref().and_then(|b| b.get("tags"))) {
            (Some(tags), _) | (None, Some(tags)) => tags.clone(),
            (None, None) => json!({}),
        };
        // Recorded: test_put_destination. The answer has no policy.
        let mut shown = destination.clone();
        shown.remove("accessPolicy");
        destination.insert("tags".to_owned(), tags);
        writer.put(DESTINATIONS, &key, &destination)?;
        Ok(json!({ "destination": shown }).into())
    })
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let prefix = call.text("DestinationNamePrefix").unwrap_or_default();
    let start = group_key(call.account, &call.region, prefix);
    let found: Vec<(String, Map<String, Value>)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(DESTINATIONS, &start, None, usize::MAX)?))?;
    let shown = found.into_iter().map(|(key, mut destination)| {
        destination.remove("tags");
        (key, destination)
    });
    shelf::page(call, "destinations", shown, 50)
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("destinationName"));
    store.write(|writer| match writer.delete(DESTINATIONS, &key)? {
        true => Ok(Reply::empty()),
        false => Err(missing()),
    })
}

pub(crate) fn put_policy(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("destinationName"));
    let document = call.required("accessPolicy");
    policy::validate(document, PolicyKind::Resource)
        .map_err(|e| invalid(format!("Invalid accessPolicy: {e}")))?;
    store.write(|writer| {
        let mut destination: Map<String, Value> = writer.get(DESTINATIONS, &key)?.ok_or_else(missing)?;
        destination.insert("accessPolicy".to_owned(), document.into());
        writer.put(DESTINATIONS, &key, &destination)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn missing() -> Fail {
    shelf::missing("The specified destination does not exist.")
}
