//! The server's end of a jail with several programs (see `jailer::crew`): the runtime, and the external extensions.

use super::process::Exit;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdStream;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

/// The runtime's place among the programs; extensions follow.
pub(crate) const RUNTIME: u8 = 0;

/// Orders to the jail's process 1.
pub(crate) struct Crew {
    orders: OwnedWriteHalf,
}

/// What it tells.
pub(crate) enum Told {
    /// A program has ended.
    Ended(u8, Exit),
    /// A program could not be started.
    NotStarted(u8, io::Error),
}

impl Crew {
    /// Both ends, and what the far one will tell.
    ///
    /// # Errors
    /// The system's.
    pub fn pair() -> io::Result<(Crew, Reports, OwnedFd)> {
        let (ours, theirs) = StdStream::pair()?;
        ours.set_nonblocking(true)?;
        let (reports, orders) = UnixStream::from_std(ours)?.into_split();
        Ok((Crew { orders }, Reports { reports }, OwnedFd::from(theirs)))
    }

    /// Starts the program at `index`.
    pub fn start(&self, index: u8) {
        // Four bytes into an empty buffer of a socket: never short, and whoever is gone needs no order.
        let _ = self.orders.try_write(&[b'S', index, 0, 0]);
    }

    /// Sends a signal to the program at `index`.
    pub fn signal(&self, index: u8, signal: u8) {
        let _ = self.orders.try_write(&[b'K', index, signal, 0]);
    }
}

/// What a jail's process 1 tells.
pub(crate) struct Reports {
    reports: OwnedReadHalf,
}

impl Reports {
    /// The next one; `None` when process 1 is gone.
    pub async fn next(&mut self) -> Option<Told> {
        let mut record = [0u8; 8];
        self.reports.read_exact(&mut record).await.ok()?;
        let [what, index, _, _, number @ ..] = record;
        let number = i32::from_ne_bytes(number);
        Some(match what {
            b'F' => Told::NotStarted(index, io::Error::from_raw_os_error(number)),
            _ => {
                use std::os::unix::process::ExitStatusExt as _;
                let status = std::process::ExitStatus::from_raw(number);
                Told::Ended(
                    index,
                    Exit::from_code(status.code().unwrap_or_else(|| -status.signal().unwrap_or(9))),
                )
            }
        })
    }
}
