//! Which processors what is measured has, and which the load: on one machine both want all of them.

use std::process::Command;

use rustix::thread::{CpuSet, gettid, sched_getaffinity, sched_setaffinity};

use crate::Failed;

/// Makes this thread batch work: when something wakes it, it waits until the thread that runs has nothing to do. Else
/// each answer hands the processor from the server to the load, in the middle of the next request.
///
/// # Errors
/// There is no `chrt` here, which is part of util-linux.
pub fn become_batch() -> Result<(), Failed> {
    let thread = gettid().as_raw_nonzero().to_string();
    let done = Command::new("chrt").args(["--batch", "--pid", "0", &thread]).output();
    match done {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("chrt: {}", String::from_utf8_lossy(&output.stderr).trim())),
        Err(error) => Err(format!("chrt (of util-linux): {error}")),
    }
}

/// A part of the processors for the load, and the rest for the servers.
pub struct Parts {
    all: CpuSet,
    load: CpuSet,
    servers: CpuSet,
}

impl Parts {
    /// One processor for the load; of a single one nothing is taken.
    ///
    /// # Errors
    /// The system does not say which there are.
    pub fn new() -> Result<Self, Failed> {
        let all = sched_getaffinity(None).map_err(|e| format!("the processors: {e}"))?;
        let (mut load, mut servers) = (CpuSet::new(), all);
        if all.count() < 2 {
            return Ok(Self { all, load: all, servers });
        }
        if let Some(first) = (0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)) {
            load.set(first);
            servers.unset(first);
        }
        Ok(Self { all, load, servers })
    }

    /// This thread, and what it starts from now on, has the servers' part.
    pub fn servers(&self) -> Result<(), Failed> {
        take(&self.servers)
    }

    /// The same with the load's part.
    pub fn load(&self) -> Result<(), Failed> {
        take(&self.load)
    }
}

impl Drop for Parts {
    fn drop(&mut self) {
        // What is measured next has them all; where that fails, taking a part failed as well, and said so.
        let _ = take(&self.all);
    }
}

fn take(part: &CpuSet) -> Result<(), Failed> {
    sched_setaffinity(None, part).map_err(|e| format!("the processors: {e}"))
}
