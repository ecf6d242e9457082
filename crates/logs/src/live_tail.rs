//! StartLiveTail: sessions that see events as they are stored.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::{Value, json};
use store::Store;
use wire::Call;

use crate::fail::{Result, invalid, limit_exceeded};
use crate::filter::Filter;
use crate::groups;
use crate::metric_filters::standard_class;
use crate::names::{group_arn, group_key, group_of_identifier};
use crate::write::Written;

/// Sessions of an account in a region at a time (CloudWatch Logs quotas).
const MAX_SESSIONS: usize = 15;
/// Events in one update; of more, these are a sample (User Guide, "Live Tail": 500 events a second).
const MAX_EVENTS: usize = 500;
/// Log groups of a session, and with names of streams one (API Reference).
const MAX_GROUPS: usize = 10;

/// Every open session.
#[derive(Default)]
pub(crate) struct Tails(Mutex<Vec<Weak<Session>>>);

struct Session {
    scope: String,
    /// Key, and ARN as it is shown.
    groups: Vec<(String, String)>,
    streams: Vec<String>,
    prefixes: Vec<String>,
    filter: Filter,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    events: Vec<Value>,
    sampled: bool,
}

/// A session.
pub struct LiveTail {
    session: Arc<Session>,
    /// The event `sessionStart`.
    pub start: Value,
}

/// The event `sessionUpdate`: what came since the last one.
pub struct Update(pub Value);

impl LiveTail {
    /// What came since the last time. AWS sends one each second, with or without events (API Reference, StartLiveTail).
    #[must_use]
    pub fn update(&self) -> Update {
        let waiting =
            std::mem::take(&mut *self.session.waiting.lock().unwrap_or_else(PoisonError::into_inner));
        Update(json!({"sessionMetadata": {"sampled": waiting.sampled}, "sessionResults": waiting.events}))
    }
}

fn texts(call: &Call, member: &str) -> Vec<String> {
    let sent = call.input.get(member).and_then(Value::as_array).into_iter().flatten();
    sent.filter_map(Value::as_str).map(str::to_owned).collect()
}

impl Tails {
    pub(crate) fn start(&self, store: &Store, call: &Call) -> Result<LiveTail> {
        let identifiers = texts(call, "logGroupIdentifiers");
        let (streams, prefixes) = (texts(call, "logStreamNames"), texts(call, "logStreamNamePrefixes"));
        // The rules are in the API Reference; the texts are not recorded.
        if identifiers.len() > MAX_GROUPS {
            return Err(invalid(format!("At most {MAX_GROUPS} logGroupIdentifiers can be given.")));
        }
        if !streams.is_empty() && !prefixes.is_empty() {
            return Err(invalid(
                "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.",
            ));
        }
        if identifiers.len() > 1 && !(streams.is_empty() && prefixes.is_empty()) {
            return Err(invalid("Streams can only be named when there is one log group."));
        }
        if let Some(name) = identifiers.iter().find(|identifier| !identifier.starts_with("arn:")) {
            return Err(invalid(format!("logGroupIdentifiers holds the name {name}: it must be an ARN.")));
        }
        let pattern = call.text("logEventFilterPattern").unwrap_or_default();
        let filter = Filter::parse(pattern)?;
        let mut groups = Vec::new();
        for identifier in &identifiers {
            let name = group_of_identifier(call, identifier)?;
            let key = group_key(call.account, &call.region, &name);
            let group = store.read(|reader| groups::read(reader, &key))?;
            standard_class(&group.class, "Live Tail sessions")?;
            groups.push((key, group_arn(call.account, &call.region, &name)));
        }
        let mut start = json!({
            "requestId": call.request_id,
            "sessionId": call.request_id,
            "logGroupIdentifiers": groups.iter().map(|(_, arn)| arn).collect::<Vec<_>>(),
            "logStreamNames": streams,
            "logStreamNamePrefixes": prefixes,
        });
        if !pattern.is_empty() {
            start["logEventFilterPattern"] = pattern.into();
        }
        let scope = group_key(call.account, &call.region, "");
        let session = Session { scope, groups, streams, prefixes, filter, waiting: Mutex::default() };
        Ok(LiveTail { session: self.open(session)?, start })
    }

    fn open(&self, session: Session) -> Result<Arc<Session>> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|session| session.strong_count() > 0);
        let same = open.iter().filter_map(Weak::upgrade).filter(|other| other.scope == session.scope);
        if same.count() >= MAX_SESSIONS {
            return Err(limit_exceeded());
        }
        let session = Arc::new(session);
        open.push(Arc::downgrade(&session));
        Ok(session)
    }

    pub(crate) fn publish(&self, written: &[Written]) {
        let open: Vec<Arc<Session>> = {
            let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            open.iter().filter_map(Weak::upgrade).collect()
        };
        for session in open {
            written.iter().for_each(|written| session.take(written));
        }
    }
}

impl Session {
    fn take(&self, written: &Written) {
        let key = group_key(written.account, &written.region, &written.group);
        let Some((_, arn)) = self.groups.iter().find(|(group, _)| *group == key) else { return };
        let named = self.streams.is_empty() || self.streams.contains(&written.stream);
        if !named
            || !(self.prefixes.is_empty() || self.prefixes.iter().any(|p| written.stream.starts_with(p)))
        {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, event) in written.events.iter().filter(|(_, event)| self.filter.matches(&event.message)) {
            if waiting.events.len() >= MAX_EVENTS {
                waiting.sampled = true;
                return;
            }
            waiting.events.push(json!({
                "logStreamName": written.stream,
                "logGroupIdentifier": arn,
                "message": event.message,
                "timestamp": event.time,
                "ingestionTime": event.ingested,
            }));
        }
    }
}
