//! The three stages of the jail as plans.

use crate::layers::{Layer, Layers};
use crate::mounts::{self, Access};
use crate::plan::{Arg, Plan};
use crate::spec::{BaseSpec, EnterSpec, TASK_GROUP, TASK_USER};
use crate::{landlock, network, seccomp};
use std::path::{Path, PathBuf};

/// Where the machine's own tree stays visible between `base` and `enter`.
const HOST: &str = "/.host";

/// Once per parent: a mount namespace (inside a user namespace when unprivileged) with a small read-only root.
/// Afterwards the machine's tree is at `/.host`, for [`enter`] to take the package from; [`enter`] removes it.
pub fn base(spec: &BaseSpec) -> Plan {
    let mut plan = Plan::new();
    let plan_ref = &mut plan;
    if !spec.layers.has(Layer::Mount) {
        return plan;
    }
    let user = spec.layers.has(Layer::User);
    let flags = libc::CLONE_NEWNS | if user { libc::CLONE_NEWUSER } else { 0 };
    plan_ref.must("unshare", libc::SYS_unshare, &[flags.into()]);
    if user {
        let (uid, gid) = spec.layers.ids();
        mounts::write(plan_ref, "setgroups", "/proc/self/setgroups", "deny", true);
        mounts::write(plan_ref, "uid map", "/proc/self/uid_map", &format!("{TASK_USER} {uid} 1\n"), false);
        mounts::write(plan_ref, "gid map", "/proc/self/gid_map", &format!("{TASK_GROUP} {gid} 1\n"), false);
    }
    let private = libc::MS_REC | libc::MS_PRIVATE;
    mounts::mount(plan_ref, "private mounts", "none", Path::new("/"), "none", private, "");
    build_root(plan_ref, spec);
    plan
}

fn build_root(plan: &mut Plan, spec: &BaseSpec) {
    let root = spec.mount_point.as_path();
    let flags = libc::MS_NOSUID | libc::MS_NODEV;
    mounts::mount(plan, "root", "tmpfs", root, "tmpfs", flags, "mode=755,size=1m");
    for dir in [".host", "dev", "proc", "tmp", "opt", "var", "var/task", "var/runtime", "run", "etc", "usr"] {
        mounts::mkdir(plan, &root.join(dir));
    }
    // First, so that what is mounted below does not show in it again.
    mounts::bind(plan, "host tree", Path::new("/"), &root.join(".host"), Access::Device);
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        system_folder(plan, root, name);
    }
    mounts::bind(plan, "usr", Path::new("/usr"), &root.join("usr"), Access::ReadOnly);
    mounts::bind(plan, "etc", &spec.etc, &root.join("etc"), Access::ReadOnly);
    if let Some(hosts) = &spec.hosts {
        mounts::bind(plan, "hosts", hosts, &root.join("etc/hosts"), Access::ReadOnly);
    }
    for dir in ["/etc/ssl", "/etc/pki", "/etc/alternatives", "/etc/ca-certificates"] {
        let inside = spec.etc.join(dir.trim_start_matches("/etc/"));
        if Path::new(dir).is_dir() && inside.is_dir() {
            mounts::bind(plan, "etc", Path::new(dir), &root.join(&dir[1..]), Access::ReadOnly);
        }
    }
    for dir in &spec.runtime {
        if dir.starts_with("/usr") || dir == Path::new("/") {
            continue;
        }
        mounts::mkdir_all(plan, root, dir);
        let inside = root.join(dir.strip_prefix("/").unwrap_or(dir));
        mounts::bind(plan, "runtime", dir, &inside, Access::ReadOnly);
    }
    if let Some(dir) = &spec.bootstrap {
        mounts::bind(plan, "bootstrap", dir, &root.join("var/runtime"), Access::ReadOnly);
    }
    for (at, to) in &spec.links {
        link(plan, to, &root.join(at.trim_start_matches('/')));
    }
    devices(plan, root);
    let here = plan.path(root);
    let dot = plan.text(".");
    plan.must("chdir root", libc::SYS_chdir, &[here]);
    plan.must("pivot root", libc::SYS_pivot_root, &[dot, dot]);
    plan.must("leave the old root", libc::SYS_umount2, &[dot, libc::MNT_DETACH.into()]);
    let slash = plan.text("/");
    plan.must("chdir", libc::SYS_chdir, &[slash]);
    // Not the mount itself: submounts are restricted already, and /tmp is mounted over.
    mounts::restrict(plan, "read-only root", Path::new("/"), false);
}

/// `/lib` and its like: a link into `/usr` on most systems, a folder on some.
fn system_folder(plan: &mut Plan, root: &Path, name: &str) {
    let host = Path::new("/").join(name);
    let inside = root.join(name);
    if let Ok(to) = std::fs::read_link(&host) {
        link(plan, &to.to_string_lossy(), &inside);
    } else if host.is_dir() {
        mounts::mkdir(plan, &inside);
        mounts::bind(plan, "system folder", &host, &inside, Access::ReadOnly);
    }
}

fn devices(plan: &mut Plan, root: &Path) {
    for name in ["null", "zero", "full", "random", "urandom"] {
        let host = Path::new("/dev").join(name);
        if host.exists() {
            let inside = root.join("dev").join(name);
            mounts::touch(plan, &inside);
            mounts::bind(plan, "device", &host, &inside, Access::Device);
        }
    }
    for (name, to) in [
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ] {
        link(plan, to, &root.join("dev").join(name));
    }
}

fn link(plan: &mut Plan, to: &str, at: &Path) {
    let to = plan.text(to);
    let at = plan.path(at);
    plan.must("link", libc::SYS_symlinkat, &[to, libc::AT_FDCWD.into(), at]);
}

/// Per environment, before it is known whose it is. Runs as process 1 of its pid namespace.
pub fn prepare(layers: Layers) -> Plan {
    let mut plan = Plan::new();
    death_signal(&mut plan);
    let mut flags = 0;
    for (layer, flag) in [
        (Layer::Mount, libc::CLONE_NEWNS),
        (Layer::Ipc, libc::CLONE_NEWIPC),
        (Layer::Uts, libc::CLONE_NEWUTS),
    ] {
        flags |= if layers.has(layer) { flag } else { 0 };
    }
    if flags != 0 {
        plan.must("unshare", libc::SYS_unshare, &[flags.into()]);
    }
    if layers.has(Layer::Uts) {
        // AWS: a link-local address. A fixed one here: the real host's name is nothing to know.
        let name = plan.text("169-254-100-6");
        plan.must("host name", libc::SYS_sethostname, &[name, 13.into()]);
    }
    if layers.has(Layer::Mount) && layers.has(Layer::Proc) {
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        // A crew's leader is undumpable, and so invisible.
        let options = "hidepid=2";
        mounts::mount(&mut plan, "proc", "proc", Path::new("/proc"), "proc", flags, options);
    }
    plan
}

/// Per environment: its files, then the locks. After it the process can take nothing back.
pub fn enter(spec: &EnterSpec) -> Plan {
    let mut plan = Plan::new();
    let layers = spec.layers;
    if layers.has(Layer::Mount) {
        files(&mut plan, spec);
    }
    let task = if layers.has(Layer::Mount) { PathBuf::from("/var/task") } else { spec.task.clone() };
    let task = plan.path(&task);
    plan.must("chdir", libc::SYS_chdir, &[task]);
    if let Some(network) = &spec.network {
        network::add(&mut plan, network);
    }
    locks(&mut plan, spec);
    plan
}

/// [`enter`] for a program that boots before it is known whose environment it becomes: everything but the package
/// and the layers, which [`furnish`] brings in from outside. `spec.task`, `spec.opt` and `spec.tmp_mb` are not read.
pub fn board(spec: &EnterSpec) -> Plan {
    let mut plan = Plan::new();
    if spec.layers.has(Layer::Mount) {
        // Now, so that landlock's rule is about this mount; its size comes with the function.
        tmp(&mut plan, 1, 0);
        let root = plan.text("/");
        plan.must("chdir", libc::SYS_chdir, &[root]);
    }
    locks(&mut plan, spec);
    plan
}

/// For a process that [`board`]ed: its package, its layers, the size of its `/tmp`, and the machine's tree gone.
/// Runs in a child of the server (see [`run_in_child`](crate::run_in_child)), which joins the process's namespaces
/// for it: the process itself has no right to mount any more. Both are descriptors of `/proc/PID/ns/…`; `user` is
/// given where [`Layer::User`] is in force.
pub fn furnish(spec: &EnterSpec, user: Option<i32>, mount: i32) -> Plan {
    let mut plan = Plan::new();
    if let Some(user) = user {
        plan.must("join the user namespace", libc::SYS_setns, &[user.into(), libc::CLONE_NEWUSER.into()]);
    }
    plan.must("join the mount namespace", libc::SYS_setns, &[mount.into(), libc::CLONE_NEWNS.into()]);
    package(&mut plan, spec);
    tmp(&mut plan, spec.tmp_mb, libc::MS_REMOUNT);
    leave_host(&mut plan);
    plan
}

/// What the process can take nothing back from.
fn locks(plan: &mut Plan, spec: &EnterSpec) {
    let layers = spec.layers;
    limits(plan, spec);
    user(plan, spec);
    if layers.has(Layer::NoNewPrivs) {
        let set = libc::PR_SET_NO_NEW_PRIVS;
        plan.must(
            "no new privileges",
            libc::SYS_prctl,
            &[set.into(), 1.into(), 0.into(), 0.into(), 0.into()],
        );
        if layers.has(Layer::Landlock) && layers.has(Layer::Mount) {
            landlock::add(plan, landlock::abi());
        }
        if layers.has(Layer::Seccomp) {
            seccomp::add(plan);
        }
    }
}

fn files(plan: &mut Plan, spec: &EnterSpec) {
    package(plan, spec);
    tmp(plan, spec.tmp_mb, 0);
    leave_host(plan);
}

/// A path as the overlay file system's options spell it: what would separate layers or options is escaped.
fn overlay_path(path: &Path) -> String {
    let mut text = String::new();
    for c in path.display().to_string().chars() {
        if matches!(c, '\\' | ':' | ',') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

fn package(plan: &mut Plan, spec: &EnterSpec) {
    let host = |path: &Path| Path::new(HOST).join(path.strip_prefix("/").unwrap_or(path));
    mounts::bind(plan, "package", &host(&spec.task), Path::new("/var/task"), Access::ReadOnly);
    match spec.opt.as_slice() {
        [] => {}
        [one] => mounts::bind(plan, "layer", &host(one), Path::new("/opt"), Access::ReadOnly),
        several => {
            // The first named is the top one; AWS lays later layers over earlier ones.
            let lower: Vec<_> = several.iter().rev().map(|p| overlay_path(&host(p))).collect();
            let options = format!("lowerdir={}", lower.join(":"));
            let flags = libc::MS_RDONLY | libc::MS_NOSUID | libc::MS_NODEV;
            mounts::mount(plan, "layers", "overlay", Path::new("/opt"), "overlay", flags, &options);
        }
    }
}

fn tmp(plan: &mut Plan, size_mb: u32, more_flags: u64) {
    let options = format!("mode=1777,size={}m", size_mb.max(1));
    let flags = libc::MS_NOSUID | libc::MS_NODEV | more_flags;
    mounts::mount(plan, "tmp", "tmpfs", Path::new("/tmp"), "tmpfs", flags, &options);
}

fn leave_host(plan: &mut Plan) {
    let at = plan.text(HOST);
    plan.must("leave the host tree", libc::SYS_umount2, &[at, libc::MNT_DETACH.into()]);
}

fn limits(plan: &mut Plan, spec: &EnterSpec) {
    let mut limit = |what, resource: u32, value: u64| {
        let mut pair = value.to_ne_bytes().to_vec();
        pair.extend_from_slice(&value.to_ne_bytes());
        let pair = plan.bytes(&pair);
        let resource = Arg::Value(u64::from(resource));
        plan.must(what, libc::SYS_prlimit64, &[0.into(), resource, Arg::Data(pair), 0.into()]);
    };
    // AWS: 1024 file descriptors, 1024 processes and threads (documented under "Lambda quotas").
    limit("descriptor limit", libc::RLIMIT_NOFILE, 1024);
    limit("core limit", libc::RLIMIT_CORE, 0);
    // Counted per user: only meaningful for a user of the environment's own.
    if spec.layers.has(Layer::Uid) {
        limit("process limit", libc::RLIMIT_NPROC, spec.processes);
    }
}

fn user(plan: &mut Plan, spec: &EnterSpec) {
    if spec.layers.has(Layer::Uid) {
        let id = Arg::Value(u64::from(spec.uid));
        plan.must("groups", libc::SYS_setgroups, &[0.into(), 0.into()]);
        plan.must("group", libc::SYS_setresgid, &[id, id, id]);
        plan.must("user", libc::SYS_setresuid, &[id, id, id]);
    }
    if spec.layers.has(Layer::Uid) || spec.layers.has(Layer::User) {
        // No capability left, inside a user namespace either.
        let mut header = 0x2008_0522u32.to_ne_bytes().to_vec();
        header.extend_from_slice(&0u32.to_ne_bytes());
        let header = plan.bytes(&header);
        let none = plan.bytes(&[0; 24]);
        plan.must("capabilities", libc::SYS_capset, &[Arg::Data(header), Arg::Data(none)]);
        // A change of user makes /proc/self root's; the process must still reach its own /dev/stdout.
        let set = libc::PR_SET_DUMPABLE;
        plan.must("dumpable", libc::SYS_prctl, &[set.into(), 1.into(), 0.into(), 0.into(), 0.into()]);
    }
    // Again: a change of user clears it.
    death_signal(plan);
}

/// Whoever forked this process is gone: so is this process.
fn death_signal(plan: &mut Plan) {
    let set = libc::PR_SET_PDEATHSIG;
    let kill = libc::SIGKILL;
    plan.must("death signal", libc::SYS_prctl, &[set.into(), kill.into(), 0.into(), 0.into(), 0.into()]);
}
