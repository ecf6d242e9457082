use std::cell::OnceCell;

use serde_json::Value;

use super::value::Val;
use crate::model::Event;
use crate::read::EventId;

/// Fields that are discovered in one event (CloudWatch Logs User Guide, "Supported logs and discovered fields").
const MAX_FIELDS: usize = 200;

/// An event on its way through a query, or a row that `stats` made.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    /// What the query made, newest last.
    pub(super) made: Vec<(String, Val)>,
    pub(super) event: Option<Source>,
}

/// The event behind a row.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) id: EventId,
    pub(super) event: Event,
    /// `account:group`.
    pub(super) log: String,
    pub(super) stream: String,
    pub(super) of_lambda: bool,
    json: OnceCell<Option<Value>>,
}

impl Source {
    pub(super) fn new(id: EventId, event: Event, log: &str, stream: &str) -> Self {
        let of_lambda = log.split_once(':').is_some_and(|(_, group)| group.starts_with("/aws/lambda/"));
        Self { id, event, log: log.to_owned(), stream: stream.to_owned(), of_lambda, json: OnceCell::new() }
    }

    /// What a field of the event itself is.
    pub(super) fn field(&self, name: &str) -> Val {
        match name {
            "@timestamp" => Val::Time(self.event.time),
            "@ingestionTime" => Val::Time(self.event.ingested),
            "@message" => Val::Text(self.event.message.clone()),
            "@logStream" => Val::Text(self.stream.clone()),
            "@log" => Val::Text(self.log.clone()),
            _ if name.starts_with('@') && self.of_lambda => {
                lambda_field(&self.event.message, name).unwrap_or(Val::Null)
            }
            _ => self.json().and_then(|json| walk(json, name)).map_or(Val::Null, Val::from),
        }
    }

    /// The message as JSON; of a function's the first object in it (same page of the guide).
    fn json(&self) -> Option<&Value> {
        self.json
            .get_or_init(|| {
                let message = self.event.message.trim();
                let start = match self.of_lambda {
                    true => message.find('{')?,
                    false => 0,
                };
                let mut values =
                    serde_json::Deserializer::from_str(message.get(start..)?).into_iter::<Value>();
                values.next()?.ok().filter(|value| value.is_object() || value.is_array())
            })
            .as_ref()
    }

    /// Every field that the event has, for GetLogRecord and GetLogGroupFields.
    pub(super) fn all(&self) -> Vec<(String, Val)> {
        let mut fields: Vec<(String, Val)> =
            ["@timestamp", "@ingestionTime", "@message", "@logStream", "@log"]
                .into_iter()
                .map(|name| (name.to_owned(), self.field(name)))
                .collect();
        if self.of_lambda {
            for name in LAMBDA_FIELDS {
                if let Some(value) = lambda_field(&self.event.message, name) {
                    fields.push((name.to_owned(), value));
                }
            }
        }
        if let Some(json) = self.json() {
            flatten(json, "", &mut fields);
        }
        fields
    }
}

impl Row {
    pub(super) fn get(&self, name: &str) -> Val {
        match self.made.iter().rev().find(|(made, _)| made == name) {
            Some((_, value)) => value.clone(),
            None => self.event.as_ref().map_or(Val::Null, |source| source.field(name)),
        }
    }
}

/// `a.b.0.c`. A member whose own name has dots is found as well.
fn walk<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    let step = |name: &str| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        _ => value.get(name),
    };
    if let Some(found) = step(path) {
        return Some(found);
    }
    path.match_indices('.').find_map(|(at, _)| walk(step(path.get(..at)?)?, path.get(at + 1..)?))
}

fn flatten(value: &Value, prefix: &str, into: &mut Vec<(String, Val)>) {
    let under = |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
    match value {
        _ if into.len() >= MAX_FIELDS => {}
        Value::Object(members) => members.iter().for_each(|(name, value)| flatten(value, &under(name), into)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| flatten(value, &under(&at.to_string()), into));
        }
        leaf => into.push((prefix.to_owned(), Val::from(leaf))),
    }
}

const LAMBDA_FIELDS: [&str; 9] = [
    "@requestId",
    "@type",
    "@duration",
    "@billedDuration",
    "@initDuration",
    "@memorySize",
    "@maxMemoryUsed",
    "@xrayTraceId",
    "@xraySegmentId",
];

/// What Logs discovers in the lines that Lambda writes (same page). Sizes are in bytes, a MB being a million of them: the
/// guide's own query divides by 1000 twice.
fn lambda_field(message: &str, name: &str) -> Option<Val> {
    let kind = ["START", "END", "REPORT"]
        .into_iter()
        .find(|kind| message.strip_prefix(kind).is_some_and(|rest| rest.starts_with(" RequestId: ")));
    let after = |label: &str| {
        let (_, rest) = message.split_once(label)?;
        rest.split_whitespace().next()
    };
    let number = |label: &str, factor: f64| {
        kind.filter(|kind| *kind == "REPORT")?;
        Some(Val::Num(after(label)?.parse::<f64>().ok()? * factor))
    };
    match name {
        "@type" => kind.map(|kind| Val::Text(kind.to_owned())),
        "@requestId" => request_id(message, kind.is_some()).map(|id| Val::Text(id.to_owned())),
        "@duration" => number("\tDuration: ", 1.0),
        "@billedDuration" => number("\tBilled Duration: ", 1.0),
        "@initDuration" => number("\tInit Duration: ", 1.0),
        "@memorySize" => number("\tMemory Size: ", 1e6),
        "@maxMemoryUsed" => number("\tMax Memory Used: ", 1e6),
        "@xrayTraceId" => after("XRAY TraceId: ").map(|id| Val::Text(id.to_owned())),
        "@xraySegmentId" => after("SegmentId: ").map(|id| Val::Text(id.to_owned())),
        _ => None,
    }
}

/// After `RequestId: `, or the column of the runtimes' own lines: `[LEVEL]\ttime\tid\ttext`, or without the level.
fn request_id(message: &str, marked: bool) -> Option<&str> {
    if marked {
        return message.split_once("RequestId: ")?.1.split_whitespace().next();
    }
    let is_id = |text: &&str| {
        text.len() == 36
            && text.bytes().enumerate().all(|(at, b)| match at {
                8 | 13 | 18 | 23 => b == b'-',
                _ => b.is_ascii_hexdigit(),
            })
    };
    message.split('\t').take(3).find(is_id)
}
