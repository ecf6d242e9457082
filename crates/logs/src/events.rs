use serde_json::{Value, json};
use store::Store;
use wire::{Call, Reply};

use crate::buffer::Lines;
use crate::fail::{Fail, Result, invalid, invalid_token, no_stream};
use crate::filter::Filter;
use crate::groups;
use crate::model::{DAY_MS, Event, STREAMS, Stream};
use crate::names::{group_key, group_of, stream_key};
use crate::read::{End, EventId, Page, scan};
use crate::write::{EVENT_OVERHEAD, Sequence, Written, write};

/// PutLogEvents, API Reference: a batch's size, the oldest and the newest event that is taken.
const MAX_BATCH_BYTES: usize = 1_048_576;
const OLDEST_MS: i64 = 14 * DAY_MS;
const NEWEST_MS: i64 = 2 * 3_600_000;
/// Events in an answer.
const MAX_EVENTS: usize = 10_000;

pub(crate) fn put(store: &Store, sequence: &Sequence, call: &Call) -> Result<(Reply, Vec<Written>)> {
    let name = call.required("logGroupName");
    let stream = call.required("logStreamName");
    let key = group_key(call.account, &call.region, name);
    let group = store.read(|reader| {
        let group = groups::read(reader, &key)?;
        reader.get::<Stream>(STREAMS, &stream_key(&key, stream))?.ok_or_else(no_stream)?;
        Ok::<_, Fail>(group)
    })?;
    let events = events_of(call)?;
    let now = call.now_ms;
    let expired = group.earliest(now);
    let rejects = |events: &[Event], bad: &dyn Fn(i64) -> bool| events.iter().filter(|e| bad(e.time)).count();
    let too_old = rejects(&events, &|time| time < now - OLDEST_MS);
    let too_expired = rejects(&events, &|time| time < expired);
    let too_new = rejects(&events, &|time| time > now + NEWEST_MS);
    // The events are in order, so the bad ones stand at the two ends.
    let total = events.len();
    let skip = too_old.max(too_expired);
    let take = total.saturating_sub(too_new).saturating_sub(skip);
    let events: Vec<Event> = events.into_iter().skip(skip).take(take).collect();
    let mut written = Vec::new();
    if !events.is_empty() {
        let lines = Lines {
            account: call.account,
            region: call.region.clone(),
            group: name.to_owned(),
            stream: stream.to_owned(),
            events,
            dropped: 0,
        };
        written = write(store, sequence, &[lines], false)?;
    }
    let token = EventId { time: now, sequence: sequence.next(), index: 0 };
    let mut output = json!({ "nextSequenceToken": token.to_string() });
    // Recorded: test_put_log_events_too_old and _too_new. "End" is exclusive (API Reference).
    let mut rejected = serde_json::Map::new();
    for (member, count, value) in [
        ("tooOldLogEventEndIndex", too_old, too_old),
        ("expiredLogEventEndIndex", too_expired, too_expired),
        ("tooNewLogEventStartIndex", too_new, total.saturating_sub(too_new)),
    ] {
        if count > 0 {
            rejected.insert(member.to_owned(), value.into());
        }
    }
    if !rejected.is_empty() {
        output["rejectedLogEventsInfo"] = Value::Object(rejected);
    }
    Ok((output.into(), written))
}

fn events_of(call: &Call) -> Result<Vec<Event>> {
    let sent = call.input.get("logEvents").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut events = Vec::with_capacity(sent.len());
    let mut bytes = 0;
    for event in sent {
        let time = event.get("timestamp").and_then(Value::as_i64).unwrap_or_default().max(0);
        let message = event.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        bytes += message.len() + EVENT_OVERHEAD;
        if events.last().is_some_and(|before: &Event| before.time > time) {
            return Err(invalid(
                "Log events in a single PutLogEvents request must be in chronological order.",
            ));
        }
        events.push(Event { time, ingested: call.now_ms, message });
    }
    // The rules are in the API Reference; the texts in public reports of log shippers' failures.
    if bytes > MAX_BATCH_BYTES {
        return Err(invalid(format!("Upload too large: {bytes} bytes exceeds limit of {MAX_BATCH_BYTES}")));
    }
    if let (Some(first), Some(last)) = (events.first(), events.last())
        && last.time - first.time > DAY_MS
    {
        return Err(invalid(
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        ));
    }
    Ok(events)
}

fn number(call: &Call, member: &str) -> Option<i64> {
    call.input.get(member).and_then(Value::as_i64)
}

pub(crate) fn get(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, &group_of(call)?);
    let stream = stream_key(&key, call.required("logStreamName"));
    let token = call.text("nextToken").filter(|t| !t.is_empty()).map(position).transpose()?;
    let from_head = call.input.get("startFromHead") == Some(&Value::Bool(true));
    let end = match token {
        Some((end, _)) => end,
        None if from_head => End::First,
        None => End::Last,
    };
    let mut page = Page::new(end, groups::limit(call, MAX_EVENTS));
    store.read(|reader| {
        let group = groups::read(reader, &key)?;
        reader.get::<Stream>(STREAMS, &stream)?.ok_or_else(no_stream)?;
        let mut from = number(call, "startTime").unwrap_or(0).max(group.earliest(call.now_ms));
        let mut until = number(call, "endTime").unwrap_or(i64::MAX);
        match token {
            Some((End::First, id)) => from = from.max(id.time),
            Some((End::Last, id)) => until = until.min(id.time.saturating_add(1)),
            None => {}
        }
        scan(reader, &stream, from, until, |id, event| {
            let wanted = match token {
                Some((End::First, after)) => id > after,
                Some((End::Last, before)) => id < before,
                None => true,
            };
            if wanted {
                page.offer(id, "", event);
            }
        })
    })?;
    let (events, _) = page.finish();
    // At either end the client gets its own token back and stops (GetLogEvents, API Reference).
    let here = token.map_or(EventId::ZERO, |(_, id)| id);
    let first = events.first().map_or(here, |(id, _, _)| *id);
    let last = events.last().map_or(here, |(id, _, _)| *id);
    let shown: Vec<Value> = events.into_iter().map(|(_, _, event)| show(event)).collect();
    Ok(json!({
        "events": shown,
        "nextForwardToken": format!("f/{last}/s"),
        "nextBackwardToken": format!("b/{first}/s"),
    })
    .into())
}

fn show(event: Event) -> Value {
    json!({ "timestamp": event.time, "message": event.message, "ingestionTime": event.ingested })
}

/// Reads `f/56 digits/s`, forward from there, or `b/…/s`, backward.
fn position(token: &str) -> Result<(End, EventId)> {
    let (end, rest) = if let Some(rest) = token.strip_prefix("f/") {
        (End::First, rest)
    } else {
        (End::Last, token.strip_prefix("b/").ok_or_else(invalid_token)?)
    };
    let id = rest.strip_suffix("/s").and_then(EventId::parse).ok_or_else(invalid_token)?;
    Ok((end, id))
}

pub(crate) fn filter(store: &Store, call: &Call) -> Result<Reply> {
    let key = group_key(call.account, &call.region, &group_of(call)?);
    let pattern = Filter::parse(call.text("filterPattern").unwrap_or_default())?;
    let prefix = call.text("logStreamNamePrefix");
    let names = call.input.get("logStreamNames").and_then(Value::as_array);
    if prefix.is_some() && names.is_some() {
        // FilterLogEvents, API Reference, has the rule; the text is not recorded.
        return Err(invalid("logStreamNamePrefix and logStreamNames are mutually exclusive parameters."));
    }
    let after = match call.text("nextToken").filter(|t| !t.is_empty()) {
        Some(token) => Some(EventId::parse(token).ok_or_else(invalid_token)?),
        None => None,
    };
    let mut page = Page::new(End::First, groups::limit(call, MAX_EVENTS));
    store.read(|reader| {
        let group = groups::read(reader, &key)?;
        let mut from = number(call, "startTime").unwrap_or(0).max(group.earliest(call.now_ms));
        from = from.max(after.map_or(0, |id| id.time));
        // Unlike GetLogEvents, events of the end time itself are returned (API Reference).
        let until = number(call, "endTime").map_or(i64::MAX, |end| end.saturating_add(1));
        let streams: Vec<(String, Stream)> = match names {
            None => {
                let start = format!("{key}:{}", prefix.unwrap_or_default());
                reader.list(STREAMS, &start, None, usize::MAX)?
            }
            Some(names) => {
                let mut streams = Vec::new();
                for name in names.iter().filter_map(Value::as_str) {
                    let key = stream_key(&key, name);
                    let stream = reader.get(STREAMS, &key)?.ok_or_else(no_stream)?;
                    streams.push((key, stream));
                }
                streams
            }
        };
        for (stream_key, stream) in streams {
            if stream.last_event.is_none_or(|last| last < from) {
                continue;
            }
            let name = stream_key.get(key.len() + 1..).unwrap_or_default();
            scan(reader, &stream_key, from, until, |id, event| {
                if after.is_none_or(|after| id > after) && pattern.matches(&event.message) {
                    page.offer(id, name, event);
                }
            })?;
        }
        Ok::<_, Fail>(())
    })?;
    let (events, more) = page.finish();
    let next = events.last().filter(|_| more).map(|(id, _, _)| id.to_string());
    let shown: Vec<Value> = events
        .into_iter()
        .map(|(id, stream, event)| {
            let mut shown = show(event);
            shown["logStreamName"] = stream.into();
            shown["eventId"] = id.to_string().into();
            shown
        })
        .collect();
    // `searchedLogStreams` is empty since 2019 (API Reference).
    let mut output = json!({ "events": shown, "searchedLogStreams": [] });
    if let Some(next) = next {
        output["nextToken"] = next.into();
    }
    Ok(output.into())
}
