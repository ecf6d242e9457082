//! Starts a program in a jail: the plan runs between fork and exec.

use crate::crew::{Crew, Leader};
use crate::plan::Plan;
use crate::run::Ready;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// What to do in the child before exec.
pub struct Jail {
    /// `base` + `prepare` + `enter`, or nothing.
    pub plan: Plan,
    /// Whether the program becomes process 1 of a pid namespace of its own. The process that [`Command::spawn`]
    /// then knows only waits for it: killing it ends the program too, and it leaves with the program's status.
    pub pid_namespace: bool,
    /// Descriptors that the child writes `0` to first, in order to join control groups.
    pub groups: Vec<OwnedFd>,
    /// Descriptors that the program inherits: (ours, its number).
    pub inherit: Vec<(OwnedFd, i32)>,
    /// Programs that process 1 starts when told to. With a crew the command itself is never executed: the process is
    /// there for the crew. Needs `pid_namespace`.
    pub crew: Option<Crew>,
}

/// Lets `command` start inside `jail`. The calling thread must live as long as the program may: the program is
/// killed when it ends.
///
/// # Errors
/// The system's, when there is no room for a crew's descriptors.
pub fn jail(command: &mut Command, jail: Jail) -> io::Result<()> {
    let (outer, inner) = split(&jail.plan, jail.pid_namespace);
    let mut outer = Ready::new(&outer);
    let mut inner = Ready::new(&inner);
    let Jail { pid_namespace, groups, inherit, crew, .. } = jail;
    let numbers = inherit.iter().map(|(_, number)| *number).collect();
    for (fd, number) in &inherit {
        reserve(fd, *number);
    }
    let mut leader = crew.map(|crew| Leader::new(crew, numbers)).transpose()?;
    let failed = |e: crate::StepFailed| io::Error::from_raw_os_error(e.errno);
    // SAFETY: between fork and exec only raw system calls are made, on memory laid out before the fork.
    unsafe {
        command.pre_exec(move || {
            for group in &groups {
                libc::write(group.as_raw_fd(), b"0".as_ptr().cast(), 1);
            }
            for (fd, number) in &inherit {
                if fd.as_raw_fd() == *number {
                    libc::fcntl(*number, libc::F_SETFD, 0);
                } else if libc::dup2(fd.as_raw_fd(), *number) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            outer.run().map_err(failed)?;
            if pid_namespace {
                // Again: a new user namespace clears it.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                fork_into_namespace()?;
            }
            inner.run().map_err(failed)?;
            match &mut leader {
                Some(leader) => leader.lead(),
                None => Ok(()),
            }
        });
    }
    Ok(())
}

/// Keeps `number` from being given to another descriptor of this process, for good: between fork and exec it is
/// overwritten in the child, and the pipe by which the child tells that it could not execute must not lie there.
fn reserve(fd: &OwnedFd, number: i32) {
    static RESERVED: Mutex<BTreeMap<i32, OwnedFd>> = Mutex::new(BTreeMap::new());
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    if reserved.contains_key(&number) || fd.as_raw_fd() == number {
        return;
    }
    // Anything will do; what it is open on is closed again when it is not ours to have.
    // SAFETY: plain calls on descriptors; the new one is owned by nobody else.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let got = libc::fcntl(null, libc::F_DUPFD_CLOEXEC, number);
        libc::close(null);
        if got >= 0 {
            let got = OwnedFd::from_raw_fd(got);
            if got.as_raw_fd() == number {
                reserved.insert(number, got);
            }
        }
    }
}

/// The part before and after the fork into the pid namespace: `unshare` of the user namespace must come before,
/// `/proc` after. The first step of `base` is that `unshare`; its mounts do no harm before the fork.
fn split(plan: &Plan, pid_namespace: bool) -> (Plan, Plan) {
    if !pid_namespace {
        return (Plan::new(), plan.clone());
    }
    let at = plan.steps.iter().position(|s| s.what == SECOND_STAGE).unwrap_or(0);
    let mut outer = plan.clone();
    outer.steps.truncate(at);
    outer.must("pid namespace", libc::SYS_unshare, &[libc::CLONE_NEWPID.into()]);
    let mut inner = plan.clone();
    for step in inner.steps.iter_mut().take(at) {
        // Kept as places for `Arg::Result`, but made harmless.
        step.number = libc::SYS_getpid;
        step.args.clear();
        step.store = None;
    }
    (outer, inner)
}

/// The marker between what runs before and after the fork into a pid namespace.
const SECOND_STAGE: &str = "second stage";

/// Joins the stages for [`jail`].
pub fn stages(base: &Plan, prepare: &Plan, enter: &Plan) -> Plan {
    let mut plan = base.clone();
    plan.may(SECOND_STAGE, libc::SYS_getpid, &[]);
    plan.append(prepare);
    plan.append(enter);
    plan
}

/// Forks; the child goes on, the parent waits for it and leaves with its status.
///
/// # Safety
/// One thread, between fork and exec.
unsafe fn fork_into_namespace() -> io::Result<()> {
    // SAFETY: see above; raw calls only.
    unsafe {
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(()),
            child => {
                // No descriptor may be kept open here, the one for exec's error least of all.
                libc::syscall(libc::SYS_close_range, 0u32, u32::MAX, 0u32);
                let mut status = 0;
                while libc::waitpid(child, &mut status, 0) < 0 {
                    if *libc::__errno_location() != libc::EINTR {
                        libc::_exit(127);
                    }
                }
                if libc::WIFSIGNALED(status) {
                    // Leave the same way, so that whoever waits sees the signal.
                    let signal = libc::WTERMSIG(status);
                    libc::signal(signal, libc::SIG_DFL);
                    libc::kill(libc::getpid(), signal);
                    libc::_exit(128 + signal);
                }
                libc::_exit(libc::WEXITSTATUS(status));
            }
        }
    }
}
