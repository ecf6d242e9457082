//! What an environment writes, cut into log events.
//!
//! One pipe carries standard output, standard error and framed records in the order they were written. A frame is
//! what AWS's runtimes write to `_LAMBDA_TELEMETRY_LOG_FD`: `a5 5a 00 xx`, length and time in microseconds (both
//! big-endian), text; it is one event whatever lines it has. Older clients write no time (kind `01`: version 1 of Ruby's
//! `aws_lambda_ric`, of Java's and Node's; with a time it is `03`). Everything else is one event per line.

use super::config::LogSink;
use super::spec::FunctionSpec;
use super::telemetry::Telemetry;
use std::sync::Arc;

/// CloudWatch's bound of one event, less its overhead of 26 bytes (AWS documentation, PutLogEvents).
const MAX_EVENT: usize = 262_144 - 26;
/// `LogType=Tail` gives the last 4 KB.
const TAIL: usize = 4096;
const MAGIC: [u8; 3] = [0xa5, 0x5a, 0x00];
/// The bit of a frame's kind that says that a time follows the length.
const TIMED: u8 = 2;

/// The log of one environment.
pub(crate) struct EnvironmentLog {
    spec: Arc<FunctionSpec>,
    stream: String,
    sink: Arc<dyn LogSink>,
    /// Where each event goes too, as records of a kind.
    telemetry: Option<(Arc<Telemetry>, &'static str)>,
    buffer: Vec<u8>,
    events: Vec<(i64, String)>,
    tail: Vec<u8>,
    /// The time of the last event that was read.
    read: i64,
}

impl EnvironmentLog {
    pub fn new(
        spec: Arc<FunctionSpec>,
        stream: String,
        sink: Arc<dyn LogSink>,
        telemetry: Option<(Arc<Telemetry>, &'static str)>,
    ) -> EnvironmentLog {
        EnvironmentLog {
            spec,
            stream,
            sink,
            telemetry,
            buffer: Vec::new(),
            events: Vec::new(),
            tail: Vec::new(),
            read: 0,
        }
    }

    /// Takes bytes from the pipe.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
        let buffer = std::mem::take(&mut self.buffer);
        let new = self.events.len();
        let rest = self.cut(&buffer);
        self.order(new);
        self.buffer = buffer.get(rest..).unwrap_or_default().to_vec();
    }

    /// Gives the events from `new` on, which came in one read, times in the order in which they were written: a frame
    /// tells its own, a line has that of the read, though it was written before the frame behind it.
    fn order(&mut self, new: usize) {
        let mut next = i64::MAX;
        for (time, _) in self.events.iter_mut().skip(new).rev() {
            next = next.min(*time).max(self.read);
            *time = next;
        }
        self.read = self.events.get(new..).and_then(<[_]>::last).map_or(self.read, |(time, _)| *time);
    }

    /// Handles all complete events of `buffer`; gives where the incomplete rest begins.
    fn cut(&mut self, buffer: &[u8]) -> usize {
        let mut at = 0;
        while let Some(rest) = buffer.get(at..).filter(|r| !r.is_empty()) {
            if rest.starts_with(&MAGIC) {
                let Some(([_, _, _, kind, a, b, c, d], rest)) = rest.split_first_chunk() else { return at };
                let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
                let timed = if kind & TIMED == 0 { 0 } else { size_of::<u64>() };
                // A length that no runtime writes: these bytes are no frame.
                if length <= 64 * MAX_EVENT {
                    let Some(text) = rest.get(timed..timed + length) else { return at };
                    let now = now_ms();
                    let time =
                        rest.first_chunk().filter(|_| timed > 0).map(|time| u64::from_be_bytes(*time) / 1000);
                    let time = time.and_then(|time| i64::try_from(time).ok());
                    let time = time.filter(|time| (now - 60_000..=now).contains(time));
                    // CloudWatch has no empty events (API Reference, InputLogEvent).
                    if !text.is_empty() {
                        self.event(time.unwrap_or(now), text);
                    }
                    at += 8 + timed + length;
                    continue;
                }
            }
            let skip = usize::from(rest.starts_with(&MAGIC));
            let frame = rest.iter().skip(skip).position(|b| *b == MAGIC[0]).map(|p| p + skip);
            let line = rest.iter().position(|b| *b == b'\n');
            let is_frame =
                |p: &usize| rest.get(*p..).is_some_and(|r| r.iter().zip(&MAGIC).all(|(a, b)| a == b));
            let frame = frame.filter(|p| line.is_none_or(|l| *p < l)).filter(is_frame);
            match (frame, line) {
                (Some(end), _) if rest.len() >= end + MAGIC.len() => {
                    self.event(now_ms(), rest.get(..end).unwrap_or_default());
                    at += end;
                }
                (None, Some(end)) => {
                    self.event(now_ms(), rest.get(..=end).unwrap_or_default());
                    at += end + 1;
                }
                _ if rest.len() >= MAX_EVENT + 3 => {
                    let (part, _) = split_event(rest);
                    self.event(now_ms(), part);
                    at += part.len();
                }
                _ => return at,
            }
        }
        at
    }

    /// Ends a line that has no end yet: the invocation is over.
    pub fn finish_line(&mut self) {
        let rest = std::mem::take(&mut self.buffer);
        if !rest.is_empty() {
            self.event(now_ms(), &rest);
        }
    }

    /// Appends a line of the platform's own.
    pub fn platform(&mut self, text: String) {
        self.remember(text.as_bytes());
        if !text.ends_with('\n') {
            self.remember(b"\n");
        }
        self.events.push((now_ms(), text));
    }

    fn event(&mut self, time: i64, text: &[u8]) {
        if let Some((telemetry, kind)) = &self.telemetry {
            telemetry.emit_text(kind, text, self.spec.json_log_level.is_some());
        }
        self.remember(text);
        if text.last().is_some_and(|b| *b != b'\n') {
            self.remember(b"\n");
        }
        let mut rest = text;
        loop {
            let (part, more) = split_event(rest);
            self.events.push((time, String::from_utf8_lossy(part).into_owned()));
            if more.is_empty() {
                break;
            }
            rest = more;
        }
    }

    fn remember(&mut self, text: &[u8]) {
        self.tail.extend_from_slice(text.get(text.len().saturating_sub(TAIL)..).unwrap_or_default());
        if self.tail.len() > 2 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    /// Forgets the tail: a new invocation begins.
    pub fn clear_tail(&mut self) {
        self.tail.clear();
    }

    /// The last 4 KB, beginning with a whole character.
    pub fn tail(&self) -> Vec<u8> {
        let mut from = self.tail.len().saturating_sub(TAIL);
        while self.tail.get(from).is_some_and(|b| b & 0xc0 == 0x80) {
            from += 1;
        }
        self.tail.get(from..).unwrap_or_default().to_vec()
    }

    /// Hands the events to the sink.
    pub fn flush(&mut self) {
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            self.sink.log(&self.spec, &self.stream, events);
        }
    }
}

/// What fits into one event, up to the end of a character, and the rest.
fn split_event(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.len().min(MAX_EVENT);
    let inside = |at: &usize| text.get(*at).is_some_and(|b| b & 0xc0 == 0x80);
    // A character has four bytes at most; what has more bytes of this kind is no text.
    let end = (end.saturating_sub(3)..=end).rev().find(|at| !inside(at)).unwrap_or(end);
    text.split_at_checked(end).unwrap_or((text, &[]))
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[derive(Default)]
    struct Kept(Mutex<Vec<String>>);

    impl LogSink for Kept {
        fn log(&self, _: &FunctionSpec, _: &str, lines: Vec<(i64, String)>) {
            self.0.lock().expect("lock").extend(lines.into_iter().map(|l| l.1));
        }
    }

    #[track_caller]
    fn check(pieces: &[&[u8]], expect: &[&str]) {
        let sink = Arc::new(Kept::default());
        let mut log = EnvironmentLog::new(Arc::default(), "s".into(), sink.clone(), None);
        for piece in pieces {
            log.feed(piece);
        }
        log.finish_line();
        log.flush();
        assert_eq!(*sink.0.lock().expect("lock"), expect);
    }

    fn frame(text: &str) -> Vec<u8> {
        let mut out = vec![0xa5, 0x5a, 0, 3];
        out.extend((text.len() as u32).to_be_bytes());
        out.extend((now_ms() as u64 * 1000).to_be_bytes());
        out.extend(text.as_bytes());
        out
    }

    #[test]
    fn a_line_is_an_event_and_keeps_its_end() {
        check(&[b"one\ntwo\nthr", b"ee"], &["one\n", "two\n", "three"]);
    }

    #[test]
    fn a_frame_is_one_event_wherever_it_is_split() {
        let mut all = b"before".to_vec();
        all.extend(frame("a\nb"));
        all.extend(b"after\n");
        check(&[&all], &["before", "a\nb", "after\n"]);
        for at in 1..all.len() {
            let (left, right) = all.split_at(at);
            check(&[left, right], &["before", "a\nb", "after\n"]);
        }
    }

    #[test]
    fn a_frame_without_a_time_is_known_by_its_kind() {
        let mut all = b"\xa5\x5a\x00\x01\x00\x00\x00\x03a\nb".to_vec();
        all.extend(frame("c\n"));
        all.extend(b"\xa5\x5a\x00\x01\x00\x00\x00\x00\xa5\x5a\x00\x01\x00\x00\x00\x01dafter\n");
        for at in 1..all.len() {
            let (left, right) = all.split_at(at);
            check(&[left, right], &["a\nb", "c\n", "d", "after\n"]);
        }
    }

    #[test]
    fn bytes_like_a_frame_with_an_absurd_length_are_text() {
        let text = b"\xa5\x5a\x00\x03\xff\xff\xff\xff12345678\n";
        check(&[text], &[&String::from_utf8_lossy(text)]);
    }

    #[test]
    fn a_line_longer_than_an_event_is_split() {
        let line = vec![b'x'; MAX_EVENT + 10];
        let sink = Arc::new(Kept::default());
        let mut log = EnvironmentLog::new(Arc::default(), "s".into(), sink.clone(), None);
        log.feed(&line);
        log.finish_line();
        log.flush();
        let lengths: Vec<_> = sink.0.lock().expect("lock").iter().map(String::len).collect();
        assert_eq!(lengths, [MAX_EVENT, 10]);
    }

    #[test]
    fn a_character_is_in_one_event() {
        let sink = Arc::new(Kept::default());
        let mut log = EnvironmentLog::new(Arc::default(), "s".into(), sink.clone(), None);
        log.feed("€".repeat(MAX_EVENT).as_bytes());
        log.feed(b"\n");
        log.feed(&frame(&"😀".repeat(MAX_EVENT / 2)));
        log.finish_line();
        log.flush();
        let kept = sink.0.lock().expect("lock");
        assert!(kept.iter().all(|e| e.len() <= MAX_EVENT && !e.contains('\u{fffd}')));
        let whole: usize = kept.iter().map(String::len).sum();
        assert_eq!(whole, 3 * MAX_EVENT + 1 + 4 * (MAX_EVENT / 2));
    }

    #[test]
    fn lines_and_frames_of_one_read_have_times_in_their_order() {
        let mut old = frame("frame");
        let written = now_ms() - 40;
        old.splice(8..16, (written as u64 * 1000).to_be_bytes());
        let mut log = EnvironmentLog::new(Arc::default(), "s".into(), Arc::new(Kept::default()), None);
        log.platform("START".into());
        let start = log.events[0].0;
        log.feed(&[b"before\n".as_slice(), &old, b"after\n"].concat());
        let times: Vec<_> = log.events.iter().map(|(time, _)| *time).collect();
        assert!(
            times[0] == start && times[1] == written && times[2] == written && times[3] >= start,
            "{times:?}"
        );
    }

    #[test]
    fn the_tail_is_the_last_4_kb_from_a_whole_character() {
        let mut log = EnvironmentLog::new(Arc::default(), "s".into(), Arc::new(Kept::default()), None);
        log.feed("é".repeat(5000).as_bytes());
        log.feed(b"x\n");
        let tail = log.tail();
        assert!(tail.len() <= TAIL && tail.len() > TAIL - 4);
        assert!(String::from_utf8(tail).is_ok());
    }
}
