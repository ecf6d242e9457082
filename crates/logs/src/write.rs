use std::sync::atomic::{AtomicU64, Ordering};

use arn::AccountId;
use store::Store;

use crate::buffer::Lines;
use crate::fail::{Result, no_group, no_stream};
use crate::model::{BATCHES, DAY_MS, Event, GROUPS, Group, STREAMS, Stream};
use crate::names::{group_key, stream_key};
use crate::read::EventId;

/// Events in one document.
const BATCH_EVENTS: usize = 1000;
/// And bytes of messages, unless a single message is longer.
const BATCH_BYTES: usize = 256 << 10;
/// What AWS counts for an event beside its message (PutLogEvents, API Reference).
pub(crate) const EVENT_OVERHEAD: usize = 26;

/// Numbers that grow, also from one run of the server to the next: they begin with the clock, in microseconds.
#[derive(Debug)]
pub(crate) struct Sequence(AtomicU64);

impl Sequence {
    pub(crate) fn from_clock(now_ms: i64) -> Self {
        Self(AtomicU64::new(u64::try_from(now_ms).unwrap_or_default().saturating_mul(1000)))
    }

    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// The key of a batch: it sorts by the time of the first event. A batch spans a day at most, so a reader that looks for
/// a time begins a day before it.
pub(crate) fn batch_key(stream_key: &str, first: i64, sequence: u64) -> String {
    format!("{stream_key}:{first:016}-{sequence:020}")
}

/// The first event's time and the sequence number of a batch's key.
pub(crate) fn of_batch_key(key: &str) -> Option<(i64, u64)> {
    let (first, sequence) = key.rsplit_once(':')?.1.split_once('-')?;
    Some((first.parse().ok()?, sequence.parse().ok()?))
}

/// Events of one stream that were stored, with their ids.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) group: String,
    pub(crate) stream: String,
    pub(crate) events: Vec<(EventId, Event)>,
}

/// Writes events in one transaction. With `create` groups and streams that do not exist are made.
pub(crate) fn write(
    store: &Store,
    sequence: &Sequence,
    lines: &[Lines],
    create: bool,
) -> Result<Vec<Written>> {
    store.write(|writer| {
        let mut written = Vec::with_capacity(lines.len());
        for lines in lines {
            let group_key = group_key(lines.account, &lines.region, &lines.group);
            let stream_key = stream_key(&group_key, &lines.stream);
            let events = in_order(lines);
            let now = events.iter().map(|e| e.ingested).max().unwrap_or_default();
            let mut group = match writer.get::<Group>(GROUPS, &group_key)? {
                Some(group) => group,
                None if create => Group::new(now),
                None => return Err(no_group()),
            };
            let mut stream = match writer.get::<Stream>(STREAMS, &stream_key)? {
                Some(stream) => stream,
                None if create => Stream { created: now, ..Stream::default() },
                None => return Err(no_stream()),
            };
            let mut ids = Vec::with_capacity(events.len());
            for batch in batches(&events) {
                let Some(first) = batch.first() else { continue };
                let sequence = sequence.next();
                writer.put(BATCHES, &batch_key(&stream_key, first.time, sequence), &batch)?;
                ids.extend(batch.iter().enumerate().map(|(index, e)| EventId {
                    time: e.time,
                    sequence,
                    index,
                }));
            }
            if let (Some(first), Some(last)) = (events.first(), events.last()) {
                stream.first_event = Some(stream.first_event.map_or(first.time, |t| t.min(first.time)));
                stream.last_event = Some(stream.last_event.map_or(last.time, |t| t.max(last.time)));
                stream.last_ingestion = Some(stream.last_ingestion.map_or(now, |t| t.max(now)));
            }
            let bytes: usize = events.iter().map(|e| e.message.len() + EVENT_OVERHEAD).sum();
            group.stored_bytes = group.stored_bytes.saturating_add(bytes as u64);
            writer.put(STREAMS, &stream_key, &stream)?;
            writer.put(GROUPS, &group_key, &group)?;
            written.push(Written {
                account: lines.account,
                region: lines.region.clone(),
                group: lines.group.clone(),
                stream: lines.stream.clone(),
                events: ids.into_iter().zip(events).collect(),
            });
        }
        Ok(written)
    })
}

fn in_order(lines: &Lines) -> Vec<Event> {
    let mut events = lines.events.clone();
    if lines.dropped > 0 {
        let at = events.last().map_or_else(crate::now_ms, |e| e.time);
        let message = format!(
            "crossgate dropped {} log events here: they came faster than they could be stored",
            lines.dropped
        );
        events.push(Event { time: at, ingested: at, message });
    }
    // Stable: events of the same millisecond stay in the order in which they were written.
    events.sort_by_key(|e| e.time);
    events
}

fn batches(events: &[Event]) -> Vec<&[Event]> {
    let mut batches = Vec::new();
    let mut rest = events;
    while let Some(first) = rest.first() {
        let mut bytes = 0;
        let fits = rest.iter().take(BATCH_EVENTS).take_while(|event| {
            bytes += event.message.len();
            bytes <= BATCH_BYTES && event.time - first.time <= DAY_MS
        });
        let (batch, after) = rest.split_at(fits.count().max(1));
        batches.push(batch);
        rest = after;
    }
    batches
}
