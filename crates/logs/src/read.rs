use std::collections::BTreeMap;

use store::Reader;

use crate::fail::Result;
use crate::model::{BATCHES, DAY_MS, Event};
use crate::write::of_batch_key;

/// Batches read at a time.
const PAGE: usize = 32;
/// Bytes of messages in an answer (GetLogEvents and FilterLogEvents, API Reference: up to 1 MB).
const ANSWER_BYTES: usize = 1 << 20;

/// Calls `visit` with every event of a stream from `from`, included, to `until`, excluded, and its id: 56 digits that
/// sort by time and then by arrival. Not sorted by time across batches.
pub(crate) fn scan(
    reader: &Reader,
    stream_key: &str,
    from: i64,
    until: i64,
    mut visit: impl FnMut(EventId, Event),
) -> Result<()> {
    scan_while(reader, stream_key, from, until, |id, event| {
        visit(id, event);
        true
    })
}

/// The same, until `visit` says `false`.
pub(crate) fn scan_while(
    reader: &Reader,
    stream_key: &str,
    from: i64,
    until: i64,
    mut visit: impl FnMut(EventId, Event) -> bool,
) -> Result<()> {
    let prefix = format!("{stream_key}:");
    // A key with this time and nothing after it sorts before every batch of that time.
    let mut after = format!("{prefix}{:016}", from.saturating_sub(DAY_MS).max(0));
    loop {
        let page: Vec<(String, Vec<Event>)> = reader.list(BATCHES, &prefix, Some(&after), PAGE)?;
        let Some((last, _)) = page.last() else { return Ok(()) };
        after = last.clone();
        let whole = page.len() == PAGE;
        for (key, events) in page {
            let Some((first, sequence)) = of_batch_key(&key) else { continue };
            if first >= until {
                return Ok(());
            }
            for (index, event) in events.into_iter().enumerate() {
                if (from..until).contains(&event.time)
                    && !visit(EventId { time: event.time, sequence, index }, event)
                {
                    return Ok(());
                }
            }
        }
        if !whole {
            return Ok(());
        }
    }
}

/// What names an event and says where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EventId {
    pub(crate) time: i64,
    pub(crate) sequence: u64,
    pub(crate) index: usize,
}

impl EventId {
    pub(crate) const ZERO: Self = Self { time: 0, sequence: 0, index: 0 };

    /// Reads what [`std::fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 56 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let time = text.get(..16)?.parse().ok()?;
        let sequence = text.get(16..36)?.parse().ok()?;
        Some(Self { time, sequence, index: text.get(36..)?.parse().ok()? })
    }
}

impl std::fmt::Display for EventId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016}{:020}{:020}", self.time, self.sequence, self.index)
    }
}

/// Which end of the events a page is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    First,
    Last,
}

/// The first, or last, events of all that are offered, as many as an answer may hold: memory is bounded by that.
#[derive(Debug)]
pub(crate) struct Page {
    end: End,
    limit: usize,
    bytes: usize,
    events: BTreeMap<EventId, (String, Event)>,
    more: bool,
}

impl Page {
    pub(crate) fn new(end: End, limit: usize) -> Self {
        Self { end, limit: limit.max(1), bytes: 0, events: BTreeMap::new(), more: false }
    }

    pub(crate) fn offer(&mut self, id: EventId, stream: &str, event: Event) {
        if self.more && self.is_beyond(id) {
            return;
        }
        self.bytes += event.message.len();
        self.events.insert(id, (stream.to_owned(), event));
        while self.events.len() > self.limit || (self.bytes > ANSWER_BYTES && self.events.len() > 1) {
            let out = match self.end {
                End::First => self.events.pop_last(),
                End::Last => self.events.pop_first(),
            };
            self.bytes -= out.map_or(0, |(_, (_, event))| event.message.len());
            self.more = true;
        }
    }

    fn is_beyond(&self, id: EventId) -> bool {
        match self.end {
            End::First => self.events.last_key_value().is_some_and(|(last, _)| id > *last),
            End::Last => self.events.first_key_value().is_some_and(|(first, _)| id < *first),
        }
    }

    /// The events in order, each with its stream, and whether there are more.
    pub(crate) fn finish(self) -> (Vec<(EventId, String, Event)>, bool) {
        let events = self.events.into_iter().map(|(id, (stream, event))| (id, stream, event)).collect();
        (events, self.more)
    }
}
