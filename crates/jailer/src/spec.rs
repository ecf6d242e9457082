//! What a jail is asked for.

use crate::Plan;
use crate::crew::Crew;
use crate::layers::Layers;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// The user that functions see themselves as. AWS: uid 993, recorded in `test_introspection_invoke`.
pub const TASK_USER: u32 = 993;
/// Its group. AWS: gid 990.
pub const TASK_GROUP: u32 = 990;

/// What the read-only root is made of.
#[derive(Clone, Debug)]
pub struct BaseSpec {
    /// An empty folder to build the root on; nothing of it is changed on disk.
    pub mount_point: PathBuf,
    /// The runtime's own folders (an interpreter's prefix), seen at the same path.
    pub runtime: Vec<PathBuf>,
    /// A folder that is seen as `/etc`.
    pub etc: PathBuf,
    /// A folder that is seen as `/var/runtime`: the bootstrap of a runtime that is executed inside.
    pub bootstrap: Option<PathBuf>,
    /// Symbolic links in the root: where, and to what, which need not be there.
    pub links: Vec<(&'static str, String)>,
    /// A file that is seen as `/etc/hosts`.
    pub hosts: Option<PathBuf>,
    /// What works on this machine.
    pub layers: Layers,
}

/// One environment.
#[derive(Clone, Debug)]
pub struct EnterSpec {
    /// The unpacked package, seen as `/var/task`.
    pub task: PathBuf,
    /// Unpacked layers, the last one on top, seen as `/opt`.
    pub opt: Vec<PathBuf>,
    /// The size of `/tmp` in MiB.
    pub tmp_mb: u32,
    /// The user and group to become; ignored inside a user namespace.
    pub uid: u32,
    /// Processes and threads of this user.
    pub processes: u64,
    /// A network of its own; `None`: the machine's.
    pub network: Option<Network>,
    /// What works on this machine.
    pub layers: Layers,
}

/// A network namespace of an environment's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    /// A connected Unix socket, by number, that gets the listening sockets in one message of one byte; closed then.
    pub channel: i32,
    /// Ports of 127.0.0.1 to listen at, in the order of the descriptors; four at most.
    pub ports: Vec<u16>,
}

/// What to do in the child before exec.
pub struct Jail {
    /// `base` + `prepare` + `enter`, or nothing.
    pub plan: Plan,
    /// Whether the program gets a pid namespace of its own. The process that [`Command::spawn`](std::process::Command::spawn) then knows only
    /// waits for it: killing it ends the program too, and it leaves with the program's status.
    ///
    /// Process 1 of the namespace is this crate's own: it ends with the process outside, whatever the program does
    /// to the signal that it gets when its parent ends, and the kernel ends everything else in the namespace with it.
    pub pid_namespace: bool,
    /// Descriptors that the program writes `0` to before anything else, in order to join control groups.
    pub groups: Vec<OwnedFd>,
    /// Descriptors that the program inherits: (ours, its number).
    pub inherit: Vec<(OwnedFd, i32)>,
    /// Programs that process 1 starts when told to. With a crew the command itself is never executed: the process is
    /// there for the crew. Needs `pid_namespace`.
    pub crew: Option<Crew>,
}
