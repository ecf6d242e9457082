//! The lines of one execution log.

use std::fmt::Write;
use std::time::Instant;

/// How much is logged. Each level has the lines of those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    #[default]
    Off,
    /// `loggingLevel` ERROR: what failed, and the status.
    Error,
    /// `loggingLevel` INFO.
    Info,
    /// INFO with `dataTraceEnabled`, and TestInvokeMethod: headers and bodies.
    Trace,
}

/// Lines with their times. Texts are made only when they are kept.
pub(super) struct Journal {
    pub level: Level,
    began_ms: i64,
    began: Instant,
    lines: Vec<(i64, String)>,
}

/// Longer lines are cut and marked (recording test_apigw_test_invoke_method_api: `[TRUNCATED]`).
const MAX_LINE: usize = 1024;

impl Journal {
    /// Of a call that began at `now_ms`, which was `began`.
    pub fn new(level: Level, now_ms: i64, began: Instant) -> Self {
        Self { level, began_ms: now_ms, began, lines: Vec::new() }
    }

    pub fn line(&mut self, level: Level, text: impl FnOnce() -> String) {
        if self.level < level {
            return;
        }
        let mut text = text();
        if text.len() > MAX_LINE {
            let mut cut = MAX_LINE;
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            text.truncate(cut);
            text.push_str(" [TRUNCATED]");
        }
        self.lines.push((self.began_ms + self.elapsed_ms() as i64, text));
    }

    pub fn error(&mut self, text: impl FnOnce() -> String) {
        self.line(Level::Error, text);
    }

    pub fn info(&mut self, text: impl FnOnce() -> String) {
        self.line(Level::Info, text);
    }

    pub fn trace(&mut self, text: impl FnOnce() -> String) {
        self.line(Level::Trace, text);
    }

    /// Milliseconds since the call began.
    pub fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// For CloudWatch Logs: `(request id) text`.
    pub fn into_events(self, request_id: &str) -> Vec<(i64, String)> {
        self.lines.into_iter().map(|(at, text)| (at, format!("({request_id}) {text}"))).collect()
    }

    /// For TestInvokeMethod: one text.
    pub fn into_text(self, request_id: &str) -> String {
        let mut out = format!("Execution log for request {request_id}\n");
        for (at, text) in self.lines {
            // Writing to a String cannot fail.
            let _ = writeln!(out, "{} : {text}", date(at, "%a %b %d %H:%M:%S UTC %Y"));
        }
        out
    }
}

/// A time in words, UTC; empty when it is out of range.
pub(super) fn date(ms: i64, format: &str) -> String {
    jiff::Timestamp::from_millisecond(ms).map(|t| t.strftime(format).to_string()).unwrap_or_default()
}

/// `{a=b, c=d}`, as the log shows maps.
pub(super) fn braces<'a>(entries: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut out = String::from("{");
    for (i, (name, value)) in entries.into_iter().enumerate() {
        if i > 0 {
            out.push_str(", ");
        }
        let _ = write!(out, "{name}={value}");
    }
    out.push('}');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_below_the_level_are_not_even_made() {
        let mut journal = Journal::new(Level::Error, 0, Instant::now());
        journal.info(|| unreachable!());
        journal.error(|| "kept".to_owned());
        assert_eq!(journal.into_events("id").first().map(|e| e.1.as_str()), Some("(id) kept"));
    }

    #[test]
    fn dates_are_those_of_the_recording() {
        let mut journal = Journal::new(Level::Trace, 1_755_623_090_000, Instant::now());
        journal.info(|| "Starting execution for request: x".to_owned());
        assert_eq!(
            journal.into_text("x"),
            "Execution log for request x\nTue Aug 19 17:04:50 UTC 2025 : Starting execution for request: x\n"
        );
    }

    #[test]
    fn long_lines_are_cut_and_marked() {
        let mut journal = Journal::new(Level::Info, 0, Instant::now());
        journal.info(|| "é".repeat(1000));
        let line = &journal.into_events("i")[0].1;
        assert!(line.ends_with("é [TRUNCATED]") && line.len() < 1060);
    }

    #[test]
    fn maps_are_in_braces() {
        assert_eq!(braces([]), "{}");
        assert_eq!(braces([("a", "b"), ("c", "d")]), "{a=b, c=d}");
    }
}
