//! An invocation from its begin in an environment to what it comes to: its last log lines, and its answer. Both are made
//! before the environment may take the next one, whose log begins behind them.

use super::environment::{Environment, Job, Outcome, Reason};
use super::logs::now_ms;
use super::platform;
use super::pool::{Failure, Running};
use super::process::Exit;
use super::report::{self, Report};
use super::spec::{Durations, FunctionError, Invocation, InvokeContext};
use super::to_its_end::ToItsEnd;
use bytes::Bytes;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// The error type of a function that was killed for its use of memory.
const OUT_OF_MEMORY: &str = "Runtime.OutOfMemory";

/// How often a running invocation's memory is looked at.
const MEMORY_WATCH: Duration = Duration::from_millis(100);

/// Who is told what comes of an invocation, and where that arrives.
pub(crate) type Asker = oneshot::Sender<Result<Invocation, Failure>>;
pub(crate) type Answer = oneshot::Receiver<Result<Invocation, Failure>>;

/// What is asked of a function, and since when.
pub(crate) struct Asked {
    pub job: Arc<Job>,
    pub begun: Instant,
}

/// An invocation that a runtime works on.
#[derive(Clone)]
pub(crate) struct Run {
    pub job: Arc<Job>,
    /// When its time is over, by the clock that functions see.
    pub deadline_ms: i64,
    /// When the runtime was given it, or began its init phase for it.
    pub sent: Instant,
    /// When it was asked for.
    pub begun: Instant,
}

/// As [`Run::begin`], for whoever waits for it.
pub(crate) fn start(environment: &Arc<Environment>, asked: &Asked) -> Option<Running> {
    let (asker, answer) = oneshot::channel();
    let run = Run::begin(environment, asked, asker).ok()?;
    Some(ToItsEnd::new(run.end(Arc::clone(environment), answer)))
}

impl Run {
    /// Gives a ready environment what is asked.
    ///
    /// # Errors
    /// It is not fit any more.
    pub fn begin(environment: &Arc<Environment>, asked: &Asked, asker: Asker) -> Result<Run, Asker> {
        // An init phase that is a part of this invocation has had of its time.
        let own_init =
            environment.suppressed && environment.started >= asked.begun && !environment.has_served();
        let sent = if own_init { environment.started } else { Instant::now() };
        let left = environment.spec.timeout.saturating_sub(sent.elapsed());
        let deadline_ms = now_ms() + i64::try_from(left.as_millis()).unwrap_or(900_000);
        let run = Run { job: Arc::clone(&asked.job), deadline_ms, sent, begun: asked.begun };
        environment.run(run.clone(), asker)?;
        Ok(run)
    }

    /// Waits for its answer until its time is over.
    pub async fn end(self, environment: Arc<Environment>, mut answer: Answer) -> Invocation {
        let deadline = self.sent + environment.spec.timeout;
        loop {
            let until = deadline.min(Instant::now() + MEMORY_WATCH);
            match tokio::time::timeout_at(until.into(), &mut answer).await {
                Ok(Ok(Ok(done))) => return done,
                Ok(_) => return self.died(&environment),
                Err(_) if Instant::now() >= deadline => {
                    if environment.give_up(&self) {
                        return self.timed_out(&environment);
                    }
                    return match answer.await {
                        Ok(Ok(done)) => done,
                        _ => self.died(&environment),
                    };
                }
                Err(_) => {
                    environment.max_memory_mb();
                    if environment.own_memory_mb() > u64::from(environment.spec.memory_mb) {
                        environment.end(Reason::Failure);
                    }
                }
            }
        }
    }

    /// What became of it when the environment was dropped with it.
    pub fn died(&self, environment: &Environment) -> Invocation {
        self.ended(environment, Outcome::Exit(Exit::Signal(9)), Instant::now())
    }

    /// Its time is over: the environment ends.
    pub fn timed_out(&self, environment: &Arc<Environment>) -> Invocation {
        environment.end(Reason::Timeout);
        environment.reset();
        environment.drain_log();
        let timeout = environment.spec.timeout;
        let text = report::timed_out_text(timeout);
        let id = &self.job.context.request_id;
        if environment.spec.system_log_level.is_none() {
            environment.platform(format!("{} {id} {text}\n", super::telemetry::time()));
        }
        let message = format!("RequestId: {id} Error: {text}");
        let payload = report::platform_error("Sandbox.Timedout", &message);
        self.result(environment, payload, Some("Sandbox.Timedout".into()), timeout, Some("timeout".into()))
    }

    /// What the runtime, or the end of the environment, made of it at a moment.
    pub fn ended(&self, environment: &Environment, outcome: Outcome, at: Instant) -> Invocation {
        let duration = at.saturating_duration_since(self.sent);
        let id = &self.job.context.request_id;
        let error = |kind: &str| (Some(kind.to_owned()), Some(format!("error\tError Type: {kind}")));
        match outcome {
            Outcome::Response(payload) => self.result(environment, payload, None, duration, None),
            Outcome::Error(payload) => {
                let kind = report::error_type_of(&payload, "Unhandled");
                // AWS writes a status for failures of the runtime and the sandbox, none for a handler's exception.
                self.result(environment, payload, Some(kind), duration, None)
            }
            Outcome::TooLarge => {
                let (kind, status) = error("Function.ResponseSizeTooLarge");
                self.result(environment, report::too_large(), kind, duration, status)
            }
            Outcome::Extension(kind, reason) => {
                environment.reset();
                let message = format!("RequestId: {id} Error: {reason}");
                environment.record(platform::fault(&message, kind));
                let payload = report::platform_error(kind, &message);
                let (kind, status) = error(kind);
                self.result(environment, payload, kind, duration, status)
            }
            Outcome::Exit(exit) => {
                environment.reset();
                let message = format!("RequestId: {id} Error: {}", exit.describe());
                environment.record(platform::fault(&message, "Runtime.ExitError"));
                let payload = report::platform_error("Runtime.ExitError", &message);
                // Published records and REPORT lines tell the two apart; error answers and log lines are published with
                // the exit's type alone.
                let out_of_memory = exit == Exit::Signal(9)
                    && environment.max_memory_mb() >= u64::from(environment.spec.memory_mb);
                let kind = if out_of_memory { OUT_OF_MEMORY } else { "Runtime.ExitError" };
                let (kind, status) = error(kind);
                self.result(environment, payload, kind, duration, status)
            }
        }
    }

    fn result(
        &self,
        environment: &Environment,
        payload: Bytes,
        error_type: Option<String>,
        duration: Duration,
        status: Option<String>,
    ) -> Invocation {
        let wait = self.sent.saturating_duration_since(self.begun);
        complete(environment, &self.job.context, payload, error_type, (duration, wait), status)
    }
}

/// Writes the last log lines and puts the answer together.
pub(crate) fn complete(
    environment: &Environment,
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
    environment.record(platform::end(&context.request_id));
    environment.record(platform::report(context, &report, outcome, kind));
    let log_tail = environment.finish_log();
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
