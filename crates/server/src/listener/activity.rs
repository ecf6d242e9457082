use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::body::Body;

/// What a connection is doing, as far as it matters for whether hyper is needed for it: hyper keeps some 20 KiB for a
/// connection, so one that is quiet is taken from it until something comes.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Requests that were given to the handler.
    begun: AtomicUsize,
    /// Those of them whose answers' bodies are not over.
    in_flight: AtomicUsize,
    /// Reads and writes so far.
    moved: AtomicUsize,
    /// The last read ended between two requests.
    between: AtomicBool,
    /// The last read ended in a body.
    in_body: AtomicBool,
    /// The client does not take what is to be written.
    blocked: AtomicBool,
}

impl Activity {
    pub(super) fn read(&self, between: bool, in_body: bool) {
        self.between.store(between, Relaxed);
        self.in_body.store(in_body, Relaxed);
        self.moved.fetch_add(1, Relaxed);
    }

    pub(super) fn wrote(&self, blocked: bool) {
        self.blocked.store(blocked, Relaxed);
        self.moved.fetch_add(1, Relaxed);
    }

    /// For [`Self::quiet_since`].
    pub(super) fn now(&self) -> usize {
        self.moved.load(Relaxed)
    }

    /// Whether nothing was read or written since then, and nothing is under way: hyper has nothing in its buffers.
    pub(super) fn quiet_since(&self, then: usize) -> bool {
        self.now() == then
            && self.between.load(Relaxed)
            && !self.blocked.load(Relaxed)
            && self.in_flight.load(Relaxed) == 0
    }

    /// Whether a head has begun, is not complete, and nothing else is under way; with the number of requests before it.
    pub(super) fn in_head(&self) -> Option<usize> {
        let waiting = !self.between.load(Relaxed)
            && !self.in_body.load(Relaxed)
            && !self.blocked.load(Relaxed)
            && self.in_flight.load(Relaxed) == 0;
        waiting.then(|| self.begun.load(Relaxed))
    }

    /// A request is under way until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> InFlight {
        self.begun.fetch_add(1, Relaxed);
        self.in_flight.fetch_add(1, Relaxed);
        InFlight(self.clone())
    }
}

#[derive(Debug)]
pub(super) struct InFlight(Arc<Activity>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// An answer's body, which keeps its connection from being quiet.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) body: Body,
    pub(super) _request: InFlight,
}

impl HttpBody for Tracked {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_quiet_only_between_requests_when_nothing_moves() {
        let activity = Arc::new(Activity::default());
        let quiet = || activity.quiet_since(activity.now());
        assert!(!quiet(), "nothing was read yet");
        activity.read(true, false);
        assert!(quiet());
        let request = activity.begin();
        assert!(!quiet());
        drop(request);
        activity.wrote(true);
        assert!(!quiet());
        activity.wrote(false);
        assert!(quiet());
        let then = activity.now();
        activity.read(true, false);
        assert!(!activity.quiet_since(then));
        activity.read(false, false);
        assert!(!quiet());
    }

    #[test]
    fn a_head_is_awaited_when_one_has_begun_and_nothing_else_is_under_way() {
        let activity = Arc::new(Activity::default());
        activity.read(false, false);
        assert_eq!(activity.in_head(), Some(0));
        activity.read(true, false);
        assert_eq!(activity.in_head(), None, "between requests");
        activity.read(false, true);
        assert_eq!(activity.in_head(), None, "in a body");
        activity.read(false, false);
        let request = activity.begin();
        assert_eq!(activity.in_head(), None, "a request is in flight");
        drop(request);
        assert_eq!(activity.in_head(), Some(1));
        activity.wrote(true);
        assert_eq!(activity.in_head(), None, "the answer before it is still being sent");
    }
}
