//! Starts a program in a jail: the plan runs between fork and exec.

use crate::inherit;
use crate::leader::Leader;
use crate::plan::Plan;
use crate::run::Ready;
pub use crate::spec::Jail;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::process::Command;

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
    inherit::reserve(&inherit);
    let mut leader = crew.map(|crew| Leader::new(crew, numbers)).transpose()?;
    let failed = |e: crate::StepFailed| io::Error::from_raw_os_error(e.errno);
    // SAFETY: between fork and exec only raw system calls are made, on memory laid out before the fork.
    unsafe {
        command.pre_exec(move || {
            inherit::hand_over(&inherit)?;
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            outer.run().map_err(failed)?;
            if pid_namespace {
                // Again: a new user namespace clears it.
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                let told = shared_word()?;
                fork_into_namespace(told)?;
                if leader.is_none() {
                    fork_below_first(told)?;
                }
            }
            // The processes that only wait stay outside: they are not to be counted, nor stopped with the others.
            for group in &groups {
                libc::write(group.as_raw_fd(), b"0".as_ptr().cast(), 1);
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

/// No status yet.
const UNTOLD: i32 = -1;

/// Memory that forked processes share: process 1 tells here how the program ended, since it cannot end by a signal of
/// its own making.
///
/// # Safety
/// Between fork and exec.
unsafe fn shared_word() -> io::Result<*mut i32> {
    let (access, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
    // SAFETY: a new mapping, large enough for the word.
    unsafe {
        let word = libc::mmap(std::ptr::null_mut(), size_of::<i32>(), access, kind, -1, 0);
        if word == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let word = word.cast::<i32>();
        word.write_volatile(UNTOLD);
        Ok(word)
    }
}

/// Forks; the child, process 1 of the new namespace, goes on; the parent waits for it and leaves with the status that
/// it told, else with its own.
///
/// # Safety
/// One thread, between fork and exec; `told` is from [`shared_word`].
unsafe fn fork_into_namespace(told: *mut i32) -> io::Result<()> {
    // SAFETY: see above; raw calls only.
    unsafe {
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(()),
            first => {
                close_all();
                let status = wait_for(first);
                let told = told.read_volatile();
                leave_as(if told == UNTOLD { status } else { told })
            }
        }
    }
}

/// Forks; the child goes on, and the parent, process 1, waits for it, reaping whatever else ends in the namespace.
///
/// # Safety
/// One thread, between fork and exec; `told` is from [`shared_word`].
unsafe fn fork_below_first(told: *mut i32) -> io::Result<()> {
    // SAFETY: see above; raw calls only.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
        // It holds the server's memory and shares a namespace with the program: nobody may look into it.
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            0 => {
                libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
                Ok(())
            }
            program => {
                close_all();
                told.write_volatile(wait_for(program));
                libc::_exit(0)
            }
        }
    }
}

/// Closes every descriptor: none may be kept open by a process that waits, the one for exec's error least of all.
///
/// # Safety
/// In a process that has no use for them any more.
unsafe fn close_all() {
    // SAFETY: by this function's contract.
    unsafe { libc::syscall(libc::SYS_close_range, 0u32, u32::MAX, 0u32) };
}

/// Reaps until `child` has ended; its status.
///
/// # Safety
/// `child` is one of this process.
unsafe fn wait_for(child: i32) -> i32 {
    let mut status = 0;
    loop {
        // SAFETY: `status` has room for the answer.
        let pid = unsafe { libc::waitpid(-1, &mut status, 0) };
        if pid == child {
            return status;
        }
        // SAFETY: errno of this thread.
        if pid < 0 && unsafe { *libc::__errno_location() } != libc::EINTR {
            return 127 << 8;
        }
    }
}

/// Leaves the same way as `status` tells, so that whoever waits sees it.
///
/// # Safety
/// Ends the process.
unsafe fn leave_as(status: i32) -> ! {
    // SAFETY: plain calls.
    unsafe {
        if libc::WIFSIGNALED(status) {
            let signal = libc::WTERMSIG(status);
            libc::signal(signal, libc::SIG_DFL);
            libc::kill(libc::getpid(), signal);
            libc::_exit(128 + signal);
        }
        libc::_exit(libc::WEXITSTATUS(status))
    }
}
