//! Starts programs.

use super::super::process::{Exit, Process};
use super::super::zygote::async_fd;
use std::io;
use std::process::Command;
use std::sync::Arc;

/// A thread that lives as long as the executor and starts programs: they are killed when the thread that started
/// them ends, and the runtime's threads come and go.
pub(super) struct Launcher {
    tasks: std::sync::mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Launcher {
    pub fn new() -> Launcher {
        let (tasks, queue) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let thread = std::thread::Builder::new().name("launcher".into());
        let _ = thread.spawn(move || {
            while let Ok(task) = queue.recv() {
                task();
            }
        });
        Launcher { tasks }
    }

    /// Starts `command`; its end is told to `process`.
    pub async fn launch(&self, mut command: Command, process: Arc<Process>) -> io::Result<()> {
        let (send, receive) = tokio::sync::oneshot::channel();
        let task = Box::new(move || {
            let _ = send.send(command.spawn());
        });
        self.tasks.send(task).map_err(|_| io::Error::other("the launcher thread is gone"))?;
        let mut child = receive.await.map_err(|_| io::Error::other("the launcher thread is gone"))??;
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        let watched = async_fd(pidfd.try_clone()?)?;
        process.started(Some(child.id()), Some(pidfd));
        tokio::spawn(async move {
            let _ = watched.readable().await;
            let code = match child.wait() {
                Ok(status) => {
                    use std::os::unix::process::ExitStatusExt as _;
                    status.code().unwrap_or_else(|| -status.signal().unwrap_or(9))
                }
                Err(_) => -9,
            };
            process.exited(Exit::from_code(code));
        });
        Ok(())
    }
}
