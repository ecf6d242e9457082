//! Which layers of the jail work on this machine, found by trying each in a child process.

use crate::plan::{Arg, Plan};
use crate::run::run_in_child;
use crate::{cgroup, landlock, seccomp};
use std::sync::OnceLock;

/// One layer of the jail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Layer {
    /// A user of the environment's own (needs root).
    Uid = 1,
    /// A user namespace (where not root).
    User = 2,
    /// A mount namespace with a read-only root.
    Mount = 4,
    /// A pid namespace: others' processes are invisible, and all of an environment's end together.
    Pid = 8,
    /// An ipc namespace.
    Ipc = 16,
    /// A uts namespace (host name).
    Uts = 32,
    /// A `/proc` of the environment's own.
    Proc = 64,
    /// No new privileges.
    NoNewPrivs = 128,
    /// Landlock.
    Landlock = 256,
    /// A seccomp filter.
    Seccomp = 512,
    /// Control groups for memory, cpu and pids.
    Cgroup = 1024,
    /// A network namespace; only functions that ask for it get one.
    Network = 2048,
}

/// Every layer, in the order of a report.
pub const ALL: [Layer; 12] = [
    Layer::Uid,
    Layer::User,
    Layer::Mount,
    Layer::Pid,
    Layer::Ipc,
    Layer::Uts,
    Layer::Proc,
    Layer::NoNewPrivs,
    Layer::Landlock,
    Layer::Seccomp,
    Layer::Cgroup,
    Layer::Network,
];

impl Layer {
    /// The layer's name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Layer::Uid => "user of its own",
            Layer::User => "user namespace",
            Layer::Mount => "mount namespace",
            Layer::Pid => "pid namespace",
            Layer::Ipc => "ipc namespace",
            Layer::Uts => "uts namespace",
            Layer::Proc => "own /proc",
            Layer::NoNewPrivs => "no new privileges",
            Layer::Landlock => "landlock",
            Layer::Seccomp => "seccomp",
            Layer::Cgroup => "cgroups",
            Layer::Network => "network namespace",
        }
    }
}

/// A set of layers, and whose processes these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layers {
    set: u16,
    uid: u32,
    gid: u32,
}

impl Layers {
    /// No layer: functions run like any process of the server's user.
    pub fn none() -> Layers {
        Layers::default()
    }

    /// Whether `layer` is in the set.
    pub fn has(self, layer: Layer) -> bool {
        self.set & layer as u16 != 0
    }

    /// Without `layer`.
    #[must_use]
    pub fn without(mut self, layer: Layer) -> Layers {
        self.set &= !(layer as u16);
        self
    }

    /// The server's user and group.
    pub(crate) fn ids(self) -> (u32, u32) {
        (self.uid, self.gid)
    }

    fn add(&mut self, layer: Layer) {
        self.set |= layer as u16;
    }
}

/// What [`probe`] found.
#[derive(Clone, Debug)]
pub struct Report {
    /// The layers that work.
    pub layers: Layers,
    /// Each layer with `Ok` or why it does not work here.
    pub each: Vec<(Layer, Result<(), String>)>,
}

impl Report {
    /// The layers that keep one function from another and do not work here, each with the reason. Of "user of
    /// its own" and "user namespace" one is enough; cgroups bound a function, they do not part it from others.
    pub fn missing(&self) -> Vec<(Layer, String)> {
        let has = |layer| self.layers.has(layer);
        let needed = |layer: Layer| match layer {
            Layer::Uid => !has(Layer::User),
            Layer::User => !has(Layer::Uid),
            // Refused or warned of where a function wants it.
            Layer::Network => false,
            _ => true,
        };
        let failed = self.each.iter().filter(|(layer, _)| needed(*layer));
        failed.filter_map(|(layer, result)| Some((*layer, result.as_ref().err()?.clone()))).collect()
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
