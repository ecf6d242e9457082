//! Runs a plan in this process's address space.

use crate::plan::{Arg, Plan};
use std::io;

/// A step that had to succeed and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailed {
    /// The step's index.
    pub step: usize,
    /// What it was for.
    pub what: &'static str,
    /// The system's error number.
    pub errno: i32,
}

impl std::fmt::Display for StepFailed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, io::Error::from_raw_os_error(self.errno))
    }
}

impl std::error::Error for StepFailed {}

/// A plan with its memory laid out: running it allocates nothing, so it is fit for the time after a fork.
pub(crate) struct Ready {
    plan: Plan,
    results: Vec<i64>,
}

impl Ready {
    pub(crate) fn new(plan: &Plan) -> Ready {
        // 8-byte structures in the data must be aligned; the allocator gives at least that for more than 8 bytes.
        let mut plan = plan.clone();
        plan.data.resize(plan.data.len() + 16, 0);
        let results = vec![0; plan.steps.len()];
        Ready { plan, results }
    }

    /// Runs every step in the calling process, which is changed for good. No allocation, no locks.
    ///
    /// # Safety
    /// The plan's calls act on this process and read the plan's memory; a plan from this crate's stages is sound
    /// in a process that has one thread (after a fork).
    pub(crate) unsafe fn run(&mut self) -> Result<(), StepFailed> {
        let base = self.plan.data.as_mut_ptr();
        let size = self.plan.data.len();
        for &(at, to) in &self.plan.pointers {
            if at as usize + 8 <= size {
                // SAFETY: `at` and the eight bytes behind it lie in the data (checked above).
                unsafe {
                    base.add(at as usize).cast::<u64>().write_unaligned(base.add(to as usize) as u64);
                }
            }
        }
        for (index, step) in self.plan.steps.iter().enumerate() {
            let mut args = [0i64; 6];
            for (slot, arg) in args.iter_mut().zip(&step.args) {
                *slot = match *arg {
                    Arg::Value(value) => value as i64,
                    Arg::Data(offset) => base as i64 + i64::from(offset),
                    Arg::Result(step) => self.results.get(step as usize).copied().unwrap_or(-1),
                };
            }
            let [a, b, c, d, e, f] = args;
            // SAFETY: by the contract of this function; pointers lead into `data`, which lives here.
            let result = unsafe { libc::syscall(step.number, a, b, c, d, e, f) };
            if result < 0 && !step.optional {
                // SAFETY: errno of this thread.
                let errno = unsafe { *libc::__errno_location() };
                return Err(StepFailed { step: index, what: step.what, errno });
            }
            if let Some(slot) = self.results.get_mut(index) {
                *slot = result;
            }
            if let Some(offset) = step.store
                && offset as usize + 4 <= size
            {
                // SAFETY: the four bytes lie in the data (checked).
                unsafe { base.add(offset as usize).cast::<i32>().write_unaligned(result as i32) };
            }
        }
        Ok(())
    }
}

/// Forks, runs `plan` in the child, and tells how that went; the calling process is not changed. For probes and
/// tests.
///
/// # Errors
/// The step that failed; a fork that fails is reported as step 0.
pub fn run_in_child(plan: &Plan) -> Result<(), StepFailed> {
    let mut ready = Ready::new(plan);
    let mut pipe = [0i32; 2];
    let failed = |errno| StepFailed { step: 0, what: "fork", errno };
    // SAFETY: `pipe` has room for two descriptors.
    if unsafe { libc::pipe2(pipe.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(failed(io::Error::last_os_error().raw_os_error().unwrap_or(0)));
    }
    let [reader, writer] = pipe;
    // SAFETY: the child makes raw system calls only, then leaves with `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        // SAFETY: after the fork there is one thread; nothing below allocates.
        unsafe {
            let report = match ready.run() {
                Ok(()) => [-1i32, 0],
                Err(StepFailed { step, errno, .. }) => [step as i32, errno],
            };
            libc::write(writer, report.as_ptr().cast(), size_of_val(&report));
            libc::_exit(0);
        }
    }
    let mut report = [0i32, libc::EIO];
    // SAFETY: plain calls on descriptors and the child of this function.
    unsafe {
        libc::close(writer);
        if pid > 0 {
            libc::read(reader, report.as_mut_ptr().cast(), size_of_val(&report));
            let mut status = 0;
            while libc::waitpid(pid, &mut status, 0) < 0 && *libc::__errno_location() == libc::EINTR {}
        }
        libc::close(reader);
    }
    match report {
        _ if pid < 0 => Err(failed(libc::EAGAIN)),
        [-1, _] => Ok(()),
        [step, errno] => {
            let what = plan.steps.get(step as usize).map_or("plan", |s| s.what);
            Err(StepFailed { step: step as usize, what, errno })
        }
    }
}
