//! Whose a socket on loopback is: environments share the machine's network, so an address proves nothing.

use super::process::Process;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4};

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
struct Socket {
    uid: u32,
    inode: u64,
}

impl Owner {
    /// Whether the connected socket `peer` -> `local` belongs to the environment of `process`.
    pub fn connected(self, process: &Process, peer: SocketAddrV4, local: SocketAddrV4) -> bool {
        if matches!(self, Owner::Anyone) {
            return true; // in a network of its own, which the table here does not show
        }
        let is = |ends: (String, String)| move |from: &str, to: &str, _: &str| from == ends.0 && to == ends.1;
        // A client with an IPv6 socket, such as Java's own, has an IPv4 connection in the other table.
        self.any(process, "/proc/net/tcp", is((hex(peer), hex(local))))
            || self.any(process, "/proc/net/tcp6", is((mapped(peer), mapped(local))))
    }

    /// Whether what listens at `address`, on all addresses too, belongs to the environment of `process`.
    pub fn listens(self, process: &Process, address: SocketAddrV4) -> bool {
        const LISTEN: &str = "0A";
        let all = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, address.port());
        let all6 = format!("{}:{:04X}", "0".repeat(32), address.port());
        // The kernel prefers the most exact one.
        for (table, local) in [
            ("/proc/net/tcp", hex(address)),
            ("/proc/net/tcp6", mapped(address)),
            ("/proc/net/tcp", hex(all)),
            ("/proc/net/tcp6", mapped(all)),
            ("/proc/net/tcp6", all6),
        ] {
            let here = |from: &str, _: &str, state: &str| from == local && state == LISTEN;
            if Owner::Anyone.any(process, table, here) {
                return self.any(process, table, here);
            }
        }
        false
    }

    fn any(self, process: &Process, table: &str, is: impl Fn(&str, &str, &str) -> bool) -> bool {
        let text = std::fs::read_to_string(table).unwrap_or_default();
        let mut found = text.lines().skip(1).filter_map(|line| {
            let mut fields = line.split_ascii_whitespace().skip(1);
            let (from, to, state) = (fields.next()?, fields.next()?, fields.next()?);
            if !is(from, to, state) {
                return None;
            }
            let mut rest = fields.skip(3);
            Some(Socket { uid: rest.next()?.parse().ok()?, inode: rest.nth(1)?.parse().ok()? })
        });
        found.any(|socket| match self {
            Owner::User(uid) => socket.uid == uid,
            Owner::Namespace => held(process, socket.inode),
            Owner::Anyone => true,
        })
    }
}

/// An address as the kernel's table of IPv4 sockets shows it.
fn hex(address: SocketAddrV4) -> String {
    format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port())
}

/// `::ffff:a.b.c.d` as the table of IPv6 sockets shows it: four words in the machine's order.
fn mapped(address: SocketAddrV4) -> String {
    format!("{}{:08X}{}", "0".repeat(16), u32::from_ne_bytes([0, 0, 0xff, 0xff]), hex(address))
}

/// Whether a process in the environment's pid namespace holds the socket with this inode.
fn held(process: &Process, inode: u64) -> bool {
    let Some(pid) = process.pid() else { return false };
    // Of the process that waits outside, too, this is the namespace inside.
    let Ok(namespace) = std::fs::read_link(format!("/proc/{pid}/ns/pid_for_children")) else { return false };
    let socket = format!("socket:[{inode}]");
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let inside = all
        .map(|entry| entry.path())
        .filter(|path| std::fs::read_link(path.join("ns/pid")).is_ok_and(|theirs| theirs == namespace));
    inside.into_iter().any(|path| {
        let open = std::fs::read_dir(path.join("fd")).into_iter().flatten().flatten();
        open.into_iter()
            .any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to.as_os_str() == socket.as_str()))
    })
}

/// The address as IPv4.
pub(crate) fn v4(address: std::net::SocketAddr) -> Option<SocketAddrV4> {
    match address.ip() {
        IpAddr::V4(ip) => Some(SocketAddrV4::new(ip, address.port())),
        IpAddr::V6(ip) => Some(SocketAddrV4::new(ip.to_ipv4_mapped()?, address.port())),
    }
}
