//! GetLogRecord and GetLogGroupFields, and pointers to events.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply};

use super::row::Source;
use crate::fail::{Fail, Result, invalid};
use crate::groups;
use crate::model::{STREAMS, Stream};
use crate::names::{group_key, group_of, stream_key};
use crate::read::{EventId, scan};
use crate::shelf;

/// Events that GetLogGroupFields looks at.
const SAMPLE: usize = 10_000;

/// What `@ptr` holds: opaque to clients.
pub(super) fn pointer(account: &str, region: &str, source: &Source) -> String {
    let group = source.log.split_once(':').map_or("", |(_, group)| group);
    STANDARD.encode(format!("{account}:{region}:{group}:{}:{}", source.stream, source.id))
}

pub(crate) fn record(store: &Store, call: &Call) -> Result<Reply> {
    let pointer = call.required("logRecordPointer");
    // The code is in the model; the text is not recorded.
    let bad = || invalid("Invalid log record pointer");
    let decoded =
        STANDARD.decode(pointer).ok().and_then(|bytes| String::from_utf8(bytes).ok()).ok_or_else(bad)?;
    // A pointer of another account or region points nowhere.
    let own = group_key(call.account, &call.region, "");
    let (key, id) = decoded.strip_prefix(&own).and_then(|rest| rest.rsplit_once(':')).ok_or_else(bad)?;
    let (group, stream) = key.split_once(':').ok_or_else(bad)?;
    let id = EventId::parse(id).ok_or_else(bad)?;
    let mut found = None;
    store.read(|reader| {
        let group_key = format!("{own}{group}");
        let state = groups::read(reader, &group_key)?;
        if id.time < state.earliest(call.now_ms) {
            return Ok(());
        }
        scan(reader, &stream_key(&group_key, stream), id.time, id.time.saturating_add(1), |at, event| {
            if at == id {
                found = Some(event);
            }
        })
    })?;
    let event = found.ok_or_else(|| shelf::missing("The specified log record does not exist."))?;
    let source = Source::new(id, event, &format!("{}:{group}", call.account), stream);
    let mut shown = Map::new();
    for (name, value) in source.all() {
        let text = match name.as_str() {
            // Times are milliseconds in records.
            "@timestamp" => Some(source.event.time.to_string()),
            "@ingestionTime" => Some(source.event.ingested.to_string()),
            _ => value.shown(),
        };
        if let Some(text) = text {
            shown.insert(name, text.into());
        }
    }
    shown.insert("@ptr".to_owned(), pointer.into());
    Ok(json!({ "logRecord": shown }).into())
}

/// The fields in the events of the last 15 minutes, or 8 minutes around a time (GetLogGroupFields, API Reference), and in
/// how many per cent of these.
pub(crate) fn fields(store: &Store, call: &Call) -> Result<Reply> {
    let group = group_of(call)?;
    let key = group_key(call.account, &call.region, &group);
    let minute = 60_000;
    let (from, until) = match call.input.get("time").and_then(Value::as_i64) {
        Some(seconds) => {
            let time = seconds.saturating_mul(1000);
            (time.saturating_sub(8 * minute), time.saturating_add(8 * minute))
        }
        None => (call.now_ms - 15 * minute, call.now_ms + 1),
    };
    let log = format!("{}:{group}", call.account);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut seen = 0;
    store.read(|reader| {
        let state = groups::read(reader, &key)?;
        let from = from.max(state.earliest(call.now_ms));
        let streams: Vec<(String, Stream)> = reader.list(STREAMS, &format!("{key}:"), None, usize::MAX)?;
        for (stream, _) in streams {
            scan(reader, &stream, from, until, |id, event| {
                if seen >= SAMPLE {
                    return;
                }
                seen += 1;
                let name = stream.get(key.len() + 1..).unwrap_or_default();
                for (field, _) in Source::new(id, event, &log, name).all() {
                    *counts.entry(field).or_default() += 1;
                }
            })?;
        }
        Ok::<_, Fail>(())
    })?;
    let mut found: Vec<(String, usize)> = counts.into_iter().collect();
    found.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let shown: Vec<Value> = found
        .into_iter()
        .map(|(name, count)| json!({"name": name, "percent": count.saturating_mul(100) / seen.max(1)}))
        .collect();
    Ok(json!({ "logGroupFields": shown }).into())
}
