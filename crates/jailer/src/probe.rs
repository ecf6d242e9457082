//! Which layers of the jail work on this machine, found by trying each in a child process.

use crate::layers::{ALL, Layer, Layers, Report};
use crate::plan::{Arg, Plan};
use crate::run::run_in_child;
use crate::{cgroup, landlock, seccomp};
use std::sync::OnceLock;

impl Layers {
    /// The server's user and group.
    pub(crate) fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    fn add(&mut self, layer: Layer) {
        self.set |= layer as u16;
    }
}

/// Tries every layer in child processes. Takes a few milliseconds, once; later calls give the same answer.
pub fn probe() -> &'static Report {
    static REPORT: OnceLock<Report> = OnceLock::new();
    REPORT.get_or_init(find)
}

fn find() -> Report {
    // SAFETY: these calls cannot fail and touch nothing.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let mut layers = Layers { set: 0, uid, gid };
    let mut each = Vec::new();
    // What the probes of the others begin with: the way to privileges.
    let mut start = Plan::new();
    for layer in ALL {
        let result = match layer {
            Layer::Uid if uid != 0 => Err("the server does not run as root".to_owned()),
            // Root of a user namespace that has no other users (a rootless container) is not enough for the first.
            Layer::User if layers.has(Layer::Uid) => Err("not needed: the server runs as root".to_owned()),
            Layer::Landlock if landlock::abi() == 0 => Err("not in this kernel".to_owned()),
            Layer::Seccomp if !seccomp::available() => Err("no filter for this architecture".to_owned()),
            Layer::Cgroup => cgroup::Cgroups::find().map(|_| ()),
            _ => run_in_child(&trial(layer, &start, layers)).map_err(|e| e.to_string()),
        };
        if result.is_ok() {
            layers.add(layer);
            if layer == Layer::User {
                start.append(&trial(layer, &Plan::new(), layers));
            }
        }
        each.push((layer, result));
    }
    Report { layers, each }
}

fn trial(layer: Layer, start: &Plan, layers: Layers) -> Plan {
    let mut plan = start.clone();
    let unshare = |plan: &mut Plan, flags: i32| {
        plan.must("unshare", libc::SYS_unshare, &[flags.into()]);
    };
    match layer {
        Layer::Uid => {
            let id = Arg::Value(u64::from(crate::TASK_USER));
            plan.must("setgroups", libc::SYS_setgroups, &[0.into(), 0.into()]);
            plan.must("setresuid", libc::SYS_setresuid, &[id, id, id]);
        }
        Layer::User => {
            unshare(&mut plan, libc::CLONE_NEWUSER);
            let (uid, _) = layers.ids();
            let map = format!("{} {uid} 1\n", crate::TASK_USER);
            crate::mounts::write(&mut plan, "uid map", "/proc/self/uid_map", &map, false);
        }
        Layer::Mount => {
            unshare(&mut plan, libc::CLONE_NEWNS);
            let private = libc::MS_REC | libc::MS_PRIVATE;
            let root = std::path::Path::new("/");
            crate::mounts::mount(&mut plan, "private mounts", "none", root, "none", private, "");
            let tmp = std::env::temp_dir();
            crate::mounts::mount(&mut plan, "tmpfs", "tmpfs", &tmp, "tmpfs", 0, "size=64k");
            crate::mounts::restrict(&mut plan, "mount_setattr", &tmp, false);
        }
        Layer::Pid => unshare(&mut plan, libc::CLONE_NEWPID),
        Layer::Ipc => unshare(&mut plan, libc::CLONE_NEWIPC),
        Layer::Uts => unshare(&mut plan, libc::CLONE_NEWUTS),
        Layer::Network => unshare(&mut plan, libc::CLONE_NEWNET),
        // Whether a `/proc` may be mounted shows only inside a pid namespace, which needs a fork: taken from the
        // layers it needs; a machine that refuses it fails the environment's start with "proc".
        Layer::Proc => {
            if !(layers.has(Layer::Mount) && layers.has(Layer::Pid)) {
                plan.must("needs mount and pid namespaces", libc::SYS_unshare, &[Arg::Value(u64::MAX)]);
            }
        }
        Layer::NoNewPrivs | Layer::Landlock | Layer::Seccomp => {
            let set = libc::PR_SET_NO_NEW_PRIVS;
            plan.must(
                "no new privileges",
                libc::SYS_prctl,
                &[set.into(), 1.into(), 0.into(), 0.into(), 0.into()],
            );
            if layer == Layer::Landlock {
                landlock::add(&mut plan, landlock::abi());
            } else if layer == Layer::Seccomp {
                seccomp::add(&mut plan);
            }
        }
        Layer::Cgroup => {}
    }
    plan
}
