use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::Fix;

/// Everything `crossgate explain` knows of one request.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// What the client got in `x-amzn-RequestId`.
    pub request_id: String,
    /// When it came, as RFC 3339.
    pub time: String,
    /// The client's method.
    pub method: String,
    /// The client's path.
    pub path: String,
    /// What the client got.
    pub status: u16,
    /// The caller: an ARN, a service, or `anonymous`.
    pub caller: String,
    /// From the first byte of the request to the last of the answer, in milliseconds.
    pub duration_ms: f64,
    /// What happened, step by step.
    pub steps: Vec<String>,
    /// What went wrong; empty when nothing did.
    pub findings: Vec<Finding>,
    /// What mends it.
    pub fixes: Vec<Fix>,
    /// Every permission decision as a tree, as text.
    pub decisions: Vec<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Finding {
    /// In one line.
    pub title: String,
    /// In as many as it takes; may underline a policy's text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Finding {
    /// A finding that one line tells.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), detail: String::new() }
    }

    /// Adds the longer story.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// How a report is drawn.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    /// With ANSI colours: for terminals.
    pub color: bool,
    /// With every decision as a tree, the allowed ones too.
    pub full: bool,
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Draws a report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let ok = report.status < 400 && report.findings.is_empty();
    let status = style.paint(if ok { "32" } else { "31" }, &report.status.to_string());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} {} -> {status}", report.method, report.path);
    let _ = writeln!(out, "  request {} at {}, {:.1} ms", report.request_id, report.time, report.duration_ms);
    let _ = writeln!(out, "  caller  {}", report.caller);
    for step in &report.steps {
        let _ = writeln!(out, "  - {step}");
    }
    for finding in &report.findings {
        let _ = writeln!(out, "\n{} {}", style.paint("1;31", "why:"), style.paint("1", &finding.title));
        indent(&mut out, &finding.detail);
    }
    for (number, fix) in report.fixes.iter().enumerate() {
        let label = if report.fixes.len() > 1 { format!("fix {}:", number + 1) } else { "fix:".to_owned() };
        let _ = writeln!(out, "\n{} {}", style.paint("1;32", &label), fix.why);
        for command in &fix.commands {
            let _ = writeln!(out, "  {}", style.paint("36", command));
        }
    }
    if style.full {
        for decision in &report.decisions {
            let _ = writeln!(out, "\n{}", style.paint("1", "decision:"));
            indent(&mut out, decision);
        }
    }
    out
}

fn indent(out: &mut String, text: &str) {
    for line in text.lines() {
        let _ = writeln!(out, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_when_piped_and_coloured_on_terminals() {
        let report = Report {
            method: "GET".into(),
            path: "/prod/users".into(),
            status: 500,
            findings: vec![Finding::new("nothing allows it").detail("one\ntwo")],
            ..Report::default()
        };
        let plain = render(&report, Style::default());
        assert!(
            plain.contains("GET /prod/users -> 500")
                && plain.contains("why: nothing allows it\n  one\n  two")
        );
        assert!(!plain.contains('\x1b'));
        assert!(render(&report, Style { color: true, full: false }).contains("\x1b[31m500"));
    }
}
