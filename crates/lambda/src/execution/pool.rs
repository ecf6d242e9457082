//! The environments of one function version, and who waits for one.
//!
//! An invocation takes the environment that was used last. When all are busy it waits a moment for one to come
//! back, then a further one is started, a few at a time: sixteen callers at once of a function that answers in a
//! millisecond do not start sixteen processes, sixteen callers of one that takes a second soon have one each.

use super::config::ExecutorConfig;
use super::environment::{Beginning, Environment, InitFailure, Owner, Reason};
use super::process::lock;
use super::run::{Asked, start};
use super::spec::{FunctionSpec, Invocation, InvokeError, ThrottleReason};
use super::start::Starter;
use super::to_its_end::ToItsEnd;
use super::turn::{Waiter, queue};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// What all pools share.
pub(crate) struct Shared {
    pub config: Arc<ExecutorConfig>,
    pub starter: Arc<Starter>,
    /// Environments alive or being started, over all pools.
    pub live: AtomicUsize,
    pub pools: Mutex<HashMap<String, Arc<Pool>>>,
    /// Environments being started at once per pool.
    pub max_starting: usize,
}

/// An invocation that an environment works on. The time-out does not depend on the caller staying.
pub(crate) type Running = ToItsEnd<Invocation>;

/// Why no environment works on it.
pub(crate) enum Failure {
    /// None could be started.
    Start(InvokeError),
    /// One was started, and its init phase failed.
    Init(Arc<Environment>, InitFailure),
}

#[derive(Default)]
struct State {
    /// Ready ones with the time of their last use; the last is the latest.
    idle: Vec<(Instant, Arc<Environment>)>,
    all: HashMap<u64, Arc<Environment>>,
    waiters: VecDeque<Waiter>,
    starting: usize,
    alive: usize,
    retired: bool,
    /// Why the latest environment of a provisioned pool did not come up.
    failure: Option<String>,
    /// Log streams of environments that failed in an invocation and were not replaced yet.
    resets: VecDeque<String>,
}

/// Environments of provisioned concurrency.
#[derive(Clone, Debug, Default)]
pub struct Warm {
    /// Initialized, idle or busy.
    pub ready: usize,
    /// Why one could not be started, while that is so.
    pub failure: Option<String>,
}

/// The wait before an environment of provisioned concurrency that ended is replaced.
const REPLACE_AFTER: Duration = Duration::from_secs(1);

/// Provisioned environments have this long for their init phase, or as long as the function's time-out (Lambda Developer
/// Guide, "Init phase").
const PROVISIONED_INIT: Duration = Duration::from_secs(130);

/// Environments of one pool that failed and wait to be replaced; of more, the next ones begin as if they were new.
const MAX_RESETS: usize = 1000;

/// The environments of one key.
pub(crate) struct Pool {
    spec: Arc<FunctionSpec>,
    shared: Arc<Shared>,
    me: Weak<Pool>,
    /// Its init phase did not fit its time: the next ones have the function's time-out instead.
    slow: AtomicBool,
    state: Mutex<State>,
}

impl Pool {
    pub fn new(spec: Arc<FunctionSpec>, shared: Arc<Shared>) -> Arc<Pool> {
        Arc::new_cyclic(|me| Pool {
            spec,
            shared,
            me: me.clone(),
            slow: AtomicBool::new(false),
            state: Mutex::default(),
        })
    }

    /// What comes of what is asked, in an idle environment or in the first that is free when it is its turn. What has begun
    /// goes on when this future is dropped.
    pub async fn run(&self, asked: Asked) -> Result<Invocation, Failure> {
        let (mut place, begun) = loop {
            let environment = {
                let mut state = lock(&self.state);
                if let Some((_, environment)) = state.idle.pop() {
                    environment
                } else if state.waiters.len() >= self.shared.config.max_queue {
                    return Err(throttled());
                } else {
                    let (waiter, place) = queue(asked);
                    let since = waiter.since;
                    state.waiters.push_back(waiter);
                    break (place, since);
                }
            };
            // It may die in this moment: the event goes to the next one then.
            if environment.is_ready()
                && let Some(running) = start(&environment, &asked)
            {
                return Ok(running.await);
            }
        };
        self.pump(Duration::ZERO);
        let mut pause = self.shared.config.grace;
        loop {
            if let Some(done) = place.wait(pause).await {
                return done;
            }
            if let Some(running) = place.begun() {
                return Ok(running.await);
            }
            let waited = begun.elapsed();
            self.pump(waited);
            if waited > self.shared.config.queue_timeout && lock(&self.state).starting == 0 {
                return Err(throttled());
            }
            pause = (pause * 2).min(Duration::from_millis(200));
        }
    }

    /// The number of environments that is kept, and never exceeded; zero: as many as are used.
    fn floor(&self) -> usize {
        self.spec.provisioned as usize
    }

    /// Starts what is missing of the provisioned environments, a few at a time: each that is up starts the next.
    pub fn fill(self: &Arc<Self>) {
        loop {
            {
                let mut state = lock(&self.state);
                let missing = !state.retired && state.alive < self.floor();
                if !missing || state.starting >= self.shared.max_starting {
                    return;
                }
                if !self.shared.reserve() {
                    break;
                }
                state.starting += 1;
                state.alive += 1;
            }
            tokio::spawn(Arc::clone(self).start());
        }
        self.fill_later();
    }

    /// [`Self::fill`] after a while: no room, or an environment that ended and might end again at once.
    fn fill_later(&self) {
        if self.floor() == 0 {
            return;
        }
        let me = self.me.clone();
        tokio::spawn(async move {
            tokio::time::sleep(REPLACE_AFTER).await;
            if let Some(me) = me.upgrade() {
                me.fill();
            }
        });
    }

    /// How many provisioned environments are up.
    pub fn warm(&self) -> Warm {
        let state = lock(&self.state);
        Warm { ready: state.alive.saturating_sub(state.starting), failure: state.failure.clone() }
    }

    /// Starts environments for those who wait: at once when there is none, otherwise when the first of them has
    /// waited for the grace time.
    fn pump(&self, waited: Duration) {
        let Some(me) = self.me.upgrade() else { return };
        loop {
            {
                let mut state = lock(&self.state);
                state.waiters.retain(|w| !w.has_left());
                let Some(first) = state.waiters.front() else { return };
                let overdue = waited.max(first.since.elapsed()) >= self.shared.config.grace;
                let wanted = state.waiters.len() > state.starting;
                let bounded = self.floor() > 0 && state.alive >= self.floor();
                let room = state.starting < self.shared.max_starting && !bounded;
                if !(wanted && room && (overdue || state.alive == 0)) || !self.shared.reserve() {
                    return;
                }
                state.starting += 1;
                state.alive += 1;
            }
            tokio::spawn(Arc::clone(&me).start());
        }
    }

    async fn start(self: Arc<Self>) {
        // A strong one: a retired pool lives until its last environment is gone.
        let owner: Arc<dyn Owner> = Arc::clone(&self) as Arc<dyn Owner>;
        match self.shared.starter.start(&self.spec, owner).await {
            Ok(environment) => {
                let mut state = lock(&self.state);
                // It may be gone already; `gone` looks here first.
                if !environment.process.has_exited() {
                    state.all.insert(environment.id, Arc::clone(&environment));
                }
                if state.retired && state.waiters.is_empty() {
                    environment.end(Reason::Spindown);
                }
            }
            Err(error) => {
                let waiter = {
                    let mut state = lock(&self.state);
                    state.starting = state.starting.saturating_sub(1);
                    state.alive = state.alive.saturating_sub(1);
                    state.failure = Some(error.to_string());
                    state.waiters.pop_front()
                };
                self.shared.live.fetch_sub(1, Ordering::AcqRel);
                self.fill_later();
                if let Some(waiter) = waiter {
                    waiter.fail(Failure::Start(error));
                }
                self.pump(Duration::ZERO);
            }
        }
    }

    /// Ends idle environments now, busy ones after their invocation. Those who wait already are still served.
    pub fn retire(&self) {
        let idle = {
            let mut state = lock(&self.state);
            state.retired = true;
            std::mem::take(&mut state.idle)
        };
        for (_, environment) in idle {
            environment.end(Reason::Spindown);
        }
    }

    /// Ends everything.
    pub fn kill(&self) {
        self.retire();
        let (all, waiters) = {
            let mut state = lock(&self.state);
            (state.all.values().cloned().collect::<Vec<_>>(), std::mem::take(&mut state.waiters))
        };
        drop(waiters);
        for environment in all {
            environment.end(Reason::Spindown);
        }
    }

    /// Ends environments that were idle for `bound`; `true` when the pool is empty.
    pub fn evict(&self, bound: Duration) -> bool {
        let (old, empty) = {
            let mut state = lock(&self.state);
            if self.floor() > 0 && !state.retired {
                return false;
            }
            let split = state.idle.partition_point(|(used, _)| used.elapsed() >= bound);
            let old: Vec<_> = state.idle.drain(..split).collect();
            (old, state.alive == 0 && state.waiters.is_empty())
        };
        for (_, environment) in old {
            environment.end(Reason::Spindown);
        }
        empty
    }

    /// Freezes environments that were idle for `bound`.
    pub fn freeze(&self, bound: Duration) {
        // Under the lock: what is in the list is nobody's.
        let state = lock(&self.state);
        for (_, environment) in state.idle.iter().filter(|(used, _)| used.elapsed() >= bound) {
            environment.freeze();
        }
    }

    /// The init phase took too long: `true` when it may be tried again, as part of an invocation. When that was the
    /// second time, the next one begins anew.
    pub fn slow_down(&self, environment: &Environment) -> bool {
        if environment.suppressed {
            self.slow.store(false, Ordering::Release);
            return false;
        }
        let again = !self.slow.fetch_xor(true, Ordering::AcqRel);
        if again {
            environment.reset();
        }
        again
    }

    /// The init phase failed: `true` when it is tried again, as part of the invocation that waits for it.
    pub fn again(&self, environment: &Environment) -> bool {
        let again = !environment.suppressed && self.floor() == 0;
        if again {
            environment.reset();
        }
        again
    }

    /// When its least used idle environment was used.
    fn oldest(&self) -> Option<Instant> {
        if self.floor() > 0 {
            return None;
        }
        lock(&self.state).idle.first().map(|(used, _)| *used)
    }

    /// Ends its least used idle environment.
    fn evict_one(&self) -> bool {
        let environment = {
            let mut state = lock(&self.state);
            if state.idle.is_empty() { None } else { Some(state.idle.remove(0).1) }
        };
        environment.is_some_and(|environment| {
            environment.end(Reason::Spindown);
            true
        })
    }
}

fn throttled() -> Failure {
    Failure::Start(InvokeError::Throttled(ThrottleReason::ConcurrentInvocationLimitExceeded))
}

impl Shared {
    /// Counts one environment more, when the bound allows. When it does not, asks the least used idle one of
    /// another pool to go; the caller tries again a little later.
    fn reserve(self: &Arc<Self>) -> bool {
        let max = self.config.max_environments;
        let more = |live: usize| (live < max).then_some(live + 1);
        if self.live.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok() {
            return true;
        }
        let shared = Arc::clone(self);
        // In a task of its own: the caller holds its pool's lock.
        tokio::spawn(async move {
            let pools: Vec<_> = lock(&shared.pools).values().cloned().collect();
            let oldest = pools.iter().filter_map(|p| Some((p.oldest()?, p))).min_by_key(|(used, _)| *used);
            oldest.is_some_and(|(_, pool)| pool.evict_one())
        });
        false
    }
}

impl Owner for Pool {
    fn beginning(&self) -> Beginning {
        let reset = lock(&self.state).resets.pop_front();
        let init_timeout = match &reset {
            _ if self.floor() > 0 => self.spec.timeout.max(PROVISIONED_INIT),
            None if !self.slow.load(Ordering::Acquire) => self.shared.config.init_timeout,
            _ => self.spec.timeout,
        };
        Beginning { reset, init_timeout }
    }

    fn reset(&self, stream: &str) {
        let mut state = lock(&self.state);
        // Provisioned environments are started ahead of invocations.
        if self.floor() == 0 && state.resets.len() < MAX_RESETS {
            state.resets.push_back(stream.to_owned());
        }
    }

    fn up(&self, environment: &Arc<Environment>) {
        // First to the one who waits: were it counted as started before, that waiter's grace time could run out in
        // between and start a second environment for a single caller.
        self.free(environment);
        {
            let mut state = lock(&self.state);
            state.starting = state.starting.saturating_sub(1);
            state.failure = None;
        }
        if let Some(me) = self.me.upgrade() {
            me.fill();
        }
        self.pump(Duration::ZERO);
    }

    fn failed(&self, environment: &Arc<Environment>, failure: InitFailure) {
        let waiter = {
            let mut state = lock(&self.state);
            state.starting = state.starting.saturating_sub(1);
            // AWS's reason for provisioned concurrency that fails [D: provisioned concurrency, troubleshooting].
            state.failure = Some("FUNCTION_ERROR_INIT_FAILURE".to_owned());
            loop {
                match state.waiters.pop_front() {
                    Some(waiter) if waiter.has_left() => {}
                    other => break other,
                }
            }
        };
        if let Some(waiter) = waiter {
            waiter.fail(Failure::Init(Arc::clone(environment), failure));
        }
    }

    fn free(&self, environment: &Arc<Environment>) -> bool {
        loop {
            let waiter = {
                let mut state = lock(&self.state);
                match state.waiters.pop_front() {
                    Some(waiter) => waiter,
                    None if state.retired => break,
                    None => {
                        state.idle.push((Instant::now(), Arc::clone(environment)));
                        return false;
                    }
                }
            };
            match waiter.begin(environment) {
                Ok(true) => return true,
                Ok(false) => {}
                Err(waiter) => {
                    lock(&self.state).waiters.push_front(waiter);
                    return false;
                }
            }
        }
        environment.end(Reason::Spindown);
        false
    }

    fn gone(&self, environment: &Arc<Environment>) {
        {
            let mut state = lock(&self.state);
            state.alive = state.alive.saturating_sub(1);
            state.all.remove(&environment.id);
            state.idle.retain(|(_, e)| e.id != environment.id);
        }
        self.shared.live.fetch_sub(1, Ordering::AcqRel);
        self.fill_later();
        self.pump(Duration::ZERO);
    }
}
