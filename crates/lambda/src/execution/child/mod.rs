//! What is known of a process that runs, and how its end is noticed.

#[cfg(not(jail))]
mod group;
#[cfg(not(jail))]
mod guard;
#[cfg(jail)]
mod pidfd;

#[cfg(not(jail))]
pub(crate) use group::{Handle, watch};
#[cfg(jail)]
pub(crate) use pidfd::{Handle, async_fd, watch};

use super::process::Exit;

/// How a child has ended.
fn exit(mut child: std::process::Child) -> Exit {
    use std::os::unix::process::ExitStatusExt as _;
    let code = child.wait().map(|status| status.code().unwrap_or_else(|| -status.signal().unwrap_or(9)));
    Exit::from_code(code.unwrap_or(-9))
}
