use std::fmt::Write;

use policy::Explanation;
use serde::{Deserialize, Serialize};

use crate::fixes::fixes;
use crate::paint::{BOLD, GREEN, RED, RED_BOLD, Style, visible};
use crate::{Fix, tree};

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
    /// Every permission decision, in order.
    pub decisions: Vec<Explanation>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Finding {
    /// In one line.
    pub title: String,
    /// In as many as it takes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Which of the report's decisions it is about, by index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<usize>,
}

impl Finding {
    /// A finding that one line tells.
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), ..Self::default() }
    }

    /// Adds the longer story.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Draws a report.
#[must_use]
pub fn render(report: &Report, style: Style) -> String {
    let mut out = String::new();
    let ok = report.status < 400 && report.findings.is_empty();
    let status = style.paint(if ok { GREEN } else { RED }, &report.status.to_string());
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{} {} -> {status}", visible(&report.method), visible(&report.path));
    let when = format!("{} at {}, {:.1} ms", report.request_id, report.time, report.duration_ms);
    style.paragraph(&mut out, "  request ", "          ", "", &when);
    style.paragraph(&mut out, "  caller  ", "          ", "", &report.caller);
    for step in &report.steps {
        style.paragraph(&mut out, "  - ", "    ", "", step);
    }
    for finding in &report.findings {
        out.push('\n');
        style.paragraph(&mut out, &style.paint(RED_BOLD, "why: "), "     ", BOLD, &finding.title);
        style.paragraph(&mut out, "  ", "  ", "", &finding.detail);
        let story = finding.decision.and_then(|index| report.decisions.get(index));
        if let Some(story) = story.filter(|_| !style.full) {
            out.push('\n');
            out += &tree::draw(story, style, "  ");
        }
    }
    out += &fixes(&report.fixes, style);
    if style.full {
        for story in &report.decisions {
            out.push('\n');
            let what = format!("{} on {}, by {}", story.action, story.resource, story.caller);
            style.paragraph(&mut out, &style.paint(BOLD, "decision: "), "  ", "", &what);
            out += &tree::draw(story, style, "  ");
        }
    }
    out
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
        assert!(render(&report, Style { color: true, ..Style::default() }).contains("\x1b[31m500"));
    }
}
