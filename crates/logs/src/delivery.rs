//! From stored events to what subscribers get.

use std::collections::VecDeque;
use std::io::Write as _;
use std::sync::{Mutex, PoisonError};

use arn::AccountId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Map, Value, json};
use store::{Cache, Store};

use crate::fail::Fail;
use crate::filter::Filter;
use crate::model::{Event, SUBSCRIPTIONS};
use crate::names::group_key;
use crate::read::EventId;
use crate::shelf::text;
use crate::write::Written;

/// Bytes of messages in one delivery: compressed and in base64 they stay under the megabyte of an asynchronous event.
const BATCH_BYTES: usize = 512 << 10;
/// Bytes that wait to be delivered.
const QUEUE_BYTES: usize = 16 << 20;
/// Groups whose compiled subscription filters are kept.
const CACHED: usize = 1024;

/// Events for one subscription.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Whose log group it is.
    pub account: AccountId,
    /// The group's region.
    pub region: String,
    /// The group's name.
    pub group: String,
    /// The subscription filter's name.
    pub filter: String,
    /// Where the events go, a function or something that is not served here.
    pub destination: String,
    /// What a function gets: `{"awslogs": {"data": …}}`, the data being JSON, gzip and base64 (CloudWatch Logs User
    /// Guide, "Subscription filters with AWS Lambda"). Empty for other destinations.
    pub payload: Vec<u8>,
    /// Events in it.
    pub events: usize,
    /// How often it was tried.
    pub attempts: u32,
}

struct Subscription {
    name: String,
    destination: String,
    filter: Filter,
}

/// What waits to be delivered.
pub(crate) struct Deliveries {
    filters: Cache<Vec<Subscription>>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<Delivery>,
    bytes: usize,
    dropped: u64,
}

impl Deliveries {
    pub(crate) fn new() -> Self {
        Self { filters: Cache::new(SUBSCRIPTIONS, CACHED), queue: Mutex::default() }
    }

    pub(crate) fn publish(&self, store: &Store, written: &[Written]) {
        for written in written {
            let group = group_key(written.account, &written.region, &written.group);
            // What cannot be read now could not be written either.
            let Ok(Some(subscriptions)) = self.filters.get(store, &group, || load(store, &group)) else {
                continue;
            };
            for subscription in subscriptions.iter() {
                self.publish_to(subscription, written);
            }
        }
    }

    fn publish_to(&self, subscription: &Subscription, written: &Written) {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for (id, event) in written.events.iter().filter(|(_, e)| subscription.filter.matches(&e.message)) {
            if bytes + event.message.len() > BATCH_BYTES && !batch.is_empty() {
                self.push(delivery(subscription, written, &std::mem::take(&mut batch)));
                bytes = 0;
            }
            bytes += event.message.len();
            batch.push((id, event));
        }
        if !batch.is_empty() {
            self.push(delivery(subscription, written, &batch));
        }
    }

    pub(crate) fn push(&self, delivery: Delivery) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let cost = delivery.payload.len() + 256;
        if queue.bytes + cost > QUEUE_BYTES {
            queue.dropped += 1;
            return;
        }
        queue.bytes += cost;
        queue.waiting.push_back(delivery);
    }

    pub(crate) fn take(&self) -> (Vec<Delivery>, u64) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = std::mem::take(&mut *queue);
        (taken.waiting.into(), taken.dropped)
    }
}

fn load(store: &Store, group: &str) -> Result<Option<Vec<Subscription>>, Fail> {
    let found: Vec<(String, Map<String, Value>)> = store.read(|reader| {
        Ok::<_, Fail>(reader.list(SUBSCRIPTIONS, &format!("{group}:"), None, usize::MAX)?)
    })?;
    let compiled = found.into_iter().filter_map(|(_, document)| {
        Some(Subscription {
            name: text(&document, "filterName").to_owned(),
            destination: text(&document, "destinationArn").to_owned(),
            filter: Filter::parse(text(&document, "filterPattern")).ok()?,
        })
    });
    Ok(Some(compiled.collect()))
}

fn delivery(subscription: &Subscription, written: &Written, events: &[(&EventId, &Event)]) -> Delivery {
    let to_function = subscription.destination.contains(":lambda:");
    Delivery {
        account: written.account,
        region: written.region.clone(),
        group: written.group.clone(),
        filter: subscription.name.clone(),
        destination: subscription.destination.clone(),
        payload: if to_function { payload(subscription, written, events) } else { Vec::new() },
        events: events.len(),
        attempts: 0,
    }
}

fn payload(subscription: &Subscription, written: &Written, events: &[(&EventId, &Event)]) -> Vec<u8> {
    let events: Vec<Value> = events
        .iter()
        .map(|(id, event)| json!({"id": id.to_string(), "timestamp": event.time, "message": event.message}))
        .collect();
    let message = json!({
        "messageType": "DATA_MESSAGE",
        "owner": written.account.as_str(),
        "logGroup": written.group,
        "logStream": written.stream,
        "subscriptionFilters": [subscription.name],
        "logEvents": events,
    });
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing to a Vec cannot fail.
    let _ = gzip.write_all(message.to_string().as_bytes());
    let data = STANDARD.encode(gzip.finish().unwrap_or_default());
    json!({"awslogs": {"data": data}}).to_string().into_bytes()
}
