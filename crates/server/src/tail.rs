use std::fmt::Write;

use crate::trace::{Journey, Trace};

/// One request as a line: time, caller, method, path, status, decision, duration, request id.
#[must_use]
pub fn line(trace: &Trace) -> String {
    let time = jiff::Timestamp::from_millisecond(trace.started_ms).unwrap_or_default();
    let caller = if trace.caller.is_empty() { "-" } else { &trace.caller };
    let mut line =
        format!("{} {caller} {} {}", time.strftime("%H:%M:%S%.3f"), trace.method, shown(&trace.path));
    if let Journey::Aws { service, operation, .. } = &trace.journey
        && !operation.is_empty()
    {
        // Writing to a String cannot fail.
        let _ = write!(line, " {service}:{operation}");
    }
    let decision = match trace.events.decisions.iter().find(|d| !d.decision.is_allowed()) {
        Some(denied) => format!("denied:{}", denied.action),
        None if trace.events.decisions.is_empty() => "-".to_owned(),
        None => "allowed".to_owned(),
    };
    let milliseconds = trace.duration_us as f64 / 1000.0;
    let _ = writeln!(line, " {} {decision} {milliseconds:.1}ms {}", trace.status, trace.request_id);
    line
}

/// A path is the client's text: control characters would play tricks with the terminal.
fn shown(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '?' } else { c }).take(200).collect()
}
