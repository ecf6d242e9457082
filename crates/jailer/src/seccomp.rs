//! Seccomp: the system calls a function has no business with.
//!
//! A list of what is refused, not of what is allowed: functions bring their own native code, and a list of allowed
//! calls ages with every libc. Refused is what administers the machine, looks into other processes, makes
//! namespaces or mounts, or has been the door of kernel exploits without being needed by programs that serve
//! requests. Refused calls fail with EPERM as they would for any unprivileged process (`clone3` with ENOSYS, so
//! that libc falls back to `clone`, whose flags can be looked at).

use crate::plan::{Arg, Plan};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    sock_filter,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Refused whatever the arguments are.
const REFUSED: &[i64] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_fanotify_init,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_kcmp,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_lookup_dcookie,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_name_to_handle_at,
    libc::SYS_nfsservctl,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_userfaultfd,
    libc::SYS_vhangup,
];

/// Ways to make a namespace with `clone`.
const NAMESPACES: i32 = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;

/// Socket families that a function may open; others (packet, vsock, alg, bluetooth, …) are refused.
const FAMILIES: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

fn argument(index: u8, op: SeccompCmpOp, value: u64) -> Option<SeccompCondition> {
    SeccompCondition::new(index, SeccompCmpArgLen::Dword, op, value).ok()
}

fn filter(rules: BTreeMap<i64, Vec<SeccompRule>>, errno: i32) -> Option<BpfProgram> {
    let arch = std::env::consts::ARCH.try_into().ok()?;
    let refuse = SeccompAction::Errno(errno as u32);
    SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).ok()?.try_into().ok()
}

/// The filters, one per error number, and one of another kind. `None` on an architecture that has none.
fn programs() -> Option<&'static [BpfProgram]> {
    static PROGRAMS: OnceLock<Option<Vec<BpfProgram>>> = OnceLock::new();
    PROGRAMS.get_or_init(build).as_deref()
}

fn build() -> Option<Vec<BpfProgram>> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(|nr| (*nr, vec![])).collect();
    let mut clone = Vec::new();
    for bit in (0..32).map(|b| 1u64 << b).filter(|b| *b & NAMESPACES as u64 != 0) {
        clone.push(SeccompRule::new(vec![argument(0, SeccompCmpOp::MaskedEq(bit), bit)?]).ok()?);
    }
    rules.insert(libc::SYS_clone, clone);
    // Only the families above; of netlink only routing (family 0), which name resolution needs. Socket
    // diagnosis would list the Runtime API ports of others.
    let mut socket = Vec::new();
    let others = FAMILIES.iter().map(|f| argument(0, SeccompCmpOp::Ne, *f as u64)).collect::<Option<_>>()?;
    socket.push(SeccompRule::new(others).ok()?);
    let netlink = vec![
        argument(0, SeccompCmpOp::Eq, libc::AF_NETLINK as u64)?,
        argument(2, SeccompCmpOp::Ne, libc::NETLINK_ROUTE as u64)?,
    ];
    socket.push(SeccompRule::new(netlink).ok()?);
    rules.insert(libc::SYS_socket, socket);
    let tiocsti = argument(1, SeccompCmpOp::Eq, libc::TIOCSTI)?;
    rules.insert(libc::SYS_ioctl, vec![SeccompRule::new(vec![tiocsti]).ok()?]);
    let absent = BTreeMap::from([(libc::SYS_clone3, vec![])]);
    let mut programs = vec![filter(absent, libc::ENOSYS)?, filter(rules, libc::EPERM)?];
    if cfg!(target_arch = "x86_64") {
        programs.push(other_dialect());
    }
    Some(programs)
}

/// Refuses the calls of x32: the architecture that a filter sees is the same, their numbers have a bit more, so that
/// the numbers of the lists above would not be met. A kernel may be built without them; this one then stays quiet.
fn other_dialect() -> BpfProgram {
    const X32: u32 = 0x4000_0000;
    let op = |code: u32, jf, k| sock_filter { code: code as u16, jt: 0, jf, k };
    vec![
        op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0), // the number
        op(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 1, X32),
        op(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, libc::SECCOMP_RET_ALLOW),
    ]
}

/// Whether this architecture has filters.
pub(crate) fn available() -> bool {
    programs().is_some()
}

/// Appends the steps that install the filters. They need no-new-privs set before them.
pub(crate) fn add(plan: &mut Plan) {
    for program in programs().unwrap_or_default() {
        let mut code = Vec::with_capacity(program.len() * 8);
        for op in program {
            code.extend_from_slice(&op.code.to_ne_bytes());
            code.extend_from_slice(&[op.jt, op.jf]);
            code.extend_from_slice(&op.k.to_ne_bytes());
        }
        let code = plan.bytes(&code);
        // struct sock_fprog: u16 length, padding, pointer.
        let mut header = [0u8; 16];
        for (to, from) in header.iter_mut().zip((program.len() as u16).to_ne_bytes()) {
            *to = from;
        }
        let header = plan.bytes(&header);
        plan.pointers.push((header + 8, code));
        let mode = libc::SECCOMP_SET_MODE_FILTER as u64;
        plan.must("seccomp filter", libc::SYS_seccomp, &[mode.into(), 0.into(), Arg::Data(header)]);
    }
}
