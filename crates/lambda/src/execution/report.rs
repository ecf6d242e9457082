//! The platform's own log lines and error payloads.

use super::spec::{FunctionSpec, InvokeContext};
use bytes::Bytes;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;

/// The largest answer of a function, in bytes; recorded in AWS's error text.
pub(crate) const MAX_RESPONSE: usize = 6_291_556;

/// `INIT_START …`, the first line of a log stream. The version ARN's hash is of the runtime's name: what runs is
/// the machine's own interpreter, not one of AWS's images.
pub(crate) fn init_start(spec: &FunctionSpec, runtime_used: &str) -> String {
    let (version, arn) = runtime_version(spec, runtime_used);
    format!("INIT_START Runtime Version: {version}\tRuntime Version ARN: {arn}\n")
}

/// `python:3.9.v0`, and an ARN for it.
pub(crate) fn runtime_version(spec: &FunctionSpec, runtime_used: &str) -> (String, String) {
    // `python3.9` is written `python:3.9`, `provided.al2023` is written `provided:al2023`.
    let (name, version) = match runtime_used.split_once('.') {
        Some(("provided", version)) => ("provided", version),
        _ => runtime_used.split_at(runtime_used.find(|c: char| c.is_ascii_digit()).unwrap_or(0)),
    };
    let hash = hex::encode(Sha256::digest(runtime_used));
    let region = &spec.region;
    (format!("{name}:{version}.v0"), format!("arn:aws:lambda:{region}::runtime:{hash}"))
}

/// `INIT_REPORT …` of an init phase that failed, or took too long (Lambda Developer Guide, "Failures during the init
/// phase": a time-out has no error type).
pub(crate) fn init_report(init: Duration, phase: &str, status: &str, error_type: Option<&str>) -> String {
    let (ms, kind) =
        (millis(init), error_type.map(|kind| format!("\tError Type: {kind}")).unwrap_or_default());
    format!("INIT_REPORT Init Duration: {ms:.2} ms\tPhase: {phase}\tStatus: {status}{kind}\n")
}

pub(crate) fn start(spec: &FunctionSpec, context: &InvokeContext) -> String {
    format!("START RequestId: {} Version: {}\n", context.request_id, spec.version)
}

pub(crate) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

/// What the `REPORT` line says.
pub(crate) struct Report<'a> {
    pub request_id: &'a str,
    pub duration: Duration,
    pub billed_ms: u64,
    pub memory_mb: u32,
    pub max_memory_mb: u64,
    pub init: Option<Duration>,
    /// `timeout`, or `error\tError Type: …`.
    pub status: Option<String>,
}

impl Report<'_> {
    /// The line, in the recorded form (`test_lambda.py`, LogResult).
    pub fn line(&self) -> String {
        use std::fmt::Write as _;
        let mut line = format!(
            "REPORT RequestId: {}\tDuration: {:.2} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory \
             Used: {} MB\t",
            self.request_id,
            millis(self.duration),
            self.billed_ms,
            self.memory_mb,
            self.max_memory_mb,
        );
        if let Some(init) = self.init {
            let _ = write!(line, "Init Duration: {:.2} ms\t", millis(init));
        }
        if let Some(status) = &self.status {
            let _ = write!(line, "Status: {status}");
        }
        line.push('\n');
        line
    }
}

/// The trace header of an invocation whose caller brought none.
pub(crate) fn new_trace() -> String {
    let mut random = [0u8; 20];
    // Without randomness ids are alike, which confuses traces and nothing else.
    let _ = getrandom::fill(&mut random);
    arn::TraceId::new(None, super::logs::now_ms(), random).response
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// `duration` in whole milliseconds, rounded up, at least one.
pub(crate) fn billed_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX).max(1)
}

/// `errorType` first, as recorded for time-outs and exits.
pub(crate) fn platform_error(error_type: &str, message: &str) -> Bytes {
    let message = json!(message);
    Bytes::from(format!(r#"{{"errorType":"{error_type}","errorMessage":{message}}}"#))
}

pub(crate) fn timed_out_text(timeout: Duration) -> String {
    format!("Task timed out after {:.2} seconds", timeout.as_secs_f64())
}

/// Recorded order: message first.
pub(crate) fn too_large() -> Bytes {
    Bytes::from(format!(
        r#"{{"errorMessage":"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes).","errorType":"Function.ResponseSizeTooLarge"}}"#
    ))
}

/// `errorType` of a function's error JSON; `fallback` where it has none.
pub(crate) fn error_type_of(payload: &[u8], fallback: &str) -> String {
    let value: Option<serde_json::Value> = serde_json::from_slice(payload).ok();
    let kind = value.as_ref().and_then(|v| v["errorType"].as_str()).filter(|t| !t.is_empty());
    kind.unwrap_or(fallback).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_line_has_the_recorded_form() {
        let report = Report {
            request_id: "id",
            duration: Duration::from_micros(3010),
            billed_ms: billed_ms(Duration::from_micros(3010)),
            memory_mb: 128,
            max_memory_mb: 36,
            init: Some(Duration::from_micros(110_100)),
            status: None,
        };
        let expect = "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax \
                      Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n";
        assert_eq!(report.line(), expect);
    }

    #[test]
    fn a_trace_has_the_documented_form() {
        let trace = new_trace();
        let (root, rest) = trace.split_once(";Parent=").expect("a parent");
        assert_eq!(
            (root.len(), rest.len()),
            ("Root=1-5759e988-bd862e3fe1be46a994272793".len(), 16 + 10),
            "{trace}"
        );
        assert!(trace.ends_with(";Sampled=0") && trace != new_trace(), "{trace}");
    }

    #[test]
    fn a_platform_error_is_valid_json_whatever_the_message() {
        let payload = platform_error("Sandbox.Timedout", "a \"b\"");
        assert_eq!(payload, &br#"{"errorType":"Sandbox.Timedout","errorMessage":"a \"b\""}"#[..]);
        assert_eq!(error_type_of(&payload, ""), "Sandbox.Timedout");
    }
}
