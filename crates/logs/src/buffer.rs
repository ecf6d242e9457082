use std::collections::BTreeMap;

use arn::AccountId;

use crate::model::Event;
use crate::names::{group_key, stream_key};

/// Bytes that may wait for the store.
const BOUND: usize = 32 << 20;
/// What an event costs beside its message.
const EVENT_COST: usize = 64;

/// Events of one stream.
#[derive(Clone, Debug)]
pub(crate) struct Lines {
    pub(crate) account: AccountId,
    pub(crate) region: String,
    pub(crate) group: String,
    pub(crate) stream: String,
    pub(crate) events: Vec<Event>,
    /// Events that did not fit the buffer.
    pub(crate) dropped: u64,
}

/// Events on their way to the store, by stream.
#[derive(Debug, Default)]
pub(crate) struct Buffer {
    streams: BTreeMap<String, Lines>,
    bytes: usize,
}

impl Buffer {
    pub(crate) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    pub(crate) fn push(
        &mut self,
        account: AccountId,
        region: &str,
        group: &str,
        stream: &str,
        events: Vec<(i64, String)>,
        now_ms: i64,
    ) {
        let key = stream_key(&group_key(account, region, group), stream);
        let lines = self.streams.entry(key).or_insert_with(|| Lines {
            account,
            region: region.to_owned(),
            group: group.to_owned(),
            stream: stream.to_owned(),
            events: Vec::new(),
            dropped: 0,
        });
        for (time, message) in events {
            let cost = message.len() + EVENT_COST;
            if self.bytes + cost > BOUND {
                lines.dropped += 1;
                continue;
            }
            self.bytes += cost;
            lines.events.push(Event { time: time.max(0), ingested: now_ms, message });
        }
    }

    pub(crate) fn lines(self) -> Vec<Lines> {
        self.streams.into_values().collect()
    }

    /// Takes back what could not be written, before what came since; as far as there is room.
    pub(crate) fn put_back(&mut self, lines: Vec<Lines>) {
        let since = std::mem::take(self);
        for mut lines in lines.into_iter().chain(since.streams.into_values()) {
            let key = stream_key(&group_key(lines.account, &lines.region, &lines.group), &lines.stream);
            let events = std::mem::take(&mut lines.events);
            let to = self.streams.entry(key).or_insert_with(|| Lines { dropped: 0, ..lines.clone() });
            to.dropped += lines.dropped;
            for event in events {
                let cost = event.message.len() + EVENT_COST;
                if self.bytes + cost > BOUND {
                    to.dropped += 1;
                } else {
                    self.bytes += cost;
                    to.events.push(event);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let account: AccountId = "111111111111".parse().unwrap();
        let mut buffer = Buffer::default();
        let big = "a".repeat(1 << 20);
        for _ in 0..40 {
            buffer.push(account, "r", "g", "s", vec![(1, big.clone())], 2);
        }
        let lines = buffer.lines();
        let mut again = Buffer::default();
        again.push(account, "r", "g", "s", vec![(3, "later".to_owned())], 4);
        again.put_back(lines);
        let lines = again.lines();
        let [one] = lines.as_slice() else { panic!("one stream") };
        assert_eq!(one.events.len() as u64 + one.dropped, 41);
        assert_eq!(one.events[0].message.len(), 1 << 20);
        assert_eq!(one.events.last().unwrap().message, "later");
        assert!(one.dropped >= 9);
    }
}
