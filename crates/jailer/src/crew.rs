//! Several programs in one jail: process 1 starts them when told to, and tells how each ended.
//!
//! A jail whose process 1 is the customer's runtime ends with it. Where other programs (extensions) must outlive the
//! runtime for a while, process 1 is a loop of this crate's own:
//!
//! ```text
//! server: S index 0 0      start the program           K index signal 0    send it a signal
//! leader: E index 0 0 status (32 bits, as waitpid gives it)                F index 0 0 errno: not started
//! ```
//!
//! The loop runs in the forked image of the server, so it makes itself undumpable first: nothing in the jail can look
//! into it. It ends when the server closes the socket, and with it, being process 1, everything in the jail.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

/// A program that a jail's process 1 starts.
pub struct Program {
    /// Where it is, as seen inside.
    pub path: PathBuf,
    /// Its arguments, the first of which is its own name.
    pub args: Vec<OsString>,
    /// Its environment variables.
    pub env: Vec<(OsString, OsString)>,
    /// Its standard output and error.
    pub output: OwnedFd,
    /// Whether it gets the descriptors of [`Jail::inherit`](crate::spawn::Jail::inherit).
    pub inherits: bool,
}

/// The programs of a jail, none of which is started until the server says so.
pub struct Crew {
    /// Sixteen at most; a program's place is its index in messages.
    pub programs: Vec<Program>,
    /// The jail's end of a stream socket pair.
    pub control: OwnedFd,
}
