//! Descriptors that a program inherits, at the numbers that it expects.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// To be called before the fork.
pub(crate) fn reserve(inherit: &[(OwnedFd, i32)]) {
    for (fd, number) in inherit {
        reserve_one(fd, *number);
    }
}

/// Puts the descriptors where the program expects them.
///
/// # Safety
/// Between fork and exec: what was at these numbers is overwritten.
pub(crate) unsafe fn hand_over(inherit: &[(OwnedFd, i32)]) -> io::Result<()> {
    for (fd, number) in inherit {
        // SAFETY: by this function's contract.
        unsafe {
            if fd.as_raw_fd() == *number {
                libc::fcntl(*number, libc::F_SETFD, 0);
            } else if libc::dup2(fd.as_raw_fd(), *number) < 0 {
                return Err(io::Error::last_os_error());
            }
        }
    }
    Ok(())
}

/// Keeps `number` from being given to another descriptor of this process, for good: between fork and exec it is
/// overwritten in the child, and the pipe by which the child tells that it could not execute must not lie there.
fn reserve_one(fd: &OwnedFd, number: i32) {
    static RESERVED: Mutex<BTreeMap<i32, OwnedFd>> = Mutex::new(BTreeMap::new());
    let mut reserved = RESERVED.lock().unwrap_or_else(PoisonError::into_inner);
    if reserved.contains_key(&number) || fd.as_raw_fd() == number {
        return;
    }
    // Anything will do; what it is open on is closed again when it is not ours to have.
    // SAFETY: plain calls on descriptors; the new one is owned by nobody else.
    unsafe {
        let null = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let got = libc::fcntl(null, libc::F_DUPFD_CLOEXEC, number);
        libc::close(null);
        if got >= 0 {
            let got = OwnedFd::from_raw_fd(got);
            if got.as_raw_fd() == number {
                reserved.insert(number, got);
            }
        }
    }
}
