//! Work that goes on when nobody waits for it any more.

use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::runtime::Handle;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A future that is done by whoever awaits it, and in a task of its own from the moment that it is dropped unfinished:
/// a task from the beginning would cost every invocation a wake-up of another thread.
pub(crate) struct ToItsEnd<T: Send + 'static>(Option<Boxed<T>>);

impl<T: Send + 'static> ToItsEnd<T> {
    pub fn new(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(Box::pin(work)))
    }
}

impl<T: Send + 'static> Future for ToItsEnd<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(work) = &mut self.0 else { return Poll::Pending };
        let done = work.as_mut().poll(cx);
        if done.is_ready() {
            self.0 = None;
        }
        done
    }
}

impl<T: Send + 'static> Drop for ToItsEnd<T> {
    fn drop(&mut self) {
        // Without a runtime everything ends.
        if let (Some(work), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(work);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn it_is_finished_whether_awaited_or_dropped() {
        let (sender, mut ended) = tokio::sync::mpsc::channel(2);
        let work = || {
            let sender = sender.clone();
            async move {
                tokio::time::sleep(Duration::from_millis(20)).await;
                sender.send(()).await
            }
        };
        assert!(ToItsEnd::new(work()).await.is_ok());
        let dropped = tokio::time::timeout(Duration::from_millis(1), ToItsEnd::new(work())).await;
        assert!(dropped.is_err());
        drop(sender);
        assert_eq!((ended.recv().await, ended.recv().await, ended.recv().await), (Some(()), Some(()), None));
    }
}
