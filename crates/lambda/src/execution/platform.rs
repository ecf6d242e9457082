//! What the platform itself records: a line of text, a JSON record, or both.
//!
//! Shapes: AWS documentation, "Lambda Telemetry API Event schema reference"; levels: "Log-level filtering", the table
//! of system log events; lines of text: recorded (`test_lambda.py`), those of extensions as users' logs show them.

use super::report::{self, Report};
use super::spec::{FunctionSpec, InvokeContext};
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The level of a system log event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Debug,
    Info,
    Warn,
}

impl Level {
    /// `SystemLogLevel`; `INFO` where it is not set.
    pub fn of(name: &str) -> Level {
        match name {
            "DEBUG" => Level::Debug,
            "WARN" => Level::Warn,
            _ => Level::Info,
        }
    }
}

/// One thing that happened.
pub(crate) struct Event<R: FnOnce() -> Value> {
    /// `platform.start`.
    pub kind: &'static str,
    /// `None`: never in the log where it is JSON.
    pub level: Option<Level>,
    /// The line where the log is text.
    pub text: Option<String>,
    /// Made when somebody wants it: most functions have a log of text and no subscribers.
    pub record: R,
}

/// Milliseconds, with microseconds behind the point.
fn ms(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1_000_000.0).round() / 1000.0
}

fn tracing(context: &InvokeContext, record: &mut Map<String, Value>) {
    if let Some(value) = &context.trace_id {
        record.insert("tracing".into(), json!({ "type": "X-Amzn-Trace-Id", "value": value }));
    }
}

fn failed(error_type: Option<&str>, record: &mut Map<String, Value>) {
    if let Some(kind) = error_type {
        record.insert("errorType".into(), kind.into());
    }
}

fn object(value: Value) -> Map<String, Value> {
    if let Value::Object(map) = value { map } else { Map::new() }
}

/// `success` is DEBUG or INFO, everything else WARN.
fn level(status: &str, fine: Level) -> Option<Level> {
    Some(if status == "success" { fine } else { Level::Warn })
}

/// An init phase, as records tell of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Init {
    /// Ahead of every invocation, for provisioned concurrency.
    pub provisioned: bool,
    /// Within an invocation, whose duration holds it: the environment before this one failed. CloudWatch Logs are told of
    /// such a phase only when it fails too (Lambda Developer Guide, "Failures during the invoke phase").
    pub suppressed: bool,
}

impl Init {
    fn record(self) -> Map<String, Value> {
        let kind = if self.provisioned { "provisioned-concurrency" } else { "on-demand" };
        object(json!({ "initializationType": kind, "phase": self.phase() }))
    }

    fn phase(self) -> &'static str {
        if self.suppressed { "invoke" } else { "init" }
    }

    /// The level of an event that tells of this phase, unless it is not told of.
    fn level(self, status: &str, fine: Level) -> Option<Level> {
        if self.suppressed && status == "success" { None } else { level(status, fine) }
    }
}

/// How an init phase ended: the status, and the error type where that says more.
fn init_status(error_type: Option<&str>) -> (&'static str, Option<&str>) {
    match error_type {
        None => ("success", None),
        Some("Sandbox.Timedout") => ("timeout", None),
        Some(kind) => ("error", Some(kind)),
    }
}

pub(crate) fn init_start(
    init: Init,
    spec: &FunctionSpec,
    runtime_used: &str,
) -> Event<impl FnOnce() -> Value> {
    let text = (!init.suppressed).then(|| report::init_start(spec, runtime_used));
    let level = init.level("success", Level::Info);
    let record = move || {
        let (version, arn) = report::runtime_version(spec, runtime_used);
        let mut record = init.record();
        record.insert("runtimeVersion".into(), version.into());
        record.insert("runtimeVersionArn".into(), arn.into());
        record.insert("functionName".into(), spec.name.as_str().into());
        record.insert("functionVersion".into(), spec.version.as_str().into());
        record.into()
    };
    Event { kind: "platform.initStart", level, text, record }
}

pub(crate) fn init_runtime_done(init: Init, error_type: Option<&str>) -> Event<impl FnOnce() -> Value> {
    let (status, error_type) = init_status(error_type);
    let record = move || {
        let mut record = init.record();
        record.insert("status".into(), status.into());
        failed(error_type, &mut record);
        record.into()
    };
    let level = init.level(status, Level::Debug);
    Event { kind: "platform.initRuntimeDone", level, text: None, record }
}

pub(crate) fn init_report(
    init: Init,
    took: Duration,
    error_type: Option<&str>,
) -> Event<impl FnOnce() -> Value> {
    let (status, error_type) = init_status(error_type);
    let record = move || {
        let mut record = init.record();
        record.insert("status".into(), status.into());
        record.insert("metrics".into(), json!({ "durationMs": ms(took) }));
        failed(error_type, &mut record);
        record.into()
    };
    let text = (status != "success").then(|| report::init_report(took, init.phase(), status, error_type));
    let level = init.level(status, Level::Debug);
    Event { kind: "platform.initReport", level, text, record }
}

pub(crate) fn start(spec: &FunctionSpec, context: &InvokeContext) -> Event<impl FnOnce() -> Value> {
    let record = || {
        let mut record = object(json!({ "requestId": context.request_id, "version": spec.version }));
        tracing(context, &mut record);
        record.into()
    };
    let text = Some(report::start(spec, context));
    Event { kind: "platform.start", level: Some(Level::Info), text, record }
}

/// `status`: `success`, `error` (the function), `failure` (its process), `timeout`.
pub(crate) fn runtime_done(
    context: &InvokeContext,
    status: &str,
    error_type: Option<&str>,
    took: Duration,
    produced: usize,
) -> Event<impl FnOnce() -> Value> {
    let record = move || {
        let mut record = object(json!({
            "requestId": context.request_id, "status": status,
            "metrics": { "durationMs": ms(took), "producedBytes": produced },
        }));
        failed(error_type, &mut record);
        tracing(context, &mut record);
        record.into()
    };
    let level = level(status, Level::Debug);
    Event { kind: "platform.runtimeDone", level, text: None, record }
}

pub(crate) fn end(request_id: &str) -> Event<impl FnOnce() -> Value> {
    let text = Some(report::end(request_id));
    Event { kind: "platform.end", level: None, text, record: move || json!({ "requestId": request_id }) }
}

pub(crate) fn report(
    context: &InvokeContext,
    report: &Report<'_>,
    status: &str,
    error_type: Option<&str>,
) -> Event<impl FnOnce() -> Value> {
    let record = move || {
        let mut metrics = object(json!({
            "durationMs": ms(report.duration), "billedDurationMs": report.billed_ms,
            "memorySizeMB": report.memory_mb, "maxMemoryUsedMB": report.max_memory_mb,
        }));
        if let Some(init) = report.init {
            metrics.insert("initDurationMs".into(), json!(ms(init)));
        }
        let mut record =
            object(json!({ "requestId": context.request_id, "status": status, "metrics": metrics }));
        failed(error_type, &mut record);
        tracing(context, &mut record);
        record.into()
    };
    let (level, text) = (level(status, Level::Info), Some(report.line()));
    Event { kind: "platform.report", level, text, record }
}

/// A failure of the runtime or of an extension, in words.
pub(crate) fn fault(message: &str, error_type: &str) -> Event<impl FnOnce() -> Value> {
    let text = Some(format!("{message}\n{error_type}\n"));
    Event { kind: "platform.fault", level: None, text, record: move || message.into() }
}

/// `state`: `Ready`, or what failed, with AWS's reason.
pub(crate) fn extension(
    name: &str,
    state: &str,
    events: &[String],
    error_type: Option<&str>,
) -> Event<impl FnOnce() -> Value> {
    let mut text = format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]", events.join(", "));
    if let Some(kind) = error_type {
        text.push_str(&format!("\tError Type: {kind}"));
    }
    text.push('\n');
    let record = move || {
        let mut record = object(json!({ "name": name, "state": state, "events": events }));
        failed(error_type, &mut record);
        record.into()
    };
    let level = Some(if error_type.is_none() { Level::Info } else { Level::Warn });
    Event { kind: "platform.extension", level, text: Some(text), record }
}

pub(crate) fn subscription(name: &str, types: &[String], telemetry: bool) -> Event<impl FnOnce() -> Value> {
    let upper = |word: &String| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_uppercase() + rest
    };
    let list: Vec<_> = types.iter().map(upper).collect();
    let (kind, word) = match telemetry {
        true => ("platform.telemetrySubscription", "TELEMETRY"),
        false => ("platform.logsSubscription", "LOGS"),
    };
    let text = Some(format!("{word}\tName: {name}\tState: Subscribed\tTypes: [{}]\n", list.join(", ")));
    let record = move || json!({ "name": name, "state": "Subscribed", "types": types });
    Event { kind, level: Some(Level::Info), text, record }
}
