//! The records of one environment, and who subscribed to them (AWS documentation, "Lambda Telemetry API" and
//! "Lambda Logs API").
//!
//! A subscriber has a queue of its own and a task that delivers from it; whoever does not keep up loses records, and
//! is told how many.

mod delivery;
mod subscription;

use super::process::{Process, lock};
use super::sockets::Owner;
use delivery::Queue;
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
pub(crate) use subscription::{Api, Invalid, Subscription};

/// Records kept for those who subscribe while the init phase goes on.
const MAX_EARLY: usize = 1000;
/// Bytes of them.
const MAX_EARLY_BYTES: usize = 256 << 10;
/// A record longer than this is delivered cut: CloudWatch's bound of one event.
const MAX_TEXT: usize = 256 << 10;

/// One record, ready to be sent.
#[derive(Clone)]
struct Record {
    kind: &'static str,
    text: Arc<str>,
}

#[derive(Default)]
struct State {
    early: Vec<Record>,
    early_bytes: usize,
    subscribers: Vec<(String, Subscription, Arc<Queue>)>,
}

/// All subscriptions of one environment.
pub(crate) struct Telemetry {
    /// Whether anybody may want records: cheap to ask.
    listening: AtomicBool,
    state: Mutex<State>,
    /// Where destinations are, and whose their sockets must be; `None`: in a network that is not reached from here.
    address: Option<(Ipv4Addr, Owner)>,
    process: Arc<Process>,
}

impl Telemetry {
    pub fn new(address: Option<(Ipv4Addr, Owner)>, process: Arc<Process>) -> Arc<Telemetry> {
        let listening = AtomicBool::new(true);
        Arc::new(Telemetry { listening, state: Mutex::default(), address, process })
    }

    /// A record of `kind`, which is `function`, `extension` or `platform.` and an event.
    pub fn emit(&self, kind: &'static str, record: impl FnOnce() -> Value) {
        if !self.listening.load(Ordering::Relaxed) {
            return;
        }
        let text = json!({ "time": time(), "type": kind, "record": record() }).to_string();
        let record = Record { kind, text: text.into() };
        let mut state = lock(&self.state);
        for (_, subscription, queue) in &state.subscribers {
            if subscription.wants(kind) {
                queue.push(record.clone());
            }
        }
        if state.early.len() < MAX_EARLY && state.early_bytes < MAX_EARLY_BYTES {
            state.early_bytes += record.text.len();
            state.early.push(record);
        }
    }

    /// What a program wrote: AWS gives JSON as an object where the log format is JSON, else text.
    pub fn emit_text(&self, kind: &'static str, text: &[u8], is_json: bool) {
        self.emit(kind, || {
            let text = text.get(..text.len().min(MAX_TEXT)).unwrap_or_default();
            let parsed =
                is_json.then(|| serde_json::from_slice(text).ok().filter(Value::is_object)).flatten();
            parsed.unwrap_or_else(|| String::from_utf8_lossy(text).into())
        });
    }

    /// Subscribes `name`, which gets what was recorded so far too. A second subscription takes the first one's place.
    ///
    /// # Errors
    /// It has subscribed with the other API.
    pub fn subscribe(&self, name: &str, subscription: Subscription) -> Result<(), Invalid> {
        let Some((address, owner)) = self.address else {
            let text = "records are not delivered into a network of the function's own here; see --network";
            return Err(Invalid(text.to_owned()));
        };
        let mut state = lock(&self.state);
        if let Some(at) = state.subscribers.iter().position(|(n, ..)| n == name) {
            let (_, before, queue) = &state.subscribers[at];
            if before.is_telemetry() != subscription.is_telemetry() {
                let text =
                    "this extension has subscribed with the other API: use one of Telemetry API and Logs API";
                return Err(Invalid(text.to_owned()));
            }
            if *before == subscription {
                return Ok(()); // AWS: duplicate requests do not make duplicate subscriptions.
            }
            queue.close();
            state.subscribers.remove(at);
        }
        let queue = Queue::new(&subscription);
        for record in state.early.iter().filter(|r| subscription.wants(r.kind)) {
            queue.push(record.clone());
        }
        let destination = subscription.destination(address);
        let process = Arc::clone(&self.process);
        tokio::spawn(delivery::deliver(Arc::clone(&queue), destination, owner, process));
        state.subscribers.push((name.to_owned(), subscription, queue));
        Ok(())
    }

    /// The init phase is over: nobody can subscribe any more.
    pub fn close(&self) {
        let mut state = lock(&self.state);
        state.early = Vec::new();
        state.early_bytes = MAX_EARLY_BYTES;
        if state.subscribers.is_empty() {
            self.listening.store(false, Ordering::Relaxed);
        }
    }

    /// Lets everything that waits be delivered now: the environment goes, or an invocation has ended.
    pub fn flush(&self) {
        for (_, _, queue) in &lock(&self.state).subscribers {
            queue.flush();
        }
    }

    /// The environment is gone.
    pub fn end(&self) {
        self.listening.store(false, Ordering::Relaxed);
        let mut state = lock(&self.state);
        for (_, _, queue) in state.subscribers.drain(..) {
            queue.close();
        }
    }
}

/// Now, as AWS writes it: `2022-10-12T00:00:15.064Z`.
pub(crate) fn time() -> String {
    let now = jiff::Timestamp::from_millisecond(super::logs::now_ms()).unwrap_or_default();
    format!("{now:.3}")
}
