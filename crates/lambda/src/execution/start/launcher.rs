//! Starts programs.

use super::super::child;
use super::super::process::Process;
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
        let started = receive.await.map_err(|_| io::Error::other("the launcher thread is gone"))??;
        child::watch(started, process)
    }
}
