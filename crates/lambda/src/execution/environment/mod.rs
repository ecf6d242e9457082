//! One execution environment: its phase, its log, its process.
//!
//! ```text
//! Init --next--> Ready --an invocation--> Busy --response--> Answered --next--> Ready …
//!   any phase --the process ends--> Dead
//! ```

mod band;
mod watch;

use super::config::LogSink;
use super::extensions::Extensions;
use super::logs::EnvironmentLog;
use super::platform::{self, Event, Level};
use super::process::{Exit, Process, lock};
use super::run::{Asker, Run};
use super::slot::Slot;
use super::sockets::Owner as Sockets;
use super::spec::{FunctionSpec, Invocation, InvokeContext, Part};
use super::telemetry::{self, Telemetry};
use band::{Band, read_extensions};
pub(crate) use band::{BandParts, Reason};
use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::net::unix::pipe;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;
use watch::Memory;

/// An event on its way to the runtime.
pub(crate) struct Job {
    pub context: InvokeContext,
    pub payload: Bytes,
}

/// What became of an invocation.
#[derive(Debug)]
pub(crate) enum Outcome {
    Response(Bytes),
    Error(Bytes),
    TooLarge,
    Exit(Exit),
    /// An extension failed: AWS's error type, and the reason.
    Extension(&'static str, String),
}

/// Why an environment did not come up.
#[derive(Debug)]
pub(crate) enum InitFailure {
    /// The runtime said so at `/runtime/init/error`.
    Error(Bytes),
    /// The process ended.
    Exit(Exit),
    /// It could not be started: AWS's error type, and the reason.
    Invalid(&'static str, String),
    /// It took too long.
    TimedOut,
    /// A step of the jail failed; nothing of the customer's ran.
    Jail(String),
}

impl InitFailure {
    /// Whether a second try may end otherwise. What took too long is [`super::pool::Pool::slow_down`]'s.
    pub fn may_pass(&self) -> bool {
        !matches!(self, InitFailure::TimedOut | InitFailure::Jail(_))
    }
}

enum Phase {
    Init,
    Ready(oneshot::Sender<Run>),
    Busy(Run, Asker),
    /// The request id of what was answered.
    Answered(String),
    Dead,
}

/// How an environment begins.
pub(crate) struct Beginning {
    /// The log stream of the environment that it replaces.
    pub reset: Option<String>,
    /// How long the init phase may take.
    pub init_timeout: Duration,
}

/// Told about an environment's turns; the pool.
pub(crate) trait Owner: Send + Sync {
    /// Init is over and the environment is ready for its first invocation.
    fn up(&self, environment: &Arc<Environment>);
    /// Init failed; the environment is being killed.
    fn failed(&self, environment: &Arc<Environment>, failure: InitFailure);
    /// An invocation is over and the next may come. Whether one was waiting: its event comes at once, or the environment is
    /// free again.
    fn free(&self, environment: &Arc<Environment>) -> bool;
    /// How the next environment begins.
    fn beginning(&self) -> Beginning;
    /// An environment failed in an invocation: the next one takes its log stream over, and its init phase is a part of
    /// the next invocation.
    fn reset(&self, stream: &str);
    /// The process is gone. Comes exactly once, after `failed` where that comes.
    fn gone(&self, environment: &Arc<Environment>);
}

/// One execution environment.
pub(crate) struct Environment {
    pub id: u64,
    pub spec: Arc<FunctionSpec>,
    pub stream: String,
    /// Whether its init phase is a part of the invocation that it was started for.
    pub suppressed: bool,
    pub runtime_used: String,
    pub warning: Option<String>,
    pub process: Arc<Process>,
    pub started: Instant,
    pub extensions: Extensions,
    telemetry: Arc<Telemetry>,
    band: Option<Band>,
    /// The runtime waits, extensions still work: whether it waits for its first event.
    pending: Mutex<Option<bool>>,
    ending: AtomicBool,
    frozen: AtomicBool,
    turn: AtomicU64,
    owner: Arc<dyn Owner>,
    phase: Mutex<Phase>,
    /// The answer to the last invocation, while it waits for the next one's event to be sent.
    parting: Mutex<Option<(Invocation, Asker)>>,
    log: Mutex<EnvironmentLog>,
    pipe: pipe::Receiver,
    memory: Mutex<Memory>,
    slot: Mutex<Option<Slot>>,
    init: Mutex<Option<std::time::Duration>>,
    served: AtomicU64,
}

/// What an environment is made from.
pub(crate) struct Parts {
    pub id: u64,
    pub spec: Arc<FunctionSpec>,
    pub stream: String,
    pub suppressed: bool,
    pub runtime_used: String,
    pub warning: Option<String>,
    pub process: Arc<Process>,
    pub slot: Slot,
    pub pipe: pipe::Receiver,
    pub sink: Arc<dyn LogSink>,
    pub owner: Arc<dyn Owner>,
    /// Where subscribers of records listen, and whose their sockets are; `None`: in a network of its own.
    pub address: Option<(Ipv4Addr, Sockets)>,
    /// External extensions, where there are any.
    pub band: Option<BandParts>,
}

impl Environment {
    pub fn new(parts: Parts) -> Arc<Environment> {
        let telemetry = Telemetry::new(parts.address, Arc::clone(&parts.process));
        let log = |kind| {
            let told = Some((Arc::clone(&telemetry), kind));
            EnvironmentLog::new(Arc::clone(&parts.spec), parts.stream.clone(), Arc::clone(&parts.sink), told)
        };
        let (function_log, extension_log) = (log("function"), log("extension"));
        let (band, outside) = match parts.band {
            Some(BandParts { crew, reports, extensions, pipe }) => {
                let (started, ended) = (AtomicBool::new(false), tokio::sync::watch::Sender::default());
                (Some(Band { crew, extensions, started, ended }), Some((reports, pipe)))
            }
            None => (None, None),
        };
        let environment = Arc::new(Environment {
            id: parts.id,
            spec: parts.spec,
            stream: parts.stream,
            suppressed: parts.suppressed,
            runtime_used: parts.runtime_used,
            warning: parts.warning,
            process: parts.process,
            started: Instant::now(),
            extensions: Extensions::new(band.as_ref().map(|b| b.extensions.clone()).unwrap_or_default()),
            telemetry,
            band,
            pending: Mutex::default(),
            ending: AtomicBool::new(false),
            frozen: AtomicBool::new(false),
            turn: AtomicU64::new(0),
            owner: parts.owner,
            phase: Mutex::new(Phase::Init),
            parting: Mutex::default(),
            log: Mutex::new(function_log),
            pipe: parts.pipe,
            memory: Mutex::new(Memory { peak: parts.slot.peak(), ..Memory::default() }),
            slot: Mutex::new(Some(parts.slot)),
            init: Mutex::default(),
            served: AtomicU64::new(0),
        });
        tokio::spawn(Arc::clone(&environment).read_log());
        tokio::spawn(Arc::clone(&environment).wait_for_end());
        if let Some((reports, pipe)) = outside {
            tokio::spawn(Arc::clone(&environment).listen(reports));
            tokio::spawn(read_extensions(pipe, extension_log));
        }
        environment
    }

    /// The runtime asks for the next invocation. Gives the event, once there is one; an error when this is not
    /// the time to ask.
    pub fn next(self: &Arc<Self>) -> Result<oneshot::Receiver<Run>, &'static str> {
        let (send, receive) = oneshot::channel();
        let first = {
            let mut phase = lock(&self.phase);
            let first = match *phase {
                Phase::Init => true,
                Phase::Answered(_) => false,
                // The connection that asked before is gone, or the runtime asks twice: the later one counts.
                Phase::Ready(_) => {
                    *phase = Phase::Ready(send);
                    return Ok(receive);
                }
                // The event in progress once more, as AWS's supervisor does (its public source: a runtime that works
                // is in the state that asks).
                Phase::Busy(ref run, _) => {
                    let _ = send.send(run.clone());
                    return Ok(receive);
                }
                Phase::Dead => return Err("the environment is being ended"),
            };
            *phase = Phase::Ready(send);
            first
        };
        if first {
            self.drain_log();
            self.record(platform::init_runtime_done(self.init_phase(), None));
        }
        *lock(&self.pending) = Some(first);
        self.settle();
        Ok(receive)
    }

    /// The environment is free when the runtime waits and no extension works any more.
    fn settle(self: &Arc<Self>) {
        let pending = if self.extensions.idle() { lock(&self.pending).take() } else { None };
        let goes_on = match pending {
            Some(true) => {
                let took = self.started.elapsed();
                *lock(&self.init) = Some(took);
                self.extensions.close();
                self.telemetry.close();
                self.record(platform::init_report(self.init_phase(), took, None));
                self.owner.up(self);
                false
            }
            Some(false) => {
                self.telemetry.flush();
                self.owner.free(self)
            }
            None => false,
        };
        if !goes_on {
            self.part();
        }
    }

    /// Gives the last invocation its answer, if that was held back.
    pub fn part(&self) {
        let parting = lock(&self.parting).take();
        if let Some((invocation, answer)) = parting {
            let _ = answer.send(Ok(invocation));
        }
    }

    /// Stops its processes until the next event. To be called while nobody can take the environment for use.
    pub fn freeze(&self) {
        if self.is_ready() && !self.frozen.swap(true, Ordering::AcqRel) {
            self.signal(Signal::STOP);
        }
    }

    fn thaw(&self) {
        if self.frozen.swap(false, Ordering::AcqRel) {
            self.signal(Signal::CONT);
        }
    }

    /// The group's files list the processes at this moment: none of them can end and be replaced by another while it
    /// is stopped, and one that was just started by another is stopped with the next look.
    fn signal(&self, signal: Signal) {
        let all = lock(&self.slot).as_ref().map(Slot::processes).unwrap_or_default();
        for pid in all.into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(pid, signal);
        }
        #[cfg(not(jail))]
        self.process.signal(signal);
    }

    /// Hands an event to the runtime, which must be waiting for one.
    ///
    /// # Errors
    /// This environment is not fit any more.
    pub fn run(self: &Arc<Self>, run: Run, asker: Asker) -> Result<(), Asker> {
        self.thaw();
        let mut phase = lock(&self.phase);
        match std::mem::replace(&mut *phase, Phase::Dead) {
            Phase::Ready(waiting) => {
                lock(&self.log).clear_tail();
                let context = &run.job.context;
                self.record(platform::start(&self.spec, context));
                self.extensions.invoke(|| {
                    json!({
                        "eventType": "INVOKE", "deadlineMs": run.deadline_ms, "requestId": context.request_id,
                        "invokedFunctionArn": context.invoked_arn,
                        "tracing": { "type": "X-Amzn-Trace-Id", "value": context.trace_id.as_deref().unwrap_or_default() },
                    })
                });
                self.watch_extensions(run.deadline_ms);
                if waiting.send(run.clone()).is_ok() {
                    *phase = Phase::Busy(run, asker);
                    return Ok(());
                }
                drop(phase);
                self.end(Reason::Failure);
            }
            other => {
                *phase = other;
                drop(phase);
            }
        }
        self.part();
        Err(asker)
    }

    /// Whether `request_id` is the invocation in progress, and where its response goes as it comes, if anywhere.
    pub fn current(&self, request_id: &str) -> Option<Option<Sender<Part>>> {
        match &*lock(&self.phase) {
            Phase::Busy(run, _) if run.job.context.request_id == request_id => {
                Some(run.job.context.stream.clone())
            }
            _ => None,
        }
    }

    /// Whether `request_id` is the invocation that was answered last, while nothing else was asked for.
    pub fn has_answered(&self, request_id: &str) -> bool {
        matches!(&*lock(&self.phase), Phase::Answered(answered) if answered == request_id)
    }

    /// The runtime's answer to `request_id`; `false` when that is not the invocation in progress. Where the runtime has
    /// asked for the `next` one already, it may be held back until that is sent; see [`Self::part`].
    pub fn answer(&self, request_id: &str, outcome: Outcome, next: bool) -> bool {
        let arrived = Instant::now();
        let (run, answer) = {
            let mut phase = lock(&self.phase);
            match &*phase {
                Phase::Busy(run, _) if run.job.context.request_id == request_id => {
                    let answered = Phase::Answered(request_id.to_owned());
                    let Phase::Busy(run, answer) = std::mem::replace(&mut *phase, answered) else {
                        return false;
                    };
                    (run, answer)
                }
                _ => return false,
            }
        };
        // What was printed before the answer was sent is in the pipe already: it belongs to this invocation.
        self.drain_log();
        self.part();
        let invocation = run.ended(self, outcome, arrived);
        if next {
            *lock(&self.parting) = Some((invocation, answer));
        } else {
            let _ = answer.send(Ok(invocation));
        }
        true
    }

    /// The invocation in progress, if there is one, comes to `outcome`, and nothing else to anything.
    fn die_of(&self, outcome: Outcome) {
        let before = std::mem::replace(&mut *lock(&self.phase), Phase::Dead);
        if let Phase::Busy(run, answer) = before {
            let _ = answer.send(Ok(run.ended(self, outcome, Instant::now())));
        }
    }

    /// The time of `run` is over: `false` when it was answered in this moment.
    pub fn give_up(&self, run: &Run) -> bool {
        let mut phase = lock(&self.phase);
        let is_this = matches!(&*phase, Phase::Busy(busy, _) if Arc::ptr_eq(&busy.job, &run.job));
        if is_this {
            *phase = Phase::Dead;
        }
        is_this
    }

    /// Init failed. Kills the process.
    pub fn fail_init(self: &Arc<Self>, failure: InitFailure) -> bool {
        {
            let mut phase = lock(&self.phase);
            // The runtime may be ready while an extension is not.
            let waits = lock(&self.pending).is_some_and(|first| first);
            if !matches!(*phase, Phase::Init) && !waits {
                return false;
            }
            *lock(&self.pending) = None;
            *phase = Phase::Dead;
        }
        let took = self.started.elapsed();
        *lock(&self.init) = Some(took);
        self.drain_log();
        let kind = match &failure {
            InitFailure::Error(body) => super::report::error_type_of(body, "Runtime.Unknown"),
            InitFailure::Exit(_) => "Runtime.ExitError".to_owned(),
            InitFailure::Invalid(kind, _) => (*kind).to_owned(),
            InitFailure::TimedOut => "Sandbox.Timedout".to_owned(),
            InitFailure::Jail(_) => "Sandbox.Failure".to_owned(),
        };
        self.record(platform::init_runtime_done(self.init_phase(), Some(&kind)));
        self.record(platform::init_report(self.init_phase(), took, Some(&kind)));
        self.end(if matches!(failure, InitFailure::TimedOut) { Reason::Timeout } else { Reason::Failure });
        self.owner.failed(self, failure);
        true
    }

    /// Whether the runtime waits for an event.
    pub fn is_ready(&self) -> bool {
        matches!(&*lock(&self.phase), Phase::Ready(waiting) if !waiting.is_closed())
    }

    /// Something the platform records: in the log, in its format and from its level on, and to subscribers.
    pub fn record<R: FnOnce() -> Value>(&self, event: Event<R>) {
        match (&self.spec.system_log_level, event.level) {
            (None, _) => {
                if let Some(text) = event.text {
                    lock(&self.log).platform(text);
                }
            }
            (Some(least), Some(level)) if level >= Level::of(least) => {
                let record = (event.record)();
                let line = json!({ "time": telemetry::time(), "type": event.kind, "record": record });
                lock(&self.log).platform(line.to_string());
                return self.telemetry.emit(event.kind, || record);
            }
            _ => {}
        }
        self.telemetry.emit(event.kind, event.record);
    }

    /// Its init phase, as records tell of it.
    pub fn init_phase(&self) -> platform::Init {
        platform::Init { provisioned: self.spec.provisioned > 0, suppressed: self.suppressed }
    }

    /// Whether this was its first invocation, and how long the init phase before it took.
    pub fn take_init(&self) -> (bool, Option<std::time::Duration>) {
        let first = self.served.fetch_add(1, Ordering::Relaxed) == 0;
        (first, lock(&self.init).filter(|_| first && !self.suppressed))
    }

    /// Whether an invocation has ended in it.
    pub fn has_served(&self) -> bool {
        self.served.load(Ordering::Relaxed) > 0
    }

    /// It failed in an invocation: the next environment begins where it ended.
    pub fn reset(&self) {
        self.owner.reset(&self.stream);
    }

    /// Appends a line of the platform's own to the log.
    pub fn platform(&self, line: String) {
        lock(&self.log).platform(line);
    }

    /// Ends this invocation's log and gives the tail.
    pub fn finish_log(&self) -> Bytes {
        let mut log = lock(&self.log);
        let tail = log.tail().into();
        log.flush();
        tail
    }

    async fn wait_for_end(self: Arc<Self>) {
        let exit = self.process.wait().await;
        self.drain_log();
        if !self.fail_init(InitFailure::Exit(exit)) {
            self.die_of(Outcome::Exit(exit));
        }
        self.part();
        lock(&self.log).flush();
        self.telemetry.end();
        // Keeps what is known of the memory, then gives user and group free for the next environment.
        self.max_memory_mb();
        let max_mb = lock(&self.memory).max_mb;
        *lock(&self.memory) = Memory { max_mb, ..Memory::default() };
        lock(&self.slot).take();
        self.owner.gone(&self);
    }
}
