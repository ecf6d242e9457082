//! Whether a connection to this server is a function's.
//!
//! Functions share the machine's loopback with its owner, who is trusted there by the mere address (development keys,
//! the server's own pages). What tells them apart is whose socket the other end is. In doubt it is a function's: a
//! socket that was closed behind the request has no owner any more.

use super::super::process::lock;
use super::super::sockets::{self, Owner};
use super::Starter;
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

/// This server's ends of connections that it makes for functions in isolated networks.
#[derive(Clone, Default)]
pub(crate) struct Relayed(Arc<Mutex<HashSet<SocketAddr>>>);

/// An end, until the connection is closed.
pub(crate) struct RelayedEnd {
    all: Relayed,
    end: SocketAddr,
}

impl Relayed {
    /// Marks `end`; before anything of the function's is forwarded.
    pub fn mark(&self, end: SocketAddr) -> RelayedEnd {
        lock(&self.0).insert(end);
        RelayedEnd { all: self.clone(), end }
    }
}

impl Drop for RelayedEnd {
    fn drop(&mut self) {
        lock(&self.all.0).remove(&self.end);
    }
}

impl Starter {
    /// Whether the connection `peer` -> `local` may be a function's. Cheap while no function has run; then it reads the
    /// kernel's table of sockets, and without root looks for the process that holds the socket.
    pub fn may_be_function(&self, peer: SocketAddr, local: SocketAddr) -> bool {
        let started = self.next_id.load(Ordering::Relaxed) > 1;
        // From another machine, it is not of this one's jails.
        if !started || !peer.ip().is_loopback() {
            return false;
        }
        if lock(&self.relayed.0).contains(&peer) {
            return true;
        }
        // Of a slot's user where there are users, which index it has does not matter.
        match self.sockets(0) {
            Owner::Anyone => false,
            Owner::User(_) => sockets::of(peer, local).is_none_or(|socket| self.slots.owns(socket.uid)),
            Owner::Namespace => sockets::of(peer, local).is_none_or(|socket| {
                socket.uid == rustix::process::geteuid().as_raw() && !sockets::held_elsewhere(socket.inode)
            }),
        }
    }
}
