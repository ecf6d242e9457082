//! A network namespace with nothing in it but loopback, and listening sockets handed out of it.
//!
//! What listens inside is a socket of the server's: it gets the descriptors, accepts from outside the namespace, and
//! forwards what it pleases. So the namespace needs no link, address or route.

use crate::plan::{Arg, Plan};
use crate::spec::Network;

/// `SIOCSIFFLAGS`.
const SET_FLAGS: u64 = 0x8914;

/// Appends the steps. They need the rights of a root, in a user namespace at least.
pub(crate) fn add(plan: &mut Plan, network: &Network) {
    plan.must("network namespace", libc::SYS_unshare, &[libc::CLONE_NEWNET.into()]);
    let stream = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let socket = |plan: &mut Plan, kind: i32| {
        plan.must("socket", libc::SYS_socket, &[libc::AF_INET.into(), kind.into(), 0.into()])
    };
    // struct ifreq: sixteen bytes of name, the flags.
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16..18].copy_from_slice(&((libc::IFF_UP | libc::IFF_RUNNING) as u16).to_ne_bytes());
    let request = plan.bytes(&request);
    let any = socket(plan, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC);
    plan.must("loopback", libc::SYS_ioctl, &[Arg::Result(any), SET_FLAGS.into(), Arg::Data(request)]);
    plan.must("close", libc::SYS_close, &[Arg::Result(any)]);
    let count = network.ports.len().min(4);
    // struct cmsghdr: length, level, type; then the descriptors.
    let mut control = [0u8; 32];
    control[..8].copy_from_slice(&(16 + 4 * count).to_ne_bytes());
    control[8..12].copy_from_slice(&libc::SOL_SOCKET.to_ne_bytes());
    control[12..16].copy_from_slice(&libc::SCM_RIGHTS.to_ne_bytes());
    let control = plan.bytes(&control);
    let mut sockets = Vec::new();
    for (index, port) in network.ports.iter().take(count).enumerate() {
        // struct sockaddr_in: family, port, address.
        let mut address = [0u8; 16];
        address[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        address[2..4].copy_from_slice(&port.to_be_bytes());
        address[4..8].copy_from_slice(&[127, 0, 0, 1]);
        let address = plan.bytes(&address);
        let listening = socket(plan, stream);
        plan.store_last(control + 16 + 4 * index as u32);
        plan.must("bind", libc::SYS_bind, &[Arg::Result(listening), Arg::Data(address), 16.into()]);
        plan.must("listen", libc::SYS_listen, &[Arg::Result(listening), 128.into()]);
        sockets.push(listening);
    }
    let byte = plan.bytes(b"N");
    // struct iovec, then struct msghdr.
    let mut part = [0u8; 16];
    part[8] = 1;
    let part = plan.bytes(&part);
    plan.pointers.push((part, byte));
    let mut message = [0u8; 56];
    message[24..32].copy_from_slice(&1u64.to_ne_bytes());
    message[40..48].copy_from_slice(&((16 + 4 * count).next_multiple_of(8) as u64).to_ne_bytes());
    let message = plan.bytes(&message);
    plan.pointers.extend([(message + 16, part), (message + 32, control)]);
    let channel = Arg::from(network.channel);
    plan.must("hand over sockets", libc::SYS_sendmsg, &[channel, Arg::Data(message), 0.into()]);
    for socket in sockets {
        plan.must("close", libc::SYS_close, &[Arg::Result(socket)]);
    }
    plan.must("close", libc::SYS_close, &[channel]);
}
