//! Whose a socket on loopback is: environments share the machine's network, so an address proves nothing.

use super::process::Process;
#[cfg(target_os = "linux")]
use super::sock_diag;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// The kernel's tables of sockets.
const TABLE: &str = "/proc/net/tcp";
const TABLE6: &str = "/proc/net/tcp6";

/// Whose sockets are let in.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Owner {
    /// This user's: environments have a user each.
    User(u32),
    /// Those of the environment's processes: all environments are the server's user, each in a pid namespace.
    Namespace,
    /// Anybody's: no isolation was asked for, or nobody else is in the network.
    Anyone,
}

/// A line of the kernel's table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Socket {
    pub uid: u32,
    pub inode: u64,
}

/// The sockets of a table whose ends and state are as `is` says.
fn lines(table: &str, is: impl Fn(&str, &str, &str) -> bool) -> Vec<Socket> {
    let text = std::fs::read_to_string(table).unwrap_or_default();
    let found = text.lines().skip(1).filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (from, to, state) = (fields.next()?, fields.next()?, fields.next()?);
        if !is(from, to, state) {
            return None;
        }
        let mut rest = fields.skip(3);
        Some(Socket { uid: rest.next()?.parse().ok()?, inode: rest.nth(1)?.parse().ok()? })
    });
    found.collect()
}

/// An address as the kernel's tables write it: words of the machine's own byte order.
fn hex(address: SocketAddr) -> String {
    let word = |bytes: &[u8; 4]| format!("{:08X}", u32::from_ne_bytes(*bytes));
    let ip = match address.ip() {
        IpAddr::V4(ip) => word(&ip.octets()),
        IpAddr::V6(ip) => ip.octets().as_chunks().0.iter().map(word).collect(),
    };
    format!("{ip}:{:04X}", address.port())
}

/// The address as an IPv6 socket has it.
pub(super) fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

/// The connected socket `peer` -> `local`, of either version of the protocol, while somebody has it: one that its
/// process has closed already is nobody's.
pub(crate) fn of(peer: SocketAddr, local: SocketAddr) -> Option<Socket> {
    find(peer, local, |socket| socket.inode != 0)
}

/// The connected socket `peer` -> `local` that `is` one: of the kernel's answer, or else of its tables.
fn find(peer: SocketAddr, local: SocketAddr, is: impl Fn(&Socket) -> bool) -> Option<Socket> {
    let plain = v4(peer).zip(v4(local)).map(|(peer, local)| (SocketAddr::V4(peer), SocketAddr::V4(local)));
    #[cfg(target_os = "linux")]
    {
        let (peer, local) = plain.unwrap_or((peer, local));
        if let Some(socket) = sock_diag::find(peer, local).filter(&is) {
            return Some(socket);
        }
    }
    let listed = |table: &str, (peer, local): (SocketAddr, SocketAddr)| {
        let (peer, local) = (hex(peer), hex(local));
        lines(table, |from, to, _| from == peer && to == local).into_iter().find(&is)
    };
    // A client with an IPv6 socket, such as Java's own, has an IPv4 connection in the other table.
    plain.and_then(|ends| listed(TABLE, ends)).or_else(|| listed(TABLE6, (mapped(peer), mapped(local))))
}

/// Whether a process that is not below this one holds the socket with this inode. Processes of other users are not
/// looked into.
pub(crate) fn held_elsewhere(inode: u64) -> bool {
    let own = std::process::id();
    let parent = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(") ")?.1.split(' ').nth(1)?.parse::<u32>().ok().filter(|parent| *parent > 0)
    };
    let outside = |pid: u32| !std::iter::successors(Some(pid), |pid| parent(*pid)).any(|pid| pid == own);
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).collect();
    // Whoever calls has mostly just been started.
    pids.sort_unstable_by(|one, other| other.cmp(one));
    pids.into_iter().any(|pid| holds(&format!("/proc/{pid}"), inode) && outside(pid))
}

/// Whether the process of this folder below `/proc` holds the socket.
fn holds(process: &str, inode: u64) -> bool {
    let socket = format!("socket:[{inode}]");
    let open = std::fs::read_dir(format!("{process}/fd")).into_iter().flatten().flatten();
    open.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == socket.as_str()))
}

impl Owner {
    /// Whether the connected socket `peer` -> `local` belongs to the environment of `process`.
    pub fn connected(self, process: &Process, peer: SocketAddrV4, local: SocketAddrV4) -> bool {
        if matches!(self, Owner::Anyone) {
            return true; // in a network of its own, which the table here does not show
        }
        find(peer.into(), local.into(), |socket| self.is_of(process, socket)).is_some()
    }

    /// Whether what listens at `address`, on all addresses too, belongs to the environment of `process`.
    pub fn listens(self, process: &Process, address: SocketAddrV4) -> bool {
        const LISTEN: &str = "0A";
        if matches!(self, Owner::Anyone) && !std::path::Path::new(TABLE).exists() {
            return true; // a system without these tables
        }
        let address = SocketAddr::V4(address);
        let all = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), address.port());
        let all6 = SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.port());
        // The kernel prefers the most exact one.
        for (table, local) in [
            (TABLE, hex(address)),
            (TABLE6, hex(mapped(address))),
            (TABLE, hex(all)),
            (TABLE6, hex(mapped(all))),
            (TABLE6, hex(all6)),
        ] {
            let here = |from: &str, _: &str, state: &str| from == local && state == LISTEN;
            if Owner::Anyone.any(process, table, here) {
                return self.any(process, table, here);
            }
        }
        false
    }

    fn any(self, process: &Process, table: &str, is: impl Fn(&str, &str, &str) -> bool) -> bool {
        lines(table, is).iter().any(|socket| self.is_of(process, socket))
    }

    fn is_of(self, process: &Process, socket: &Socket) -> bool {
        match self {
            Owner::User(uid) => socket.uid == uid,
            Owner::Namespace => held(process, socket.inode),
            Owner::Anyone => true,
        }
    }
}

/// Whether a process in the environment's pid namespace holds the socket with this inode.
fn held(process: &Process, inode: u64) -> bool {
    let Some(pid) = process.pid() else { return false };
    // Of the process that waits outside, too, this is the namespace inside.
    let Ok(namespace) = std::fs::read_link(format!("/proc/{pid}/ns/pid_for_children")) else { return false };
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = all
        .map(|entry| entry.path())
        .filter(|path| std::fs::read_link(path.join("ns/pid")).is_ok_and(|theirs| theirs == namespace));
    inside.into_iter().any(|path| holds(&path.display().to_string(), inode))
}

/// The address as IPv4.
pub(crate) fn v4(address: SocketAddr) -> Option<SocketAddrV4> {
    match address.ip() {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, address.port())),
        IpAddr::V6(ip) => Some(SocketAddrV4::new(ip.to_ipv4_mapped()?, address.port())),
    }
}
