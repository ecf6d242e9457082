use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::AcqRel, Ordering::Release};
use std::task::{Context, Poll, Wake, Waker};

use super::at_once::Task;

/// A future that is polled only when it has been woken itself, not whenever its task is: what seldom happens costs the
/// requests of a connection nothing.
pub(super) struct Seldom<F> {
    future: F,
    state: Arc<State>,
    /// Of `state`.
    waker: Waker,
}

struct State {
    due: AtomicBool,
    task: Task,
}

impl<F> Seldom<F> {
    pub(super) fn new(future: F) -> Self {
        let state = Arc::new(State { due: AtomicBool::new(true), task: Task::default() });
        let waker = Waker::from(state.clone());
        Self { future, state, waker }
    }
}

impl<F: Future + Unpin> Future for Seldom<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, state, waker } = self.get_mut();
        // Before the look at `due`: what is set behind it then wakes this task.
        state.task.is(cx.waker());
        if !state.due.swap(false, AcqRel) {
            return Poll::Pending;
        }
        Pin::new(future).poll(&mut Context::from_waker(waker))
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.due.store(true, Release);
        self.task.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn it_is_polled_at_first_and_when_it_was_woken() {
        let (mut polls, mut kept) = (0, None);
        let mut future = Seldom::new(Box::pin(poll_fn(|cx| {
            polls += 1;
            kept = Some(cx.waker().clone());
            if polls == 2 { Poll::Ready(()) } else { Poll::Pending }
        })));
        let mut poll = || Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!((poll(), poll()), (Poll::Pending, Poll::Pending));
        future.waker.wake_by_ref();
        let mut poll = || Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(poll(), Poll::Ready(()));
        drop(future);
        assert!(kept.is_some());
        assert_eq!(polls, 2);
    }

    #[tokio::test]
    async fn what_wakes_it_wakes_its_task() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(Seldom::new(receiver));
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }
}
