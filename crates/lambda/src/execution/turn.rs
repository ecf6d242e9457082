//! The turn of an invocation that waits until an environment is free.
//!
//! The environment begins with it at once, before the task that waits has run: that one is woken by the answer, not by
//! the beginning as well.

use super::environment::Environment;
use super::pool::{Failure, Running};
use super::process::lock;
use super::run::{Answer, Asked, Asker, Run};
use super::spec::{Invocation, InvokeError};
use super::to_its_end::ToItsEnd;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

enum Turn {
    /// It has not come yet.
    Waits,
    Begun(Arc<Environment>, Run),
    /// Nobody waits for it any more.
    Left,
}

/// An invocation in the queue.
pub(crate) struct Waiter {
    asked: Asked,
    asker: Asker,
    turn: Arc<Mutex<Turn>>,
    /// Since when it waits.
    pub since: Instant,
}

/// Whoever waits for it. Dropped, it leaves the queue; what has begun goes on.
pub(crate) struct Place {
    turn: Arc<Mutex<Turn>>,
    /// Until the answer has come, or is waited for elsewhere.
    answer: Option<Answer>,
}

/// For the queue, and for whoever waits.
pub(crate) fn queue(asked: Asked) -> (Waiter, Place) {
    let (asker, answer) = oneshot::channel();
    let turn = Arc::new(Mutex::new(Turn::Waits));
    let since = Instant::now();
    (Waiter { asked, asker, turn: Arc::clone(&turn), since }, Place { turn, answer: Some(answer) })
}

impl Waiter {
    /// Whether nobody waits any more.
    pub fn has_left(&self) -> bool {
        self.asker.is_closed()
    }

    /// Has a free environment begin with it. `Ok`: whether that works on it now, or nobody waited any more.
    ///
    /// # Errors
    /// The environment is not fit any more; this is to be asked of another.
    pub fn begin(self, environment: &Arc<Environment>) -> Result<bool, Waiter> {
        let turn = Arc::clone(&self.turn);
        let mut turn = lock(&turn);
        if matches!(*turn, Turn::Left) {
            return Ok(false);
        }
        match Run::begin(environment, &self.asked, self.asker) {
            Ok(run) => {
                *turn = Turn::Begun(Arc::clone(environment), run);
                Ok(true)
            }
            Err(asker) => Err(Waiter { asker, ..self }),
        }
    }

    /// There is no environment for it.
    pub fn fail(self, failure: Failure) {
        let _ = self.asker.send(Err(failure));
    }
}

impl Place {
    /// Waits a while for what comes of it.
    pub async fn wait(&mut self, pause: Duration) -> Option<Result<Invocation, Failure>> {
        let came = tokio::time::timeout(pause, self.answer.as_mut()?).await.ok()?;
        self.answer = None;
        Some(came.unwrap_or_else(|_| match &*lock(&self.turn) {
            Turn::Begun(environment, run) => Ok(run.died(environment)),
            Turn::Waits | Turn::Left => Err(Failure::Start(InvokeError::ShuttingDown)),
        }))
    }

    /// What it is now, if it has begun.
    pub fn begun(&mut self) -> Option<Running> {
        let turn = lock(&self.turn);
        let Turn::Begun(environment, run) = &*turn else { return None };
        Some(ToItsEnd::new(run.clone().end(Arc::clone(environment), self.answer.take()?)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let turn = std::mem::replace(&mut *lock(&self.turn), Turn::Left);
        if let (Turn::Begun(environment, run), Some(answer)) = (turn, self.answer.take()) {
            drop(ToItsEnd::new(run.end(environment, answer)));
        }
    }
}
