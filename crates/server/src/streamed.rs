//! An invocation whose response is taken as it comes.

use std::sync::Arc;

use bytes::Bytes;
use lambda::execution::{Invocation, InvokeContext, InvokeError, Part};
use lambda::{FunctionView, InvokeFailure, Lambda};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Pieces of a response that wait for a slow client; the function then waits too.
const WAITING: usize = 16;

type Ended = Result<Invocation, InvokeFailure>;

/// A running invocation and what it has written. Dropped, it goes on: a function does when its client leaves (Lambda
/// Developer Guide, "Response streaming").
pub(crate) struct Streamed {
    parts: mpsc::Receiver<Part>,
    running: JoinHandle<Ended>,
    ended: Option<Ended>,
}

impl Streamed {
    /// Runs a function that the caller may invoke.
    pub fn start(
        lambda: &Lambda,
        view: Arc<FunctionView>,
        payload: Bytes,
        mut context: InvokeContext,
    ) -> Self {
        let (sender, parts) = mpsc::channel(WAITING);
        context.stream = Some(sender);
        let lambda = lambda.clone();
        Self::of(parts, async move { lambda.run(&view, payload, context).await })
    }

    /// An invocation that sends its `parts` while it is awaited.
    pub fn of(parts: mpsc::Receiver<Part>, invocation: impl Future<Output = Ended> + Send + 'static) -> Self {
        Self { parts, running: tokio::spawn(invocation), ended: None }
    }

    /// The next part; `None` when the invocation is over and all of them were taken.
    pub async fn next(&mut self) -> Option<Part> {
        if self.ended.is_none() {
            tokio::select! {
                biased;
                Some(part) = self.parts.recv() => return Some(part),
                ended = &mut self.running => self.ended = Some(ended.unwrap_or_else(|panicked| {
                    Err(InvokeFailure::NotRun(InvokeError::Internal(panicked.to_string())))
                })),
            }
        }
        self.parts.try_recv().ok()
    }

    /// The next piece of the body, like [`Self::next`].
    pub async fn piece(&mut self) -> Option<Bytes> {
        loop {
            if let Part::Chunk(piece) = self.next().await? {
                return Some(piece);
            }
        }
    }

    /// The piece that `first`, taken before, is; or the next one.
    pub async fn piece_from(&mut self, first: Part) -> Option<Bytes> {
        match first {
            Part::Chunk(piece) => Some(piece),
            Part::Begin { .. } => self.piece().await,
        }
    }

    /// Whether it is over, and well.
    pub fn succeeded(&self) -> bool {
        matches!(&self.ended, Some(Ok(done)) if done.function_error.is_none())
    }

    /// How the invocation ended; parts that nobody took are lost.
    ///
    /// # Errors
    /// When the function did not run.
    pub async fn end(mut self) -> Ended {
        while self.next().await.is_some() {}
        self.ended.unwrap_or_else(|| {
            Err(InvokeFailure::NotRun(InvokeError::Internal("the invocation has no end".to_owned())))
        })
    }
}
