//! The [`Executor`].

use super::config::ExecutorConfig;
use super::environment::{Environment, InitFailure, Job, Outcome, Reason};
use super::logs::now_ms;
use super::platform;
use super::pool::{Failure, Pool, Shared, Warm};
use super::process::{Exit, lock};
use super::report::{self, Report};
use super::spec::{Durations, FunctionError, FunctionSpec, Invocation, InvokeContext, InvokeError};
use super::start::Starter;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How often a running invocation's memory is looked at.
const MEMORY_WATCH: Duration = Duration::from_millis(100);

/// The error type of a function that was killed for its use of memory.
const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

/// How long an environment is idle before its processes are stopped; AWS stops them at once.
const FREEZE_AFTER: Duration = Duration::from_millis(100);

/// Runs functions. Cheap to clone; all clones are one executor. Call [`Executor::shutdown`] at the end; a server
/// that dies without it takes its environments with it all the same.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    closed: AtomicBool,
}

impl Executor {
    /// Makes an executor; starts no process yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// The state folder cannot be made, or the sandbox policy is `Require` and a layer is missing.
    pub fn new(config: ExecutorConfig) -> Result<Executor, InvokeError> {
        let config = Arc::new(config);
        let starter = Arc::new(Starter::new(Arc::clone(&config))?);
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let shared = Arc::new(Shared {
            config,
            starter,
            live: AtomicUsize::new(0),
            pools: Mutex::new(HashMap::new()),
            max_starting: processors.max(2),
        });
        tokio::spawn(evict_idle(Arc::downgrade(&shared)));
        tokio::spawn(freeze_idle(Arc::downgrade(&shared)));
        Ok(Executor { inner: Arc::new(Inner { shared, closed: AtomicBool::new(false) }) })
    }

    /// Runs one invocation to its end. An invocation that has begun goes on when this future is dropped.
    ///
    /// # Errors
    /// Only when the function did not run; a failed function is an [`Invocation`] with `function_error`.
    pub async fn invoke(
        &self,
        spec: &Arc<FunctionSpec>,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeError> {
        if self.inner.closed.load(Ordering::Acquire) {
            return Err(InvokeError::ShuttingDown);
        }
        let begun = Instant::now();
        let pool = self.pool(spec);
        let mut context = context;
        // AWS's own, where the caller brought none: every recorded environment has `_X_AMZN_TRACE_ID`.
        context.trace_id.get_or_insert_with(report::new_trace);
        let mut job = Arc::new(Job { context, payload, deadline_ms: 0 });
        // An idle environment may die in the moment it is chosen: the event goes to the next one then.
        for _ in 0..16 {
            let lease = match pool.acquire().await {
                Ok(lease) => lease,
                Err(Failure::Start(error)) => return Err(error),
                // AWS: an init phase of more than ten seconds is tried once more, inside the function's own time-out.
                Err(Failure::Init(environment, InitFailure::TimedOut)) if pool.slow_down(&environment) => {
                    continue;
                }
                // Every other failed init phase is, too (the same page, "Failures during the init phase").
                Err(Failure::Init(environment, failure))
                    if failure.may_pass() && pool.again(&environment) =>
                {
                    continue;
                }
                Err(Failure::Init(environment, failure)) => {
                    return init_failed(&environment, failure, &job.context, begun);
                }
            };
            let Some(environment) = lease.take() else { continue };
            // An init phase that is a part of this invocation has had of its time.
            let own_init =
                environment.suppressed && environment.started >= begun && !environment.has_served();
            let sent = if own_init { environment.started } else { Instant::now() };
            let left = spec.timeout.saturating_sub(sent.elapsed());
            Arc::make_mut(&mut job).deadline_ms =
                now_ms() + i64::try_from(left.as_millis()).unwrap_or(900_000);
            let context = job.context.clone();
            match environment.run(job) {
                Ok(outcome) => {
                    let running = Running { environment, context, sent, begun };
                    // In a task of its own, so that time-out and log do not depend on the caller staying.
                    let finished = tokio::spawn(running.finish(outcome));
                    return finished.await.map_err(|e| InvokeError::Internal(e.to_string()));
                }
                Err(back) => job = back,
            }
        }
        Err(InvokeError::Internal("environments of this function keep dying while idle".into()))
    }

    /// Readies what `runtime` needs (its interpreter's zygote), so that a function's first start is quick. For
    /// when a function is created.
    ///
    /// # Errors
    /// As [`Executor::invoke`].
    pub async fn prepare(&self, runtime: &str) -> Result<(), InvokeError> {
        self.inner.shared.starter.prepare(runtime).await
    }

    /// Ends the environments of `key`: idle ones now, busy ones after their invocation. For code and
    /// configuration changes.
    pub fn retire(&self, key: &str) {
        let pool = lock(&self.inner.shared.pools).remove(key);
        if let Some(pool) = pool {
            pool.retire();
        }
    }

    /// Starts the environments of a spec with [`FunctionSpec::provisioned`] and keeps that many, until
    /// [`Self::retire`]. Returns at once. Must be called inside a tokio runtime.
    pub fn provision(&self, spec: &Arc<FunctionSpec>) {
        if !self.inner.closed.load(Ordering::Acquire) {
            self.pool(spec).fill();
        }
    }

    /// How far [`Self::provision`] has come with the environments of `key`.
    pub fn provisioned(&self, key: &str) -> Warm {
        let pool = lock(&self.inner.shared.pools).get(key).cloned();
        pool.map(|pool| pool.warm()).unwrap_or_default()
    }

    /// Whether a connection to this machine, from `peer` to `local`, may be a function's. Where functions run without
    /// a jail there is no telling, and it is not.
    pub fn may_be_function(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        self.inner.shared.starter.may_be_function(peer, local)
    }

    /// Environments alive or being started.
    pub fn environments(&self) -> usize {
        self.inner.shared.live.load(Ordering::Acquire)
    }

    /// Ends all environments and zygotes, and waits for that, two and a half seconds at most (extensions have two). Invocations in progress end
    /// with an error: wait for them first.
    pub async fn shutdown(&self) {
        self.inner.closed.store(true, Ordering::Release);
        let shared = &self.inner.shared;
        let pools: Vec<_> = lock(&shared.pools).drain().map(|(_, pool)| pool).collect();
        for pool in &pools {
            pool.kill();
        }
        shared.starter.shutdown().await;
        for _ in 0..250 {
            if self.environments() == 0 && shared.starter.remove_groups() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn pool(&self, spec: &Arc<FunctionSpec>) -> Arc<Pool> {
        let shared = &self.inner.shared;
        let mut pools = lock(&shared.pools);
        if let Some(pool) = pools.get(&spec.key) {
            return Arc::clone(pool);
        }
        let pool = Pool::new(Arc::clone(spec), Arc::clone(shared));
        pools.insert(spec.key.clone(), Arc::clone(&pool));
        pool
    }
}

/// An invocation that a runtime works on.
struct Running {
    environment: Arc<Environment>,
    context: InvokeContext,
    sent: Instant,
    begun: Instant,
}

impl Running {
    async fn finish(self, mut outcome: oneshot::Receiver<(Outcome, Instant)>) -> Invocation {
        let deadline = self.sent + self.environment.spec.timeout;
        loop {
            let until = deadline.min(Instant::now() + MEMORY_WATCH);
            match tokio::time::timeout_at(until.into(), &mut outcome).await {
                Ok(Ok((outcome, at))) => return self.ended(outcome, at),
                // The environment was dropped with the reply in it: it is dead.
                Ok(Err(_)) => return self.ended(Outcome::Exit(Exit::Signal(9)), Instant::now()),
                Err(_) if Instant::now() >= deadline => return self.timed_out(),
                Err(_) => {
                    self.environment.max_memory_mb();
                    if self.environment.own_memory_mb() > u64::from(self.environment.spec.memory_mb) {
                        self.environment.end(Reason::Failure);
                    }
                }
            }
        }
    }

    fn timed_out(self) -> Invocation {
        self.environment.end(Reason::Timeout);
        self.environment.reset();
        self.environment.drain_log();
        let timeout = self.environment.spec.timeout;
        let text = report::timed_out_text(timeout);
        let id = &self.context.request_id;
        if self.environment.spec.system_log_level.is_none() {
            self.environment.platform(format!("{} {id} {text}\n", super::telemetry::time()));
        }
        let message = format!("RequestId: {id} Error: {text}");
        let payload = report::platform_error("Sandbox.Timedout", &message);
        self.result(payload, Some("Sandbox.Timedout".into()), timeout, Some("timeout".into()))
    }

    fn ended(self, outcome: Outcome, at: Instant) -> Invocation {
        let duration = at.saturating_duration_since(self.sent);
        let id = &self.context.request_id;
        let error = |kind: &str| (Some(kind.to_owned()), Some(format!("error\tError Type: {kind}")));
        match outcome {
            Outcome::Response(payload) => self.result(payload, None, duration, None),
            Outcome::Error(payload) => {
                let kind = report::error_type_of(&payload, "Unhandled");
                // AWS writes a status for failures of the runtime and the sandbox, none for a handler's exception.
                self.result(payload, Some(kind), duration, None)
            }
            Outcome::TooLarge => {
                let (kind, status) = error("Function.ResponseSizeTooLarge");
                self.result(report::too_large(), kind, duration, status)
            }
            Outcome::Extension(kind, reason) => {
                self.environment.reset();
                let message = format!("RequestId: {id} Error: {reason}");
                self.environment.record(platform::fault(&message, kind));
                let payload = report::platform_error(kind, &message);
                let (kind, status) = error(kind);
                self.result(payload, kind, duration, status)
            }
            Outcome::Exit(exit) => {
                self.environment.reset();
                let message = format!("RequestId: {id} Error: {}", exit.describe());
                self.environment.record(platform::fault(&message, "Runtime.ExitError"));
                let payload = report::platform_error("Runtime.ExitError", &message);
                // Published records and REPORT lines tell the two apart; error answers and log lines are published with
                // the exit's type alone.
                let out_of_memory = exit == Exit::Signal(9)
                    && self.environment.max_memory_mb() >= u64::from(self.environment.spec.memory_mb);
                let kind = if out_of_memory { OUT_OF_MEMORY } else { "Runtime.ExitError" };
                let (kind, status) = error(kind);
                self.result(payload, kind, duration, status)
            }
        }
    }

    fn result(
        self,
        payload: Bytes,
        error_type: Option<String>,
        duration: Duration,
        status: Option<String>,
    ) -> Invocation {
        let wait = self.sent.saturating_duration_since(self.begun);
        complete(&self.environment, &self.context, payload, error_type, (duration, wait), status)
    }
}

/// Writes the last log lines and puts the answer together.
fn complete(
    environment: &Arc<Environment>,
    context: &InvokeContext,
    payload: Bytes,
    error_type: Option<String>,
    (duration, wait): (Duration, Duration),
    status: Option<String>,
) -> Invocation {
    let (cold, init) = environment.take_init();
    let spec = &environment.spec;
    let billed_ms = report::billed_ms(duration);
    // What was used shortly before the end, or lies in `/tmp`, does not count beyond the function's size.
    let max_memory_mb = environment.max_memory_mb().min(u64::from(spec.memory_mb));
    let timed_out = status.as_deref() == Some("timeout");
    let report = Report {
        request_id: &context.request_id,
        duration,
        billed_ms,
        memory_mb: spec.memory_mb,
        max_memory_mb,
        init,
        status,
    };
    let outcome = match (error_type.as_deref(), timed_out) {
        (_, true) => "timeout",
        (None, _) => "success",
        (Some("Runtime.ExitError"), _) => "failure",
        // Published: status `error` (Datadog's extension, change 776).
        (Some(OUT_OF_MEMORY), _) => "error",
        (Some(kind), _) if kind.starts_with("Extension.") => "failure",
        (Some(_), _) => "error",
    };
    let kind = error_type.as_deref();
    environment.record(platform::runtime_done(context, outcome, kind, duration, payload.len()));
    let report = platform::report(context, &report, outcome, kind);
    let log_tail = environment.finish_log([platform::end(&context.request_id), report]);
    Invocation {
        payload,
        function_error: error_type.is_some().then_some(FunctionError::Unhandled),
        error_type,
        executed_version: spec.version.clone(),
        log_tail,
        log_stream: environment.stream.clone(),
        durations: Durations { init, duration, billed_ms, wait },
        cold,
        max_memory_mb,
        runtime_used: environment.runtime_used.clone(),
        warning: environment.warning.clone(),
    }
}

/// The invocation that an environment was started for, when its init phase failed.
fn init_failed(
    environment: &Arc<Environment>,
    failure: InitFailure,
    context: &InvokeContext,
    begun: Instant,
) -> Result<Invocation, InvokeError> {
    environment.record(platform::start(&environment.spec, context));
    let id = &context.request_id;
    let timed_out = matches!(failure, InitFailure::TimedOut);
    let (kind, payload) = match failure {
        InitFailure::Error(body) => (report::error_type_of(&body, "Runtime.Unknown"), body),
        InitFailure::Exit(exit) => {
            let message = format!("RequestId: {id} Error: {}", exit.describe());
            environment.record(platform::fault(&message, "Runtime.ExitError"));
            ("Runtime.ExitError".to_owned(), report::platform_error("Runtime.ExitError", &message))
        }
        InitFailure::Invalid(kind, reason) => {
            let message = format!("RequestId: {id} Error: {reason}");
            environment.record(platform::fault(&message, kind));
            (kind.to_owned(), report::platform_error(kind, &message))
        }
        InitFailure::TimedOut => {
            let text = report::timed_out_text(environment.spec.timeout);
            if environment.spec.system_log_level.is_none() {
                environment.platform(format!("{} {id} {text}\n", super::telemetry::time()));
            }
            let message = format!("RequestId: {id} Error: {text}");
            ("Sandbox.Timedout".to_owned(), report::platform_error("Sandbox.Timedout", &message))
        }
        InitFailure::Jail(step) => {
            let text = format!("the jail of an environment could not be closed: {step}");
            return Err(InvokeError::SandboxUnavailable(text));
        }
    };
    let (duration, status) = match timed_out {
        true => (environment.spec.timeout, "timeout".to_owned()),
        false if environment.suppressed => {
            (environment.started.elapsed(), format!("error\tError Type: {kind}"))
        }
        false => (Duration::ZERO, format!("error\tError Type: {kind}")),
    };
    Ok(complete(environment, context, payload, Some(kind), (duration, begun.elapsed()), Some(status)))
}

/// Freezes environments between invocations. A moment after the last, so that a busy function does not pay for it.
async fn freeze_idle(shared: std::sync::Weak<Shared>) {
    loop {
        tokio::time::sleep(FREEZE_AFTER).await;
        let Some(shared) = shared.upgrade() else { return };
        let pools: Vec<_> = lock(&shared.pools).values().cloned().collect();
        for pool in pools {
            pool.freeze(FREEZE_AFTER);
        }
    }
}

/// Ends environments that nobody used for a while, and forgets pools without any.
async fn evict_idle(shared: std::sync::Weak<Shared>) {
    loop {
        let Some(pause) = shared.upgrade().map(|s| s.config.idle_timeout / 4) else { return };
        tokio::time::sleep(pause.clamp(Duration::from_millis(20), Duration::from_secs(30))).await;
        let Some(shared) = shared.upgrade() else { return };
        let bound = shared.config.idle_timeout;
        let pools: Vec<_> = lock(&shared.pools).iter().map(|(k, p)| (k.clone(), Arc::clone(p))).collect();
        for (key, pool) in pools {
            if pool.evict(bound) {
                let mut pools = lock(&shared.pools);
                // Three: the map's, the list's, and none of an invocation that has just come to it.
                if Arc::strong_count(&pool) <= 2 {
                    pools.remove(&key);
                }
            }
        }
    }
}
