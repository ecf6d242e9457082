//! A process with a group of its own, which has its number. Nothing but this server reaps it, and nothing is sent to it
//! from then on: so it is not mistaken for another.

use super::super::process::Process;
use super::guard;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io;
use std::process::Child;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// A process that has not been reaped.
pub(crate) struct Handle(Pid);

impl Handle {
    /// Its number.
    pub fn pid(&self) -> Option<u32> {
        self.0.as_raw_nonzero().get().try_into().ok()
    }

    /// Kills all of its group.
    pub fn kill(&self) {
        self.signal(Signal::KILL);
    }

    /// Sends a signal to all of its group.
    pub fn signal(&self, signal: Signal) {
        let _ = kill_process_group(self.0, signal);
    }
}

/// Tells `process` of its child, and of its end, with which ends what it has started and left.
///
/// # Errors
/// The system's.
pub(crate) fn watch(child: Child, process: Arc<Process>) -> io::Result<()> {
    let pid = Pid::from_child(&child);
    guard::add(pid);
    // Before the first look: an end in between is not missed.
    let mut ends = signal(SignalKind::child())?;
    process.started(Handle(pid));
    tokio::spawn(async move {
        let ended = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        while let Ok(None) = waitid(WaitId::Pid(pid), ended) {
            ends.recv().await;
        }
        // Until it is reaped the number is its own.
        process.kill();
        process.forget();
        guard::remove(pid);
        process.exited(super::exit(child));
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::execution::process::Exit;
    use std::io::Read as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    #[tokio::test]
    async fn what_a_program_leaves_ends_with_it_and_nothing_is_sent_later() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 60 & exit 3"]).process_group(0).stdout(writer);
        let child = command.spawn().expect("a shell");
        drop(command);
        let process = Process::new();
        watch(child, Arc::clone(&process)).expect("watched");
        assert_eq!(process.wait().await, Exit::Status(3));
        // Both ends of the pipe are closed: the sleeper, which had one, is gone.
        let mut rest = Vec::new();
        tokio::task::spawn_blocking(move || reader.read_to_end(&mut rest))
            .await
            .expect("read")
            .expect("read");
        process.kill();
        assert!(process.has_exited());
    }

    #[tokio::test]
    async fn one_that_is_to_be_killed_before_it_is_there_is_killed_then() {
        let process = Process::new();
        process.kill();
        let child = Command::new("/bin/sleep").arg("60").process_group(0).spawn().expect("a program");
        watch(child, Arc::clone(&process)).expect("watched");
        assert_eq!(process.wait().await, Exit::Signal(9));
    }
}
