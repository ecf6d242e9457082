//! Steps that mount.

use crate::plan::{Arg, Plan};
use std::path::Path;

const SYS_MOUNT_SETATTR: i64 = libc::SYS_mount_setattr;
const AT_RECURSIVE: i32 = 0x8000;
const ATTR_RDONLY: u64 = 1;
const ATTR_NOSUID: u64 = 2;
const ATTR_NODEV: u64 = 4;

/// How a bind is restricted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing can be changed, no set-uid, no devices.
    ReadOnly,
    /// A device file.
    Device,
}

pub(crate) fn mkdir(plan: &mut Plan, path: &Path) {
    let path = plan.path(path);
    plan.may("mkdir", libc::SYS_mkdirat, &[libc::AT_FDCWD.into(), path, 0o755.into()]);
}

/// `path` and its parents below `root`.
pub(crate) fn mkdir_all(plan: &mut Plan, root: &Path, path: &Path) {
    let mut at = root.to_path_buf();
    for part in path.strip_prefix("/").unwrap_or(path).components() {
        at.push(part);
        mkdir(plan, &at);
    }
}

pub(crate) fn mount(
    plan: &mut Plan,
    what: &'static str,
    source: &str,
    target: &Path,
    kind: &str,
    flags: u64,
    options: &str,
) {
    let (source, target, kind) = (plan.text(source), plan.path(target), plan.text(kind));
    let options = plan.text(options);
    plan.must(what, libc::SYS_mount, &[source, target, kind, flags.into(), options]);
}

/// Binds `source` at `target` with everything mounted below it.
pub(crate) fn bind(plan: &mut Plan, what: &'static str, source: &Path, target: &Path, access: Access) {
    let from = plan.path(source);
    let to = plan.path(target);
    let flags = libc::MS_BIND | libc::MS_REC;
    plan.must(what, libc::SYS_mount, &[from, to, 0.into(), flags.into(), 0.into()]);
    if access == Access::ReadOnly {
        restrict(plan, what, target, true);
    }
}

/// Makes the mount at `target` read-only, without set-uid programs and devices. `mount_setattr` only adds
/// restrictions, so it is allowed where a remount would trip over locked flags (in a user namespace).
pub(crate) fn restrict(plan: &mut Plan, what: &'static str, target: &Path, recursive: bool) {
    // struct mount_attr: set, clear, propagation, user namespace.
    let mut attr = [0u8; 32];
    for (to, from) in attr.iter_mut().zip((ATTR_RDONLY | ATTR_NOSUID | ATTR_NODEV).to_ne_bytes()) {
        *to = from;
    }
    let attr = plan.bytes(&attr);
    let target = plan.path(target);
    let flags = if recursive { AT_RECURSIVE } else { 0 };
    plan.must(
        what,
        SYS_MOUNT_SETATTR,
        &[libc::AT_FDCWD.into(), target, flags.into(), Arg::Data(attr), 32.into()],
    );
}

/// An empty file to mount a device on.
pub(crate) fn touch(plan: &mut Plan, path: &Path) {
    let path = plan.path(path);
    let flags = libc::O_CREAT | libc::O_WRONLY | libc::O_CLOEXEC;
    let fd = plan.must("file", libc::SYS_openat, &[libc::AT_FDCWD.into(), path, flags.into(), 0o644.into()]);
    plan.may("close", libc::SYS_close, &[Arg::Result(fd)]);
}

/// Writes `text` to an existing file in one call.
pub(crate) fn write(plan: &mut Plan, what: &'static str, path: &str, text: &str, optional: bool) {
    let flags = libc::O_WRONLY | libc::O_CLOEXEC;
    let path = plan.text(path);
    let length = text.len() as u64;
    let text = plan.text(text);
    let open: [Arg; 3] = [libc::AT_FDCWD.into(), path, flags.into()];
    let fd = if optional {
        plan.may(what, libc::SYS_openat, &open)
    } else {
        plan.must(what, libc::SYS_openat, &open)
    };
    let call: [Arg; 3] = [Arg::Result(fd), text, length.into()];
    if optional {
        plan.may(what, libc::SYS_write, &call);
    } else {
        plan.must(what, libc::SYS_write, &call);
    }
    plan.may("close", libc::SYS_close, &[Arg::Result(fd)]);
}
