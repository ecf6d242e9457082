use serde_json::Value;
use store::Store;
use wire::{Call, Reply};

use crate::fail::{Fail, Result, invalid};
use crate::groups;
use crate::model::{BATCHES, DAY_MS, Event, GROUPS, Group};
use crate::names::group_key;
use crate::write::of_batch_key;

/// PutRetentionPolicy, API Reference.
const DAYS: [i64; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];
/// Batches deleted in one transaction.
const STEP: usize = 256;

pub(crate) fn put(store: &Store, call: &Call) -> Result<Reply> {
    let days = call.input.get("retentionInDays").and_then(Value::as_i64).unwrap_or_default();
    if !DAYS.contains(&days) {
        // The form of AWS's enum violations; this one is not recorded.
        let set: Vec<String> = DAYS.iter().map(i64::to_string).collect();
        return Err(invalid(format!(
            "1 validation error detected: Value '{days}' at 'retentionInDays' failed to satisfy constraint: Member \
             must satisfy enum value set: [{}]",
            set.join(", ")
        )));
    }
    set(store, call, Some(days))
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    set(store, call, None)
}

fn set(store: &Store, call: &Call, days: Option<i64>) -> Result<Reply> {
    let key = group_key(call.account, &call.region, call.required("logGroupName"));
    store.write(|writer| {
        let mut group = groups::get(writer, &key)?;
        group.retention_days = days;
        writer.put(GROUPS, &key, &group)?;
        Ok(Reply::empty())
    })
}

pub(crate) fn expire(store: &Store, now_ms: i64) -> Result<usize> {
    let groups: Vec<(String, Group)> =
        store.read(|reader| Ok::<_, Fail>(reader.list(GROUPS, "", None, usize::MAX)?))?;
    let mut deleted = 0;
    for (key, group) in groups {
        if group.retention_days.is_none() {
            continue;
        }
        // A batch spans a day at most, so one that began a day before the limit holds nothing younger.
        let limit = group.earliest(now_ms).saturating_sub(DAY_MS);
        let prefix = format!("{key}:");
        let mut after: Option<String> = None;
        loop {
            let page: Vec<(String, Vec<Event>)> = store
                .read(|reader| Ok::<_, Fail>(reader.list(BATCHES, &prefix, after.as_deref(), STEP)?))?;
            let Some((last, _)) = page.last() else { break };
            after = Some(last.clone());
            let old: Vec<&String> = page
                .iter()
                .map(|(key, _)| key)
                .filter(|key| of_batch_key(key).is_some_and(|(first, _)| first < limit))
                .collect();
            if !old.is_empty() {
                store.write(|writer| {
                    for key in &old {
                        writer.delete(BATCHES, key)?;
                    }
                    Ok::<_, Fail>(())
                })?;
                deleted += old.len();
            }
        }
    }
    Ok(deleted)
}
