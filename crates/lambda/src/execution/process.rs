//! One process of an environment, however it was started.

use super::child::Handle;
use rustix::process::Signal;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With a status.
    Status(i32),
    /// By a signal.
    Signal(i32),
}

impl Exit {
    /// From `waitpid` as the zygote reports it: negative for a signal.
    pub fn from_code(code: i32) -> Exit {
        if code < 0 { Exit::Signal(-code) } else { Exit::Status(code) }
    }

    /// `exit status 1`, `signal: killed`.
    pub fn as_go_says(self) -> String {
        match self {
            Exit::Status(status) => format!("exit status {status}"),
            Exit::Signal(_) => self.describe().trim_start_matches("Runtime exited with error: ").to_owned(),
        }
    }

    /// AWS's words. Recorded for status 0 and others; signals as Go names them, which AWS's supervisor is written
    /// in (reasoning, from its public emulator's messages).
    pub fn describe(self) -> String {
        match self {
            Exit::Status(0) => "Runtime exited without providing a reason".to_owned(),
            Exit::Status(status) => format!("Runtime exited with error: exit status {status}"),
            Exit::Signal(signal) => match SIGNALS.iter().find(|(named, _)| named.as_raw() == signal) {
                Some((_, name)) => format!("Runtime exited with error: signal: {name}"),
                None => format!("Runtime exited with error: signal: signal {signal}"),
            },
        }
    }
}

/// Go's names of signals, whose numbers differ between systems.
const SIGNALS: [(Signal, &str); 8] = [
    (Signal::ILL, "illegal instruction"),
    (Signal::ABORT, "aborted"),
    (Signal::BUS, "bus error"),
    (Signal::FPE, "floating point exception"),
    (Signal::KILL, "killed"),
    (Signal::SEGV, "segmentation fault"),
    (Signal::TERM, "terminated"),
    (Signal::SYS, "bad system call"),
];

#[derive(Default)]
struct State {
    handle: Option<Handle>,
    pid: Option<u32>,
    kill: bool,
}

/// A process that can be killed without mistaking it for another, and whose end can be waited for.
pub(crate) struct Process {
    state: Mutex<State>,
    exit: watch::Sender<Option<Exit>>,
}

impl Process {
    pub fn new() -> Arc<Process> {
        Arc::new(Process { state: Mutex::default(), exit: watch::Sender::new(None) })
    }

    /// Called once the process is there.
    pub fn started(&self, handle: Handle) {
        let mut state = lock(&self.state);
        state.pid = handle.pid();
        if state.kill {
            handle.kill();
        }
        state.handle = Some(handle);
    }

    /// Nothing may be sent to it any more: it has ended, and its number may soon be another's.
    pub fn forget(&self) {
        lock(&self.state).handle = None;
    }

    /// Called once the process has ended.
    pub fn exited(&self, exit: Exit) {
        self.forget();
        self.exit.send_if_modified(|slot| slot.is_none() && slot.replace(exit).is_none());
    }

    /// Kills the process, or kills it as soon as it is there.
    pub fn kill(&self) {
        let mut state = lock(&self.state);
        state.kill = true;
        if let Some(handle) = &state.handle {
            handle.kill();
        }
    }

    /// Sends a signal to all of its process group, where it has one of its own.
    #[cfg(not(jail))]
    pub fn signal(&self, signal: Signal) {
        if let Some(handle) = &lock(&self.state).handle {
            handle.signal(signal);
        }
    }

    /// The process's id as this process sees it.
    pub fn pid(&self) -> Option<u32> {
        lock(&self.state).pid
    }

    /// Whether it has ended.
    pub fn has_exited(&self) -> bool {
        self.exit.borrow().is_some()
    }

    /// Waits for the end.
    pub async fn wait(&self) -> Exit {
        let mut exit = self.exit.subscribe();
        match exit.wait_for(Option::is_some).await {
            Ok(exit) => exit.unwrap_or(Exit::Signal(9)),
            Err(_) => Exit::Signal(9),
        }
    }
}

/// A lock whose holder cannot leave it half-changed: poisoning is ignored.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
