//! Landlock: what the process may do with files, below what the mounts allow already.
//!
//! A second lock behind the mount namespace: should a mount be missing or a path leak in, a function still can
//! only read and execute, and write below `/tmp` only. From ABI 6 on it also cuts abstract Unix sockets and
//! signals to processes outside, which a shared network namespace would let through.

use crate::layers::Layer;
use crate::plan::{Arg, Plan};

const CREATE_RULESET: i64 = libc::SYS_landlock_create_ruleset;
const ADD_RULE: i64 = libc::SYS_landlock_add_rule;
const RESTRICT_SELF: i64 = libc::SYS_landlock_restrict_self;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const IOCTL_DEV: u64 = 1 << 15;
/// Everything of ABI 1.
const ALL_1: u64 = (1 << 13) - 1;

/// The kernel's landlock version; 0 when there is none.
pub(crate) fn abi() -> i32 {
    // SAFETY: with a null ruleset and the version flag the call only answers a number.
    let version = unsafe { libc::syscall(CREATE_RULESET, std::ptr::null::<u8>(), 0usize, 1u32) };
    i32::try_from(version).unwrap_or(0).max(0)
}

/// Whether landlock here keeps a process from the abstract Unix sockets of others in its network (Linux 6.12).
pub fn scopes_sockets() -> bool {
    abi() >= 6 && crate::probe().layers.has(Layer::Landlock)
}

/// Appends the steps. They need no-new-privs set before them.
pub(crate) fn add(plan: &mut Plan, abi: i32) {
    let mut handled = ALL_1;
    handled |= if abi >= 2 { REFER } else { 0 };
    handled |= if abi >= 3 { TRUNCATE } else { 0 };
    handled |= if abi >= 5 { IOCTL_DEV } else { 0 };
    let scoped: u64 = if abi >= 6 { 0b11 } else { 0 };
    let size = match abi {
        ..=3 => 8u64,
        4..=5 => 16,
        _ => 24,
    };
    let mut attr = Vec::new();
    attr.extend_from_slice(&handled.to_ne_bytes());
    attr.extend_from_slice(&0u64.to_ne_bytes());
    attr.extend_from_slice(&scoped.to_ne_bytes());
    let attr = plan.bytes(&attr);
    let rules = plan.must("landlock ruleset", CREATE_RULESET, &[Arg::Data(attr), size.into(), 0.into()]);
    let rights = [
        ("/", EXECUTE | READ_FILE | READ_DIR),
        ("/tmp", handled),
        ("/dev", READ_FILE | WRITE_FILE | READ_DIR | handled & (IOCTL_DEV | TRUNCATE)),
        ("/proc", READ_FILE | WRITE_FILE | READ_DIR | handled & TRUNCATE),
    ];
    for (path, access) in rights {
        rule(plan, rules, path, access);
    }
    plan.must("landlock restrict", RESTRICT_SELF, &[Arg::Result(rules), 0.into()]);
    plan.may("close", libc::SYS_close, &[Arg::Result(rules)]);
}

fn rule(plan: &mut Plan, rules: u16, path: &str, access: u64) {
    // struct landlock_path_beneath_attr, packed: u64 access, i32 descriptor.
    let mut attr = access.to_ne_bytes().to_vec();
    attr.extend_from_slice(&(-1i32).to_ne_bytes());
    let attr = plan.bytes(&attr);
    let path = plan.text(path);
    let flags = libc::O_PATH | libc::O_CLOEXEC;
    let fd = plan.may("landlock path", libc::SYS_openat, &[libc::AT_FDCWD.into(), path, flags.into()]);
    plan.store_last(attr + 8);
    // A missing path has no rule, which forbids: that is the safe side.
    plan.may("landlock rule", ADD_RULE, &[Arg::Result(rules), 1.into(), Arg::Data(attr), 0.into()]);
    plan.may("close", libc::SYS_close, &[Arg::Result(fd)]);
}
