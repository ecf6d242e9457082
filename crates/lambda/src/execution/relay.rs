//! The way out of an isolated network: connections to this server, and nothing else.

use super::process::Process;
use super::start::Relayed;
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections of one environment at once: as many as it may have descriptors.
const MAX_CONNECTIONS: usize = 1024;

/// The listening sockets that a jail handed over (see `jailer::Network`).
///
/// # Errors
/// There are other than `count`.
#[cfg(jail)]
pub(crate) fn take(channel: &UnixStream, count: usize) -> io::Result<Vec<TcpListener>> {
    use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
    use std::io::IoSliceMut;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsFd as _, OwnedFd};
    channel.set_nonblocking(true)?;
    let mut byte = [0u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(&mut byte)];
    recvmsg(channel.as_fd(), &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    let sockets: Vec<OwnedFd> = ancillary
        .drain()
        .filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(rights) => Some(rights),
            _ => None,
        })
        .flatten()
        .collect();
    if sockets.len() != count {
        return Err(io::Error::other("the jail handed over no sockets of its network"));
    }
    sockets.into_iter().map(|fd| TcpListener::from_std(std::net::TcpListener::from(fd))).collect()
}

/// No network is isolated without a jail.
#[cfg(not(jail))]
pub(crate) fn take(_: &UnixStream, _: usize) -> io::Result<Vec<TcpListener>> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Forwards every connection to `endpoint` (host and port) while the process lives; each is marked in `relayed`.
pub(crate) async fn forward(
    listener: TcpListener,
    endpoint: String,
    process: Arc<Process>,
    relayed: Relayed,
) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let accept = async {
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Ok((mut inside, _)) = listener.accept().await else { break };
            let (endpoint, relayed) = (endpoint.clone(), relayed.clone());
            tokio::spawn(async move {
                let _place = place;
                if let Ok(mut outside) = TcpStream::connect(&endpoint).await
                    && let Ok(end) = outside.local_addr()
                {
                    let _marked = relayed.mark(end);
                    let _ = tokio::io::copy_bidirectional(&mut inside, &mut outside).await;
                }
            });
        }
    };
    tokio::select! {
        () = accept => {}
        _ = process.wait() => {}
    }
}

/// Host and port of a URL, as [`forward`] takes them.
pub(crate) fn authority(url: &str) -> Option<(String, u16)> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split('/').next()?;
    let port = authority.rsplit_once(':')?.1.parse().ok()?;
    Some((authority.to_owned(), port))
}
