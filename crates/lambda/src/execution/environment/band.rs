//! Extensions of an environment, and its end where they must be told of it.

use super::{Environment, InitFailure, Outcome, Phase};
use crate::execution::crew::{Crew, RUNTIME, Reports, Told};
use crate::execution::extensions::Refused;
use crate::execution::logs::{EnvironmentLog, now_ms};
use crate::execution::platform;
use crate::execution::process::{Exit, lock};
use crate::execution::telemetry::{Invalid, Subscription};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::net::unix::pipe;
use tokio::sync::oneshot;

/// AWS: what the runtime has of the shutdown phase, and all of it where there are external extensions.
const RUNTIME_SHUTDOWN: Duration = Duration::from_millis(300);
const SHUTDOWN: Duration = Duration::from_millis(2000);

/// Why an environment ends, as extensions are told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It is not needed any more.
    Spindown,
    /// An invocation took too long.
    Timeout,
    /// Something failed.
    Failure,
}

impl Reason {
    fn name(self) -> &'static str {
        match self {
            Reason::Spindown => "SPINDOWN",
            Reason::Timeout => "TIMEOUT",
            Reason::Failure => "FAILURE",
        }
    }
}

/// A jail with several programs, seen from here.
pub(super) struct Band {
    pub(super) crew: Crew,
    /// Names of the extensions, in the order of their programs.
    pub(super) extensions: Vec<String>,
    /// Whether the runtime was started.
    pub(super) started: AtomicBool,
    /// Programs that have ended, by index.
    pub(super) ended: tokio::sync::watch::Sender<Vec<u8>>,
}

/// The external extensions of an environment.
pub(crate) struct BandParts {
    pub crew: Crew,
    pub reports: Reports,
    pub extensions: Vec<String>,
    /// What they write.
    pub pipe: pipe::Receiver,
}

impl Environment {
    /// Registers an extension. When it was the last in `/opt/extensions`, the runtime starts.
    pub fn register(self: &Arc<Self>, name: &str, events: &[String]) -> Result<String, Refused> {
        let id = self.extensions.register(name, events)?;
        self.record(platform::extension(name, "Ready", events, None));
        self.start_runtime();
        Ok(id)
    }

    pub(super) fn start_runtime(&self) {
        if let Some(band) = &self.band
            && self.extensions.complete()
            && !band.started.swap(true, Ordering::AcqRel)
        {
            band.crew.start(RUNTIME);
        }
    }

    /// Starts the external extensions; the runtime follows when all have registered.
    pub fn start_extensions(&self) {
        let Some(band) = &self.band else { return };
        for index in 1..=band.extensions.len() {
            band.crew.start(u8::try_from(index).unwrap_or(u8::MAX));
        }
        self.start_runtime();
    }

    /// An extension asks for its next event.
    pub fn extension_next(
        self: &Arc<Self>,
        name: &str,
    ) -> Result<oneshot::Receiver<serde_json::Value>, Refused> {
        let waiting = self.extensions.next(name)?;
        self.settle();
        Ok(waiting)
    }

    /// Subscribes an extension to records.
    pub fn subscribe(&self, name: &str, subscription: Subscription) -> Result<(), Invalid> {
        let (types, is_telemetry) = (subscription.types.clone(), subscription.is_telemetry());
        self.telemetry.subscribe(name, subscription)?;
        self.record(platform::subscription(name, &types, is_telemetry));
        Ok(())
    }

    /// An extension says that it has failed, or has ended: the environment ends.
    pub fn extension_failed(self: &Arc<Self>, name: &str, kind: &'static str, reason: String) {
        if !self.extensions.gone(name) || self.ending.load(Ordering::Acquire) {
            return;
        }
        self.record(platform::extension(name, "Failed", &[], Some(kind)));
        if self.fail_init(InitFailure::Invalid(kind, reason.clone())) {
            return;
        }
        self.die_of(Outcome::Extension(kind, reason));
        self.end(Reason::Failure);
    }

    /// Ends the environment, whatever its programs do. External extensions are told, and have a moment.
    pub fn end(self: &Arc<Self>, reason: Reason) {
        if self.band.is_none() {
            self.process.kill();
        } else if !self.ending.swap(true, Ordering::AcqRel) {
            let mut phase = lock(&self.phase);
            if matches!(*phase, Phase::Ready(_) | Phase::Answered(_)) {
                *phase = Phase::Dead;
            }
            tokio::spawn(Arc::clone(self).shut_down(reason));
        }
    }

    /// The shutdown phase (AWS documentation, "Lambda execution environment lifecycle"): first the runtime, then
    /// whoever wants to know.
    pub(super) async fn shut_down(self: Arc<Self>, reason: Reason) {
        let Some(band) = &self.band else { return };
        self.thaw();
        let deadline = tokio::time::Instant::now() + SHUTDOWN;
        let mut ended = band.ended.subscribe();
        if reason == Reason::Spindown {
            band.crew.signal(RUNTIME, 15);
            let gone = ended.wait_for(|ended| ended.contains(&RUNTIME));
            let _ = tokio::time::timeout(RUNTIME_SHUTDOWN, gone).await;
        }
        band.crew.signal(RUNTIME, 9);
        self.telemetry.flush();
        let left = i64::try_from(SHUTDOWN.as_millis()).unwrap_or(2000);
        let told = self.extensions.shutdown(reason.name(), now_ms() + left);
        let index = |name: &String| band.extensions.iter().position(|e| e == name);
        let wait_for: Vec<_> = told.iter().filter_map(|name| u8::try_from(index(name)? + 1).ok()).collect();
        let all = ended.wait_for(|ended| wait_for.iter().all(|index| ended.contains(index)));
        let _ = tokio::time::timeout_at(deadline, all).await;
        self.process.kill();
    }

    /// What the jail's process 1 tells of its programs.
    pub(super) async fn listen(self: Arc<Self>, mut reports: Reports) {
        while let Some(told) = reports.next().await {
            let Some(band) = &self.band else { return };
            let name = |index: u8| {
                band.extensions.get(usize::from(index).wrapping_sub(1)).cloned().unwrap_or_default()
            };
            let index = match &told {
                Told::Ended(index, _) | Told::NotStarted(index, _) => *index,
            };
            match told {
                Told::Ended(RUNTIME, exit) => self.runtime_ended(exit),
                Told::NotStarted(RUNTIME, error) => {
                    let (file, kind) = (self.runtime_used.as_str(), "Runtime.InvalidEntrypoint");
                    let reason = format!("fork/exec the runtime ({file}): {}", words(&error));
                    self.fail_init(InitFailure::Invalid(kind, reason));
                }
                Told::Ended(_, exit) => {
                    self.extension_failed(&name(index), "Extension.Crash", exit.as_go_says());
                }
                Told::NotStarted(..) => {
                    let Told::NotStarted(_, error) = told else { continue };
                    let name = name(index);
                    let reason = format!("fork/exec /opt/extensions/{name}: {}", words(&error));
                    self.extension_failed(&name, "Extension.LaunchError", reason);
                }
            }
            band.ended.send_modify(|ended| ended.push(index));
            self.settle();
        }
    }

    /// The runtime's process is gone; others of the environment may still be there.
    pub(super) fn runtime_ended(self: &Arc<Self>, exit: Exit) {
        self.drain_log();
        if !self.fail_init(InitFailure::Exit(exit)) {
            self.die_of(Outcome::Exit(exit));
        }
        self.end(Reason::Failure);
    }

    /// Extensions that still work when the invocation's time is over end the environment.
    pub(super) fn watch_extensions(self: &Arc<Self>, deadline_ms: i64) {
        let turn = self.turn.fetch_add(1, Ordering::AcqRel) + 1;
        if self.extensions.idle() {
            return;
        }
        let left = u64::try_from(deadline_ms - now_ms()).unwrap_or(0);
        let watched = Arc::downgrade(self);
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(left)).await;
            let Some(environment) = watched.upgrade() else { return };
            // The runtime's own time-out is the invocation's; this is about what comes after its answer.
            let answered = matches!(*lock(&environment.phase), Phase::Answered(_) | Phase::Ready(_));
            let same = environment.turn.load(Ordering::Acquire) == turn;
            if answered && same && !environment.extensions.idle() {
                environment.end(Reason::Timeout);
            }
        });
    }
}

/// What external extensions write: their own records, in the same log stream.
pub(super) async fn read_extensions(pipe: pipe::Receiver, mut log: EnvironmentLog) {
    let mut buffer = vec![0u8; 16 * 1024];
    while pipe.readable().await.is_ok() {
        match pipe.try_read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => {
                log.feed(buffer.get(..n).unwrap_or_default());
                log.flush();
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    log.finish_line();
    log.flush();
}

/// An error number in the words of AWS's supervisor, which is written in Go.
fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(2) => "no such file or directory".to_owned(),
        Some(8) => "exec format error".to_owned(),
        Some(13) => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}
