//! The [`Executor`].

use super::config::ExecutorConfig;
use super::environment::{Environment, InitFailure, Job};
use super::platform;
use super::pool::{Failure, Pool, Shared, Warm};
use super::process::lock;
use super::report;
use super::run::{Asked, complete};
use super::spec::{FunctionSpec, Invocation, InvokeContext, InvokeError};
use super::start::Starter;
use bytes::Bytes;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

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
        let job = Arc::new(Job { context, payload });
        for _ in 0..16 {
            match pool.run(Asked { job: Arc::clone(&job), begun }).await {
                Ok(invocation) => return Ok(invocation),
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
            }
        }
        Err(InvokeError::Internal("environments of this function keep failing in their init phase".into()))
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
