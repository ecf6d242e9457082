//! Isolates one process: namespaces, a read-only root, landlock, seccomp, cgroups, limits.
//!
//! The jail is a [`Plan`]: an ordered list of raw system calls with the bytes they point at. Nothing in a plan
//! depends on the address space that runs it, so there are two small executors of the same plan: [`spawn`] runs it
//! between fork and exec, and a forked interpreter runs it through `ctypes` from [`Plan::to_json`]. What is
//! planned on this side is thus what holds on the other, and neither side has a jail of its own to keep in step.
//!
//! ```text
//! base     once per parent: mount namespace, read-only root with the runtime and little else
//! prepare  per environment, before it is known whose it is: own mount, ipc, uts namespaces, /proc
//! enter    per environment: /var/task, /opt, /tmp, then the locks: limits, user, landlock, seccomp
//! ```
//!
//! A program that must boot before it is known whose it is takes `board` and, from outside, `furnish` for `enter`.
//!
//! A new pid namespace needs a fork of its own and is therefore not a step: see [`spawn`] and the zygote.
//!
//! The only crate with `unsafe`. Linux only.

#[cfg(not(target_os = "linux"))]
compile_error!("crossgate runs on Linux: build it in a container, a virtual machine or WSL 2");

pub mod cgroup;
pub mod crew;
mod landlock;
mod mounts;
mod network;
mod plan;
mod probe;
mod run;
mod seccomp;
pub mod spawn;
mod stages;

pub use network::Network;
pub use plan::{Arg, Plan, Step};
pub use probe::{Layer, Layers, Report, probe};
pub use run::{StepFailed, run_in_child};
pub use stages::{BaseSpec, EnterSpec, TASK_GROUP, TASK_USER, base, board, enter, furnish, prepare};

/// Whether landlock here keeps a process from the abstract Unix sockets of others in its network (Linux 6.12).
pub fn scopes_sockets() -> bool {
    landlock::abi() >= 6 && probe().layers.has(Layer::Landlock)
}

/// The numbers of the system calls that a zygote makes itself, as JSON.
pub fn numbers_json() -> String {
    let [unshare, setns] = [libc::SYS_unshare, libc::SYS_setns];
    let [pidfd_open, prctl] = [libc::SYS_pidfd_open, libc::SYS_prctl];
    format!(r#"{{"unshare":{unshare},"setns":{setns},"pidfd_open":{pidfd_open},"prctl":{prctl}}}"#)
}
