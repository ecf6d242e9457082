//! One execution environment: its phase, its log, its process.
//!
//! ```text
//! Init --next--> Ready --an invocation--> Busy --response--> Answered --next--> Ready …
//!   any phase --the process ends--> Dead
//! ```

use super::config::LogSink;
use super::logs::EnvironmentLog;
use super::process::{Exit, Process, lock};
use super::slot::Slot;
use super::spec::{FunctionSpec, InvokeContext, Part};
use bytes::Bytes;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tokio::net::unix::pipe;
use tokio::sync::mpsc::Sender;
use tokio::sync::oneshot;

/// An event on its way to the runtime.
pub(crate) struct Job {
    pub context: InvokeContext,
    pub payload: Bytes,
    pub deadline_ms: i64,
}

/// Where the outcome of an invocation arrives, with its time.
pub(crate) type Running = oneshot::Receiver<(Outcome, Instant)>;

/// What became of an invocation.
#[derive(Debug)]
pub(crate) enum Outcome {
    Response(Bytes),
    Error(Bytes),
    TooLarge,
    Exit(Exit),
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

enum Phase {
    Init,
    Ready(oneshot::Sender<Box<Job>>),
    Busy { request_id: String, stream: Option<Sender<Part>>, reply: oneshot::Sender<(Outcome, Instant)> },
    Answered,
    Dead,
}

/// Told about an environment's turns; the pool.
pub(crate) trait Owner: Send + Sync {
    /// Init is over and the environment is ready for its first invocation.
    fn up(&self, environment: &Arc<Environment>);
    /// Init failed; the environment is being killed.
    fn failed(&self, environment: &Arc<Environment>, failure: InitFailure);
    /// An invocation is over and the next may come.
    fn free(&self, environment: &Arc<Environment>);
    /// The process is gone. Comes exactly once, after `failed` where that comes.
    fn gone(&self, environment: &Arc<Environment>);
}

/// One execution environment.
pub(crate) struct Environment {
    pub id: u64,
    pub spec: Arc<FunctionSpec>,
    pub stream: String,
    pub runtime_used: String,
    pub warning: Option<String>,
    pub process: Arc<Process>,
    pub started: Instant,
    owner: Arc<dyn Owner>,
    phase: Mutex<Phase>,
    log: Mutex<EnvironmentLog>,
    pipe: pipe::Receiver,
    memory: Mutex<Memory>,
    slot: Mutex<Option<Slot>>,
    init: Mutex<Option<std::time::Duration>>,
    served: AtomicU64,
}

/// Where the highest memory use is read.
#[derive(Default)]
struct Memory {
    peak: Option<File>,
    statm: Option<File>,
    max_mb: u64,
}

/// What an environment is made from.
pub(crate) struct Parts {
    pub id: u64,
    pub spec: Arc<FunctionSpec>,
    pub stream: String,
    pub runtime_used: String,
    pub warning: Option<String>,
    pub process: Arc<Process>,
    pub slot: Slot,
    pub pipe: pipe::Receiver,
    pub sink: Arc<dyn LogSink>,
    pub owner: Arc<dyn Owner>,
}

impl Environment {
    pub fn new(parts: Parts) -> Arc<Environment> {
        let log = EnvironmentLog::new(Arc::clone(&parts.spec), parts.stream.clone(), parts.sink);
        let environment = Arc::new(Environment {
            id: parts.id,
            spec: parts.spec,
            stream: parts.stream,
            runtime_used: parts.runtime_used,
            warning: parts.warning,
            process: parts.process,
            started: Instant::now(),
            owner: parts.owner,
            phase: Mutex::new(Phase::Init),
            log: Mutex::new(log),
            pipe: parts.pipe,
            memory: Mutex::new(Memory { peak: parts.slot.peak(), ..Memory::default() }),
            slot: Mutex::new(Some(parts.slot)),
            init: Mutex::default(),
            served: AtomicU64::new(0),
        });
        tokio::spawn(Arc::clone(&environment).read_log());
        tokio::spawn(Arc::clone(&environment).wait_for_end());
        environment
    }

    /// The runtime asks for the next invocation. Gives the event, once there is one; an error when this is not
    /// the time to ask.
    pub fn next(self: &Arc<Self>) -> Result<oneshot::Receiver<Box<Job>>, &'static str> {
        let (send, receive) = oneshot::channel();
        let first = {
            let mut phase = lock(&self.phase);
            let first = match *phase {
                Phase::Init => true,
                Phase::Answered => false,
                // The connection that asked before is gone, or the runtime asks twice: the later one counts.
                Phase::Ready(_) => {
                    *phase = Phase::Ready(send);
                    return Ok(receive);
                }
                Phase::Busy { .. } => return Err("the invocation in progress has no response yet"),
                Phase::Dead => return Err("the environment is being ended"),
            };
            *phase = Phase::Ready(send);
            first
        };
        if first {
            *lock(&self.init) = Some(self.started.elapsed());
            self.drain_log();
        }
        if first {
            self.owner.up(self);
        } else {
            self.owner.free(self);
        }
        Ok(receive)
    }

    /// Hands an event to the runtime, which must be waiting for one. `Err` gives the event back: this environment
    /// is not fit any more.
    pub fn run(&self, job: Box<Job>, start: String) -> Result<Running, Box<Job>> {
        let (reply, outcome) = oneshot::channel();
        let mut phase = lock(&self.phase);
        match std::mem::replace(&mut *phase, Phase::Dead) {
            Phase::Ready(waiting) => {
                {
                    let mut log = lock(&self.log);
                    log.clear_tail();
                    log.platform(start);
                }
                let context = &job.context;
                let (request_id, stream) = (context.request_id.clone(), context.stream.clone());
                *phase = Phase::Busy { request_id, stream, reply };
                match waiting.send(job) {
                    Ok(()) => Ok(outcome),
                    Err(job) => {
                        *phase = Phase::Dead;
                        drop(phase);
                        self.process.kill();
                        Err(job)
                    }
                }
            }
            other => {
                *phase = other;
                Err(job)
            }
        }
    }

    /// Whether `request_id` is the invocation in progress, and where its response goes as it comes, if anywhere.
    pub fn current(&self, request_id: &str) -> Option<Option<Sender<Part>>> {
        match &*lock(&self.phase) {
            Phase::Busy { request_id: current, stream, .. } if current == request_id => Some(stream.clone()),
            _ => None,
        }
    }

    /// The runtime's answer to `request_id`; `false` when that is not the invocation in progress.
    pub fn answer(&self, request_id: &str, outcome: Outcome) -> bool {
        let arrived = Instant::now();
        let reply = {
            let mut phase = lock(&self.phase);
            match &*phase {
                Phase::Busy { request_id: current, .. } if current == request_id => {
                    let Phase::Busy { reply, .. } = std::mem::replace(&mut *phase, Phase::Answered) else {
                        return false;
                    };
                    reply
                }
                _ => return false,
            }
        };
        // What was printed before the answer was sent is in the pipe already: it belongs to this invocation.
        self.drain_log();
        let _ = reply.send((outcome, arrived));
        true
    }

    /// Init failed. Kills the process.
    pub fn fail_init(self: &Arc<Self>, failure: InitFailure) -> bool {
        {
            let mut phase = lock(&self.phase);
            if !matches!(*phase, Phase::Init) {
                return false;
            }
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
        self.platform(super::report::init_report(took, &kind));
        self.process.kill();
        self.owner.failed(self, failure);
        true
    }

    /// Whether the runtime waits for an event.
    pub fn is_ready(&self) -> bool {
        matches!(&*lock(&self.phase), Phase::Ready(waiting) if !waiting.is_closed())
    }

    /// Ends the process, whatever it does.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// How long the init phase took, for the first that asks.
    pub fn take_init(&self) -> Option<std::time::Duration> {
        if self.served.fetch_add(1, Ordering::Relaxed) == 0 { *lock(&self.init) } else { None }
    }

    /// Appends a line of the platform's own to the log.
    pub fn platform(&self, line: String) {
        lock(&self.log).platform(line);
    }

    /// Ends this invocation's log with `lines` and gives the tail.
    pub fn finish_log(&self, lines: [String; 2]) -> Bytes {
        let mut log = lock(&self.log);
        for line in lines {
            log.platform(line);
        }
        let tail = log.tail().into();
        log.flush();
        tail
    }

    /// Reads what is in the pipe now.
    pub fn drain_log(&self) {
        let mut buffer = [0u8; 16 * 1024];
        let mut log = lock(&self.log);
        // Bounded: a process that writes without pause must not hold us here.
        for _ in 0..1024 {
            match self.pipe.try_read(&mut buffer) {
                Ok(n) if n > 0 => log.feed(buffer.get(..n).unwrap_or_default()),
                _ => break,
            }
        }
        log.finish_line();
    }

    async fn read_log(self: Arc<Self>) {
        let mut buffer = vec![0u8; 16 * 1024];
        while self.pipe.readable().await.is_ok() {
            let mut log = lock(&self.log);
            match self.pipe.try_read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    log.feed(buffer.get(..n).unwrap_or_default());
                    log.flush();
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
    }

    async fn wait_for_end(self: Arc<Self>) {
        let exit = self.process.wait().await;
        self.drain_log();
        if !self.fail_init(InitFailure::Exit(exit)) {
            let before = std::mem::replace(&mut *lock(&self.phase), Phase::Dead);
            if let Phase::Busy { reply, .. } = before {
                let _ = reply.send((Outcome::Exit(exit), Instant::now()));
            }
        }
        lock(&self.log).flush();
        // Keeps what is known of the memory, then gives user and group free for the next environment.
        self.max_memory_mb();
        let max_mb = lock(&self.memory).max_mb;
        *lock(&self.memory) = Memory { max_mb, ..Memory::default() };
        lock(&self.slot).take();
        self.owner.gone(&self);
    }

    /// The memory of the function's processes now, in MiB, without what lies in `/tmp`.
    pub fn own_memory_mb(&self) -> u64 {
        let slot = lock(&self.slot).as_ref().and_then(Slot::anonymous);
        let bytes = slot.or_else(|| {
            let text = std::fs::read_to_string(format!("/proc/{}/statm", self.process.pid()?)).ok()?;
            let mut pages = text.split(' ').skip(1).map_while(|n| n.parse::<u64>().ok());
            let own = pages.next()?.saturating_sub(pages.next()?);
            Some(own * rustix::param::page_size() as u64)
        });
        bytes.unwrap_or(0) >> 20
    }

    /// The highest memory use seen, in MiB: the control group's peak, or the resident size now.
    pub fn max_memory_mb(&self) -> u64 {
        let mut memory = lock(&self.memory);
        if memory.peak.is_none() && memory.statm.is_none() {
            let pid = self.process.pid();
            memory.statm = pid.and_then(|pid| File::open(format!("/proc/{pid}/statm")).ok());
        }
        let mut buffer = [0u8; 128];
        let mut read = |file: &File| {
            let n = file.read_at(&mut buffer, 0).ok()?;
            Some(String::from_utf8_lossy(buffer.get(..n)?).into_owned())
        };
        let now = if let Some(file) = &memory.peak {
            read(file).and_then(|text| text.trim().parse::<u64>().ok()).unwrap_or(0)
        } else if let Some(file) = &memory.statm {
            let pages = read(file).and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
            pages.unwrap_or(0) * rustix::param::page_size() as u64
        } else {
            0
        };
        memory.max_mb = memory.max_mb.max(now.div_ceil(1 << 20));
        memory.max_mb
    }
}
