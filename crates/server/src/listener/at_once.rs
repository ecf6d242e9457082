use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering::AcqRel, Ordering::Acquire, Ordering::Release};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

/// Rounds before other tasks get their turn.
const ROUNDS: usize = 16;

const IDLE: u8 = 0;
const POLLED: u8 = 1;
const AGAIN: u8 = 2;

/// A future that is polled again at once when it wakes itself while it is polled. hyper does so for each request with a
/// body, whose reader and writer are one task; the scheduler would take that for work to share and wake another thread.
pub(super) struct AtOnce<F> {
    pub(super) future: F,
    state: Arc<State>,
    /// Of `state`.
    waker: Waker,
}

#[derive(Default)]
struct State {
    now: AtomicU8,
    task: Task,
}

/// The task that polls something which has a waker of its own.
#[derive(Default)]
pub(super) struct Task(Mutex<Option<Waker>>);

impl Task {
    /// It is the one that this wakes.
    pub(super) fn is(&self, waker: &Waker) {
        let mut task = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !task.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *task = Some(waker.clone());
        }
    }

    pub(super) fn wake(&self) {
        let task = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        task.iter().for_each(Waker::wake_by_ref);
    }
}

impl<F> AtOnce<F> {
    pub(super) fn new(future: F) -> Self {
        let state = Arc::new(State::default());
        let waker = Waker::from(state.clone());
        Self { future, state, waker }
    }
}

impl<F: Future + Unpin> Future for AtOnce<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let Self { future, state, waker } = self.get_mut();
        state.task.is(cx.waker());
        for _ in 0..ROUNDS {
            state.now.store(POLLED, Release);
            if let Poll::Ready(done) = Pin::new(&mut *future).poll(&mut Context::from_waker(waker)) {
                return Poll::Ready(done);
            }
            if state.now.compare_exchange(POLLED, IDLE, AcqRel, Acquire).is_ok() {
                return Poll::Pending;
            }
        }
        state.now.store(IDLE, Release);
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let again = |now| (now != IDLE).then_some(AGAIN);
        if self.now.fetch_update(AcqRel, Acquire, again).is_err() {
            self.task.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    use super::*;

    #[derive(Default)]
    struct Counted(AtomicUsize);

    impl Wake for Counted {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    /// Polls once a future that wakes itself in its first `times` polls; gives what came of it, how often it was polled,
    /// and how often its task was woken.
    fn polled(times: usize) -> (Poll<()>, usize, usize) {
        let (mut polls, outside) = (0, Arc::new(Counted::default()));
        let mut future = AtOnce::new(Box::pin(poll_fn(|cx| {
            polls += 1;
            if polls > times {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })));
        let waker = Waker::from(outside.clone());
        let done = Pin::new(&mut future).poll(&mut Context::from_waker(&waker));
        drop(future);
        (done, polls, outside.0.load(Relaxed))
    }

    #[test]
    fn a_future_that_wakes_itself_goes_on_without_its_task_for_a_bounded_number_of_rounds() {
        assert_eq!(polled(0), (Poll::Ready(()), 1, 0));
        assert_eq!(polled(3), (Poll::Ready(()), 4, 0));
        assert_eq!(polled(1000), (Poll::Pending, ROUNDS, 1));
    }

    #[tokio::test]
    async fn what_wakes_it_later_wakes_its_task() {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let waiting = tokio::spawn(AtOnce::new(receiver));
        tokio::task::yield_now().await;
        sender.send(7).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(7));
    }
}
