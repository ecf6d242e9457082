use serde_json::{Map, Value, json};
use store::Store;
use wire::{Call, Reply, paginate};

use crate::fail::{Fail, Result, invalid, invalid_token, no_stream, stream_exists};
use crate::groups;
use crate::model::{BATCHES, STREAMS, Stream};
use crate::names::{group_key, group_of, stream_arn, stream_key};
use crate::read::EventId;

pub(crate) fn create(store: &Store, call: &Call) -> Result<Reply> {
    let group = group_key(call.account, &call.region, call.required("logGroupName"));
    let key = stream_key(&group, call.required("logStreamName"));
    store.write(|writer| {
        groups::get(writer, &group)?;
        if writer.get::<Stream>(STREAMS, &key)?.is_some() {
            return Err(stream_exists());
        }
        writer.put(STREAMS, &key, &Stream { created: call.now_ms, ..Stream::default() })?;
        Ok(Reply::empty())
    })
}

pub(crate) fn delete(store: &Store, call: &Call) -> Result<Reply> {
    let group = group_key(call.account, &call.region, call.required("logGroupName"));
    let key = stream_key(&group, call.required("logStreamName"));
    store.write(|writer| {
        groups::get(writer, &group)?;
        if !writer.delete(STREAMS, &key)? {
            return Err(no_stream());
        }
        writer.delete_prefix(BATCHES, &format!("{key}:"))?;
        Ok(Reply::empty())
    })
}

pub(crate) fn describe(store: &Store, call: &Call) -> Result<Reply> {
    let name = group_of(call)?;
    let prefix = call.text("logStreamNamePrefix");
    let by_time = call.text("orderBy") == Some("LastEventTime");
    if by_time && prefix.is_some() {
        // The rule is in DescribeLogStreams' API Reference, the text in public reports of clients' failures.
        return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix."));
    }
    let descending = call.input.get("descending") == Some(&Value::Bool(true));
    let key = group_key(call.account, &call.region, &name);
    let all = format!("{key}:");
    let start = format!("{all}{}", prefix.unwrap_or_default());
    let found: Vec<(String, Stream)> = store.read(|reader| {
        groups::read(reader, &key)?;
        Ok::<_, Fail>(reader.list(STREAMS, &start, None, usize::MAX)?)
    })?;
    let mut streams: Vec<(String, String, Stream)> = found
        .into_iter()
        .filter_map(|(key, stream)| {
            let name = key.strip_prefix(&all)?.to_owned();
            let order = match by_time {
                true => format!("{:016}:{name}", stream.last_event.unwrap_or(stream.created)),
                false => name.clone(),
            };
            Some((order, name, stream))
        })
        .collect();
    streams.sort_by(|a, b| a.0.cmp(&b.0));
    if descending {
        streams.reverse();
        // Tokens say "after this key": descending, the keys are numbered so that they ascend.
        for (position, stream) in streams.iter_mut().enumerate() {
            stream.0 = format!("{position:010}");
        }
    }
    let (page, next) =
        paginate(streams, |(order, _, _)| order.clone(), call.text("nextToken"), groups::limit(call, 50))
            .map_err(|_| invalid_token())?;
    let shown: Vec<Value> = page.iter().map(|(_, stream, state)| show(call, &name, stream, state)).collect();
    let mut output = Map::new();
    output.insert("logStreams".to_owned(), shown.into());
    if let Some(next) = next {
        output.insert("nextToken".to_owned(), next.into());
    }
    Ok(Value::Object(output).into())
}

/// Recorded: test_create_and_delete_log_stream. `storedBytes` is 0 for every stream since 2019 (API Reference).
fn show(call: &Call, group: &str, name: &str, stream: &Stream) -> Value {
    let mut shown = json!({
        "logStreamName": name,
        "creationTime": stream.created,
        "arn": stream_arn(call.account, &call.region, group, name),
        "storedBytes": 0,
    });
    if let (Some(members), Some(first), Some(last), Some(ingested)) =
        (shown.as_object_mut(), stream.first_event, stream.last_event, stream.last_ingestion)
    {
        members.insert("firstEventTimestamp".to_owned(), first.into());
        members.insert("lastEventTimestamp".to_owned(), last.into());
        members.insert("lastIngestionTime".to_owned(), ingested.into());
        let token = EventId { time: ingested, ..EventId::ZERO };
        members.insert("uploadSequenceToken".to_owned(), token.to_string().into());
    }
    shown
}
