//! One connection's entry in the kernel's table of sockets, asked for by its ends.
//!
//! `/proc/net/tcp` answers the same, but walks the whole table: some milliseconds on a machine with much memory. Here the
//! kernel looks in the one place where it can be (sock_diag(7), `inet_diag_req_v2` without `NLM_F_DUMP`).

use super::sockets::{Socket, mapped};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};
use rustix::net::{recv, send, socket_with};
use std::net::{IpAddr, SocketAddr};

/// `SOCK_DIAG_BY_FAMILY`.
const BY_FAMILY: u16 = 20;
/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// Of a header of netlink.
const HEADER: usize = 16;
/// Of `nlmsghdr` and `inet_diag_req_v2`.
const LENGTH: usize = HEADER + 56;
/// Where `idiag_uid` and `idiag_inode` are in an answer.
const OWNER: std::ops::Range<usize> = HEADER + 64..HEADER + 72;

/// The connected socket `peer` -> `local`, which are of one version of the protocol: an IPv6 socket with an IPv4
/// connection is found by its IPv4 addresses. `None`: there is none, or this kernel cannot be asked.
pub(super) fn find(peer: SocketAddr, local: SocketAddr) -> Option<Socket> {
    let kind = (SocketType::DGRAM, SocketFlags::CLOEXEC, Some(netlink::SOCK_DIAG));
    let kernel = socket_with(AddressFamily::NETLINK, kind.0, kind.1, kind.2).ok()?;
    send(&kernel, &question(peer, local), SendFlags::empty()).ok()?;
    let mut answer = [0u8; 1024];
    // The kernel has answered before `send` came back.
    let (_, length) = recv(&kernel, &mut answer[..], RecvFlags::DONTWAIT).ok()?;
    socket(answer.get(..length)?, peer, local)
}

/// Addresses and ports are in the order of the network, the rest is in the machine's.
fn question(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(LENGTH);
    bytes.extend((LENGTH as u32).to_ne_bytes());
    bytes.extend(BY_FAMILY.to_ne_bytes());
    bytes.extend(REQUEST.to_ne_bytes());
    bytes.extend([0; 8]); // no number, from whoever this is
    let family = if peer.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    bytes.extend([family.as_raw() as u8, 6, 0, 0]); // IPPROTO_TCP, nothing besides
    bytes.extend(u32::MAX.to_ne_bytes()); // in any state
    bytes.extend(ends(peer, local));
    bytes.extend([0; 4]); // on any interface
    bytes.extend([0xff; 8]); // INET_DIAG_NOCOOKIE
    bytes
}

/// The ports, then the addresses in the width of IPv6.
fn ends(peer: SocketAddr, local: SocketAddr) -> Vec<u8> {
    let mut bytes = [peer.port().to_be_bytes(), local.port().to_be_bytes()].concat();
    for address in [peer.ip(), local.ip()] {
        match address {
            IpAddr::V4(ip) => bytes.extend([&ip.octets()[..], &[0; 12]].concat()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
    }
    bytes
}

/// What an `inet_diag_msg` says, if it is about this very connection and not about somebody who listens at its port.
fn socket(answer: &[u8], peer: SocketAddr, local: SocketAddr) -> Option<Socket> {
    let kind = answer.get(4..6)?;
    let its_ends = answer.get(HEADER + 4..HEADER + 40)?;
    // An IPv6 socket with an IPv4 connection tells IPv6 addresses.
    let both = [ends(peer, local), ends(mapped(peer), mapped(local))];
    if kind != BY_FAMILY.to_ne_bytes() || both.iter().all(|ends| ends != its_ends) {
        return None;
    }
    let (words, _) = answer.get(OWNER)?.as_chunks();
    let [uid, inode] = words else { return None };
    Some(Socket { uid: u32::from_ne_bytes(*uid), inode: u32::from_ne_bytes(*inode).into() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsRawFd as _;

    fn inode(of: &TcpStream) -> u64 {
        let link = std::fs::read_link(format!("/proc/self/fd/{}", of.as_raw_fd())).expect("a link");
        let text = link.to_string_lossy().into_owned();
        text.trim_start_matches("socket:[").trim_end_matches(']').parse().expect("a number")
    }

    #[test]
    fn a_connection_is_found_from_either_side_and_no_other() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).expect("a port");
            let local = listener.local_addr().expect("an address");
            let client = TcpStream::connect(local).expect("connected");
            let (server, peer) = listener.accept().expect("accepted");
            let uid = rustix::process::geteuid().as_raw();
            for (from, to, of) in [(peer, local, &client), (local, peer, &server)] {
                let found = find(from, to).expect("found");
                assert_eq!((found.uid, found.inode), (uid, inode(of)), "{from} -> {to}");
            }
            // Whoever listens there is not on the way to anybody.
            assert!(find(local, SocketAddr::new(peer.ip(), peer.port() ^ 1)).is_none());
            assert!(find(local, SocketAddr::new(peer.ip(), 0)).is_none());
        }
    }

    #[test]
    fn an_ipv6_socket_with_an_ipv4_connection_is_found() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let local = listener.local_addr().expect("an address");
        let mapped: SocketAddr = format!("[::ffff:127.0.0.1]:{}", local.port()).parse().expect("an address");
        let client = TcpStream::connect(mapped).expect("connected");
        let (_server, peer) = listener.accept().expect("accepted");
        assert_eq!(find(peer, local).map(|found| found.inode), Some(inode(&client)));
    }
}
