//! A process that is held by a descriptor: it cannot be mistaken for another.

use super::super::process::Process;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::process::Child;
use std::sync::Arc;
use tokio::io::unix::AsyncFd;

/// A process that has not been reaped.
pub(crate) struct Handle {
    pidfd: Option<OwnedFd>,
    pid: Option<u32>,
}

impl Handle {
    /// `pid` is its number here, where that is known.
    pub fn new(pidfd: Option<OwnedFd>, pid: Option<u32>) -> Handle {
        let pid = pidfd.as_ref().and_then(pid_of).or(pid);
        Handle { pidfd, pid }
    }

    /// Its number here.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Kills it.
    pub fn kill(&self) {
        if let Some(pidfd) = &self.pidfd {
            let _ = pidfd_send_signal(pidfd, Signal::KILL);
        } else if let Some(pid) = self.pid.and_then(|p| Pid::from_raw(p as i32)) {
            // Without a pidfd (a kernel before 5.3): the zygote has not reaped it.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The process id behind a pidfd, in our own pid namespace.
fn pid_of(pidfd: &OwnedFd) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/proc/self/fdinfo/{}", pidfd.as_raw_fd())).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()
}

/// Tells `process` of its child, and of its end.
///
/// # Errors
/// The system's.
pub(crate) fn watch(child: Child, process: Arc<Process>) -> io::Result<()> {
    let pidfd = pidfd_open(Pid::from_child(&child), PidfdFlags::empty())?;
    let watched = async_fd(pidfd.try_clone()?)?;
    process.started(Handle::new(Some(pidfd), Some(child.id())));
    tokio::spawn(async move {
        let _ = watched.readable().await;
        process.exited(super::exit(child));
    });
    Ok(())
}

/// Registers a descriptor with the runtime.
///
/// # Errors
/// The system's.
#[expect(
    deprecated,
    reason = "an OwnedFd never changes its descriptor, which is what the new unsafe call asks for"
)]
pub(crate) fn async_fd(fd: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(fd)
}
