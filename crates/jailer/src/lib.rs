//! Isolates one process: namespaces, a read-only root, landlock, seccomp, cgroups, limits.
//!
//! The jail is a `Plan`: an ordered list of raw system calls with the bytes they point at. Nothing in a plan
//! depends on the address space that runs it, so there are two small executors of the same plan: [`spawn`] runs it
//! between fork and exec, and a forked interpreter runs it through `ctypes` from `Plan::to_json`. What is
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
//! The only crate with `unsafe`. The jail is Linux's; on other systems, and with the feature `unjailed`, functions run
//! without one, and `unjailed` stands in for what is planned here.

#[cfg(not(unix))]
compile_error!("crossgate runs on Linux, macOS and the BSDs: on Windows, build and run it in WSL 2");

pub mod cgroup;
pub mod crew;
mod inherit;
mod layers;
mod memory;
mod spec;

pub use layers::{ALL, Layer, Layers, Report};
pub use memory::{Memory, memory};
pub use spec::{BaseSpec, EnterSpec, Network, TASK_GROUP, TASK_USER};

#[cfg(jail)]
mod landlock;
#[cfg(jail)]
mod leader;
#[cfg(jail)]
mod mounts;
#[cfg(jail)]
mod network;
#[cfg(jail)]
mod plan;
#[cfg(jail)]
mod probe;
#[cfg(jail)]
mod run;
#[cfg(jail)]
mod seccomp;
#[cfg(jail)]
pub mod spawn;
#[cfg(jail)]
mod stages;
#[cfg(jail)]
mod zygote;

#[cfg(jail)]
pub use {
    landlock::scopes_sockets,
    plan::{Arg, Plan, Step},
    probe::probe,
    run::{StepFailed, run_in_child},
    stages::{base, board, enter, furnish, prepare},
    zygote::numbers_json,
};

#[cfg(not(jail))]
mod unjailed;
#[cfg(not(jail))]
pub use unjailed::{Plan, base, enter, prepare, probe, scopes_sockets, spawn};
