//! Process 1 of a jail with several programs (see [`crew`](crate::crew)).

use crate::crew::Crew;
use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};

/// Programs of one jail.
const MAX_PROGRAMS: usize = 16;
/// Descriptors of a crew lie above this number, out of the way of those that programs inherit.
const HIGH: i32 = 200;

/// A program laid out in memory: starting it allocates nothing.
struct Ready {
    path: CString,
    /// Kept for the addresses in `argv` and `envp`.
    _texts: Vec<CString>,
    argv: Vec<usize>,
    envp: Vec<usize>,
    output: OwnedFd,
    inherits: bool,
}

/// [`Crew`], laid out.
pub(crate) struct Leader {
    programs: Vec<Ready>,
    control: OwnedFd,
    /// Descriptors that stay open, in order.
    keep: Vec<i32>,
    inherited: Vec<i32>,
}

/// The descriptor at a number above [`HIGH`].
fn lift(fd: OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: a plain call on a descriptor that we own.
    let high = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, HIGH) };
    if high < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(high) })
}

/// What comes after a NUL is cut.
fn text(bytes: Vec<u8>) -> CString {
    let end = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    CString::new(bytes.get(..end).unwrap_or_default()).unwrap_or_default()
}

impl Leader {
    pub(crate) fn new(crew: Crew, inherited: Vec<i32>) -> io::Result<Leader> {
        let mut programs = Vec::new();
        for program in crew.programs.into_iter().take(MAX_PROGRAMS) {
            let args: Vec<_> = program.args.into_iter().map(|arg| text(arg.into_vec())).collect();
            let pairs = program.env.into_iter().map(|(name, value)| {
                let mut pair = name.into_vec();
                pair.push(b'=');
                pair.extend_from_slice(value.as_bytes());
                text(pair)
            });
            let env: Vec<_> = pairs.collect();
            let addresses = |texts: &[CString]| {
                let mut all: Vec<_> = texts.iter().map(|t| t.as_ptr() as usize).collect();
                all.push(0);
                all
            };
            let (argv, envp) = (addresses(&args), addresses(&env));
            programs.push(Ready {
                path: text(program.path.as_os_str().as_bytes().to_vec()),
                _texts: args.into_iter().chain(env).collect(),
                argv,
                envp,
                output: lift(program.output)?,
                inherits: program.inherits,
            });
        }
        let control = lift(crew.control)?;
        let mut keep = vec![0, 1, 2, control.as_raw_fd()];
        keep.extend(&inherited);
        keep.extend(programs.iter().map(|p| p.output.as_raw_fd()));
        keep.sort_unstable();
        keep.dedup();
        Ok(Leader { programs, control, keep, inherited })
    }

    /// Process 1 from here on.
    ///
    /// # Safety
    /// In a forked child with one thread; everything below is raw system calls on memory laid out before.
    pub(crate) unsafe fn lead(&mut self) -> ! {
        // SAFETY: by this function's contract.
        unsafe {
            libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
            let mut from = 3;
            for fd in &self.keep {
                if *fd > from {
                    libc::syscall(libc::SYS_close_range, from, *fd - 1, 0);
                }
                from = from.max(*fd + 1);
            }
            libc::syscall(libc::SYS_close_range, from, u32::MAX, 0);
            let mut child: libc::sigset_t = std::mem::zeroed();
            libc::sigemptyset(&mut child);
            libc::sigaddset(&mut child, libc::SIGCHLD);
            libc::sigprocmask(libc::SIG_BLOCK, &child, std::ptr::null_mut());
            let ended = libc::signalfd(-1, &child, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
            let control = self.control.as_raw_fd();
            let mut pids = [0i32; MAX_PROGRAMS];
            loop {
                let watch = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
                let mut watched = [watch(control), watch(ended)];
                if libc::poll(watched.as_mut_ptr(), 2, -1) < 0 {
                    continue;
                }
                if watched[1].revents != 0 {
                    let mut drained = [0u8; 128];
                    libc::read(ended, drained.as_mut_ptr().cast(), drained.len());
                    reap(control, &mut pids);
                }
                if watched[0].revents != 0 {
                    let mut order = [0u8; 4];
                    let got = libc::recv(control, order.as_mut_ptr().cast(), 4, libc::MSG_WAITALL);
                    if got != 4 {
                        libc::_exit(0);
                    }
                    let [what, index, signal, _] = order;
                    let Some(slot) = pids.get_mut(usize::from(index)) else { continue };
                    match (what, self.programs.get(usize::from(index))) {
                        (b'S', Some(program)) if *slot == 0 => {
                            *slot = self.start(program, index, &child);
                        }
                        (b'K', _) if *slot > 0 => {
                            libc::kill(*slot, i32::from(signal));
                        }
                        _ => {}
                    }
                }
            }
        }
    }

    /// Starts one program; gives its process id.
    ///
    /// # Safety
    /// As [`Leader::lead`].
    unsafe fn start(&self, program: &Ready, index: u8, blocked: &libc::sigset_t) -> i32 {
        // SAFETY: raw calls only, on memory laid out before the fork.
        unsafe {
            let pid = libc::fork();
            if pid != 0 {
                if pid < 0 {
                    tell(self.control.as_raw_fd(), b'F', index, *libc::__errno_location());
                }
                return pid.max(0);
            }
            libc::sigprocmask(libc::SIG_UNBLOCK, blocked, std::ptr::null_mut());
            libc::setsid();
            let output = program.output.as_raw_fd();
            libc::dup2(output, 1);
            libc::dup2(output, 2);
            for fd in self.inherited.iter().filter(|_| !program.inherits) {
                libc::close(*fd);
            }
            let (argv, envp) = (program.argv.as_ptr().cast(), program.envp.as_ptr().cast());
            libc::execve(program.path.as_ptr(), argv, envp);
            tell(self.control.as_raw_fd(), b'F', index, *libc::__errno_location());
            libc::_exit(127);
        }
    }
}

/// Tells of every program that has ended; other processes of the jail are only reaped.
///
/// # Safety
/// As [`Leader::lead`].
unsafe fn reap(control: i32, pids: &mut [i32; MAX_PROGRAMS]) {
    loop {
        let mut status = 0;
        // SAFETY: `status` has room for the answer.
        let pid = unsafe { libc::waitpid(-1, &mut status, libc::WNOHANG) };
        if pid <= 0 {
            return;
        }
        if let Some(index) = pids.iter().position(|p| *p == pid) {
            if let Some(slot) = pids.get_mut(index) {
                *slot = -1;
            }
            tell(control, b'E', index as u8, status);
        }
    }
}

fn tell(control: i32, what: u8, index: u8, number: i32) {
    let [a, b, c, d] = number.to_ne_bytes();
    let record = [what, index, 0, 0, a, b, c, d];
    // SAFETY: a plain call with eight bytes of our own.
    unsafe { libc::send(control, record.as_ptr().cast(), record.len(), libc::MSG_NOSIGNAL) };
}
