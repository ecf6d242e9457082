"""Attempts to get out of an environment, or to reach another's. Run inside, as a function's code would; prints the
names of those that got through, as JSON. `tests/escapes.rs` says what `told` holds.

Each attempt gives a true value when it got through. None of them does harm where it does: `escapes.rs` runs them
without a jail too, to see that they would be noticed.
"""

import ctypes
import errno
import fcntl
import glob
import json
import mmap
import os
import signal
import socket
import sys

told = json.loads(sys.argv[1])
libc = ctypes.CDLL(None, use_errno=True)
ATTEMPTS = []
ME = {os.getpid(), os.getppid()}
# Processes outside: the server, its children, and those of the victim.
OTHERS = [pid for pid in told["pids"] if pid not in ME]


def attempt(function):
    ATTEMPTS.append(function)
    return function


def call(number, *arguments):
    """A raw system call of x86-64: its result, or its error number below zero."""
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments])
    return -ctypes.get_errno() if result == -1 else result


def not_refused(number, *arguments):
    """Whether the filter lets a call through to the kernel, which then may dislike the arguments."""
    return call(number, *arguments) != -errno.EPERM


def aside(function):
    """Whether it gives a true value in a process of its own, which it may change for good."""
    pid = os.fork()
    if pid == 0:
        try:
            os._exit(0 if function() else 1)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def opens(path, how="rb"):
    try:
        with open(path, how) as file:
            return how != "rb" or file.read(1) is not None
    except OSError:
        return False


def holds(path, secret):
    try:
        with open(path, "rb") as file:
            return secret.encode() in file.read(1 << 20)
    except OSError:
        return False


# Other processes.


@attempt
def sees_a_process_of_others():
    return [pid for pid in OTHERS if os.path.exists("/proc/%d" % pid)]


@attempt
def reads_the_environment_of_others():
    return any(holds(path, told["secret"]) for path in glob.glob("/proc/[0-9]*/environ") if not_mine(path))


@attempt
def reads_the_memory_of_others():
    return [path for path in glob.glob("/proc/[0-9]*/mem") if not_mine(path) and can_open(path)]


@attempt
def reads_the_servers_environment():
    return "CROSSGATE_TEST_SENTINEL" in os.environ or any(
        holds(path, "CROSSGATE_TEST_SENTINEL") for path in glob.glob("/proc/[0-9]*/environ")
    )


@attempt
def walks_through_the_root_of_another_process():
    return [p for p in glob.glob("/proc/[0-9]*/root") if not_mine(p) and os.access(p + "/etc/passwd", os.R_OK)]


def not_mine(path):
    return int(path.split("/")[2]) not in ME


@attempt
def signals_a_process_of_others():
    return any(call(62, pid, 0) == 0 for pid in OTHERS)  # kill


@attempt
def seizes_a_process_of_others():
    seized = [pid for pid in OTHERS if call(101, 0x4206, pid, 0, 0) == 0]  # ptrace, PTRACE_SEIZE
    for pid in seized:
        call(101, 0x4207, pid, 0, 0)
        call(101, 17, pid, 0, 0)
    return seized


@attempt
def traces_at_all():
    return not_refused(101, 0x4206, 0x7FFFFFF, 0, 0)


@attempt
def copies_the_memory_of_others():
    return not_refused(310, 0x7FFFFFF, 0, 0, 0, 0, 0)  # process_vm_readv


@attempt
def takes_a_descriptor_of_others():
    for pid in OTHERS:
        handle = call(434, pid, 0)  # pidfd_open
        if handle >= 0 and call(438, handle, 1, 0) >= 0:  # pidfd_getfd
            return True
    return not_refused(438, -1, 0, 0)


@attempt
def limits_a_process_of_others():
    room = (ctypes.c_ulong * 2)()
    return any(call(302, pid, 7, 0, ctypes.byref(room)) == 0 for pid in OTHERS)  # prlimit64


@attempt
def compares_processes():
    return not_refused(312, 1, 1, 0, 0, 0)  # kcmp


# Files.


@attempt
def reads_what_the_server_keeps():
    ways = ["", "/proc/self/root", "/proc/self/root/..", "/proc/1/root", "/proc/1/cwd/../..", "/.host", "/var/task/../.."]
    return [way + path for way in ways for path in told["files"] if opens(way + path)]


@attempt
def finds_the_servers_folders():
    return [path for path in told["folders"] if os.path.isdir(path) and os.listdir(path)]


@attempt
def opens_a_file_by_its_handle():
    return not_refused(304, -1, 0, 0) or not_refused(303, -1, 0, 0, 0, 0)  # open_by_handle_at, name_to_handle_at


@attempt
def writes_outside_tmp():
    folders = ["/", "/var/task", "/opt", "/etc", "/usr", "/usr/local", "/var", "/run", "/dev", "/home", "/root", "/var/runtime"]
    written = [path for path in folders if os.access(path, os.W_OK)]
    return written + [path for path in ["/etc/passwd", "/etc/hosts"] if opens(path, "r+b")]


@attempt
def runs_set_uid_programs_from_somewhere():
    return [p for p in ["/", "/usr", "/tmp", "/var/task", "/proc", "/etc"] if not os.statvfs(p).f_flag & os.ST_NOSUID]


@attempt
def opens_a_device():
    names = ["mem", "kmem", "kmsg", "port", "vda", "sda", "nvme0n1", "fuse", "net/tun", "kvm", "tty", "ptmx", "console", "loop0"]
    return [n for n in names if can_open("/dev/" + n)]


def can_open(path):
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY))
        return True
    except OSError:
        return False


@attempt
def makes_a_device():
    os.mknod("/tmp/device", 0o20666, os.makedev(1, 1))
    return True


@attempt
def sees_sys():
    return glob.glob("/sys/*")


@attempt
def opens_a_control_group():
    with open("/proc/self/mounts") as mounts:
        where = [line.split()[1] for line in mounts if line.split()[2].startswith("cgroup")]
    own = [line.split(":", 2)[2].strip() for line in open("/proc/self/cgroup")]
    return [w + o for w in where + ["/sys/fs/cgroup"] for o in own + [""] if os.path.exists(w + o + "/cgroup.procs")]


@attempt
def writes_the_kernels_settings():
    settings = ["sys/kernel/core_pattern", "sysrq-trigger", "sys/vm/drop_caches", "sys/net/ipv4/ip_forward"]
    return [s for s in settings if opens("/proc/" + s, "r+b")]


@attempt
def escapes_the_out_of_memory_killer():
    before = open("/proc/self/oom_score_adj").read()
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("-999")
    return open("/proc/self/oom_score_adj").read() != before


# Privileges and namespaces.


@attempt
def becomes_root():
    return any(call(n, 0, 0, 0) == 0 and os.geteuid() == 0 for n in (105, 117)) and told["user"] != 0  # setuid, setresuid


@attempt
def gains_capabilities():
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    every = (ctypes.c_uint32 * 6)(*[0xFFFFFFFF] * 6)
    with open("/proc/self/status") as status:
        has = any(line.startswith(("CapEff", "CapPrm", "CapInh", "CapAmb")) and int(line.split()[1], 16) for line in status)
    return has or call(126, header, every) == 0  # capset


@attempt
def keeps_the_rights_of_programs():
    with open("/proc/self/status") as status:
        return not any(line.split() == ["NoNewPrivs:", "1"] for line in status)


@attempt
def makes_a_namespace():
    kinds = [0x10000000, 0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x20000000, 0x40000000, 0x80]
    return [hex(kind) for kind in kinds if aside(lambda: not_refused(272, kind))]  # unshare


@attempt
def clones_into_a_namespace():
    pid = call(56, 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)  # clone, CLONE_NEWUSER
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
    return pid > 0


@attempt
def clones_into_a_namespace_with_the_newer_call():
    arguments = (ctypes.c_uint64 * 11)(0x10000000, 0, 0, 0, signal.SIGCHLD)
    pid = call(435, ctypes.byref(arguments), ctypes.sizeof(arguments))  # clone3
    if pid == 0:
        os._exit(0)
    if pid > 0:
        os.waitpid(pid, 0)
    return pid > 0


@attempt
def joins_a_namespace():
    handle = os.open("/proc/self/ns/ipc", os.O_RDONLY)
    try:
        return not_refused(308, handle, 0x04000000)  # setns
    finally:
        os.close(handle)


@attempt
def maps_users():
    with open("/proc/self/uid_map", "w") as file:
        file.write("0 0 1\n")
    return True


@attempt
def mounts():
    # mount, umount2, pivot_root, chroot, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr
    numbers = [165, 166, 155, 161, 428, 429, 430, 431, 432, 433, 442]
    return [number for number in numbers if aside(lambda: not_refused(number, 0, 0, 0, 0, 0))]


@attempt
def calls_what_administers_the_machine():
    # acct, adjtimex, bpf, clock_settime, delete_module, fanotify_init, finit_module, init_module, kexec_load,
    # perf_event_open, personality, quotactl, reboot, setdomainname, sethostname, swapoff, swapon, syslog, vhangup
    calls = [163, 159, 321, 227, 176, 300, 313, 175, 246, 298, 135, 179, 169, 171, 170, 168, 167, 103]
    return [number for number in calls if not_refused(number, 0, 0, 0, 0, 0)]


@attempt
def uses_doors_of_the_past():
    # io_uring_setup, io_uring_enter, userfaultfd, process_madvise
    return [n for n in (425, 426, 323, 440) if not_refused(n, 0, 0, 0, 0, 0)]


@attempt
def uses_keyrings():
    # add_key, request_key, keyctl
    return [n for n in (248, 249, 250) if not_refused(n, 0, 0, 0, 0, 0)]


@attempt
def calls_in_another_dialect():
    """The x32 calls have the same architecture and other numbers: a filter of numbers does not know them."""
    return not_refused(0x40000000 | 39)


@attempt
def calls_as_a_32_bit_program():
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\x00\x00\x00\xcd\x80\xc3")  # getpid by interrupt 0x80
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return aside(lambda: function() == os.getpid())


@attempt
def types_into_a_terminal():
    try:
        fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI
        return True
    except OSError as e:
        return e.errno != errno.EPERM


@attempt
def has_a_terminal_to_lose():
    return os.getsid(0) != os.getpid() and can_open("/dev/tty")


# Ways between processes.


@attempt
def connects_to_an_abstract_socket_of_others():
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + told["abstract"])
        return True


@attempt
def sends_to_an_abstract_socket_of_others():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.sendto(b"x", "\0" + told["abstract"] + "-datagram")
        return True


@attempt
def attaches_shared_memory_of_others():
    return call(29, told["key"], 0, 0) >= 0  # shmget


@attempt
def opens_a_message_queue_of_others():
    return call(68, told["key"], 0) >= 0  # msgget


@attempt
def opens_a_posix_queue_of_others():
    return call(240, ctypes.c_char_p(told["abstract"].encode()), os.O_RDONLY, 0, 0) >= 0  # mq_open


@attempt
def opens_posix_shared_memory_of_others():
    return os.path.exists("/dev/shm/" + told["abstract"])


@attempt
def reads_tmp_of_others():
    return os.path.exists("/tmp/" + told["abstract"])


@attempt
def inherits_descriptors():
    """The log's pipe, /dev/null, and one connected stream socket to the Runtime API are an environment's own."""
    found, sockets = [], 0
    for pid in sorted(ME):
        for name in os.listdir("/proc/%d/fd" % pid):
            try:
                target = os.readlink("/proc/%d/fd/%s" % (pid, name))
            except OSError:
                continue
            sockets += target.startswith("socket:") and pid == max(ME) and is_packet_socket(int(name))
            own = ("/dev/null", "pipe:", "socket:", "/proc/", "anon_inode:", "/dev/urandom", "/var/task/", "/var/runtime/", told["task"])
            if not target.startswith(own):
                found.append(target)
    return found + ["a packet socket"] * sockets


def is_packet_socket(fd):
    with socket.socket(fileno=os.dup(fd)) as s:
        return s.type == socket.SOCK_SEQPACKET


@attempt
def asks_the_runtime_api_of_others():
    return asks("GET /2018-06-01/")


@attempt
def answers_for_others():
    return asks("POST /2018-06-01/runtime/invocation/%s/response" % told["request"])


def asks(line):
    host, port = told["api"].split(":")
    with socket.create_connection((host, int(port)), 1) as s:
        s.sendall((line + " HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").encode())
        return s.recv(16) != b""


@attempt
def opens_a_socket_of_another_kind():
    # packet, raw, socket diagnosis, virtual machines', the kernel's ciphers, Bluetooth
    kinds = [(17, 3, 0), (2, 3, 1), (16, 3, 4), (40, 1, 0), (38, 5, 0), (31, 3, 0)]
    return [kind for kind in kinds if call(41, *kind) >= 0]


@attempt
def knows_the_machines_name():
    return socket.gethostname() == told["host"]


through = {}
for function in ATTEMPTS:
    try:
        result = function()
    except (OSError, ValueError, AttributeError) as e:
        result = False
        if told.get("explain"): sys.stderr.write("%s: %r\n" % (function.__name__, e))
    if result:
        through[function.__name__] = result if isinstance(result, list) else True
print(json.dumps(through))
