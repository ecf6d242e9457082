//! A clean interpreter that forks environments.
//!
//! One per Python version. It has loaded our bootstrap and the standard library and never runs a customer's code.
//! We talk to it over a Unix packet socket, JSON per packet, descriptors along with it:
//!
//! ```text
//! zygote: {"hello": {version, prefixes, jail}}
//! server: {"base": plan, "prepare": plan, "pid": bool, "numbers": {...}}
//! zygote: {"ready": pid}                                     or {"refused": text}
//! server: {"fork": key} + [Runtime API socket, log pipe, control groups…]
//! zygote: {"started": key, "pid": n} + pidfd … {"exit": key, "code": n}      or {"failed": key, "error": text}
//! ```
//!
//! It ends when the socket closes, which the kernel does whatever way this server dies; environments die with it.

use super::child::{Handle, async_fd};
use super::process::{Exit, Process, lock};
use super::runtimes::Python;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::unix::AsyncFd;

/// The longest message a zygote sends us.
const MAX_MESSAGE: usize = 16 * 1024;
/// How long a zygote may take to load and build its root.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// What the zygote needs to know of the jail.
pub(crate) struct Housing {
    /// What works here and is wanted.
    pub layers: jailer::Layers,
    /// An empty folder.
    pub mount_point: PathBuf,
    /// The folder seen as `/etc`.
    pub etc: PathBuf,
    /// Our bootstrap on disk.
    pub bootstrap: PathBuf,
    /// Where the zygote's own error output goes.
    pub errors: PathBuf,
}

/// A running zygote.
pub(crate) struct Zygote {
    control: AsyncFd<OwnedFd>,
    children: Mutex<HashMap<u64, Arc<Process>>>,
    next: AtomicU64,
    alive: AtomicBool,
    child: Mutex<std::process::Child>,
    /// The layers in force: none of them in a Python without `ctypes`.
    pub layers: jailer::Layers,
    /// Whether it can make system calls at all (has `ctypes`).
    pub runs_plans: bool,
}

impl Zygote {
    /// Starts one and waits until it is ready.
    ///
    /// # Errors
    /// What the interpreter or the jail said.
    pub async fn start(python: &Python, housing: &Housing) -> io::Result<Arc<Zygote>> {
        let flags = SocketFlags::CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        rustix::io::ioctl_fionbio(&ours, true)?;
        let errors = std::fs::File::create(&housing.errors)?;
        let child = Command::new(&python.program)
            .args(["-I", "-B", "-X", "utf8"])
            .arg(&housing.bootstrap)
            .arg("zygote")
            .env_clear()
            .env("LANG", "en_US.UTF-8")
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::from(theirs))
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn()?;
        let mut zygote = Zygote {
            control: async_fd(ours)?,
            children: Mutex::default(),
            next: AtomicU64::new(1),
            alive: AtomicBool::new(true),
            child: Mutex::new(child),
            layers: housing.layers,
            runs_plans: true,
        };
        match tokio::time::timeout(START_TIMEOUT, zygote.greet(housing)).await {
            Ok(Ok(())) => {}
            result => {
                let error = match result {
                    Ok(Err(error)) => error.to_string(),
                    _ => "no answer".to_owned(),
                };
                let log = std::fs::read_to_string(&housing.errors).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or_default();
                let text = format!("{}: {error} {last}", python.program.display());
                return Err(io::Error::other(text.trim_end().to_owned()));
            }
        }
        let zygote = Arc::new(zygote);
        tokio::spawn(Arc::clone(&zygote).listen());
        Ok(zygote)
    }

    async fn greet(&mut self, housing: &Housing) -> io::Result<()> {
        let (hello, _) = self.receive().await?;
        let hello = &hello["hello"];
        if hello["jail"] != true {
            self.runs_plans = false;
            self.layers = jailer::Layers::none();
        }
        let prefixes = hello["prefixes"].as_array().map(Vec::as_slice).unwrap_or_default();
        let base = jailer::base(&jailer::BaseSpec {
            mount_point: housing.mount_point.clone(),
            runtime: prefixes.iter().filter_map(|p| p.as_str().map(PathBuf::from)).collect(),
            etc: housing.etc.clone(),
            bootstrap: None,
            links: Vec::new(),
            hosts: None,
            layers: self.layers,
        });
        // Plans are JSON already; pasted in, not parsed again.
        let settings = format!(
            r#"{{"base":{},"prepare":{},"pid":{},"numbers":{}}}"#,
            if self.runs_plans { base.to_json() } else { "null".to_owned() },
            if self.runs_plans { jailer::prepare(self.layers).to_json() } else { "null".to_owned() },
            self.layers.has(jailer::Layer::Pid),
            jailer::numbers_json(),
        );
        self.send(settings.as_bytes(), &[]).await?;
        let (answer, _) = self.receive().await?;
        match answer["refused"].as_str() {
            Some(reason) => Err(io::Error::other(format!("the jail's root could not be built: {reason}"))),
            None if answer["ready"].is_u64() => Ok(()),
            None => Err(io::Error::other("an unexpected answer")),
        }
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Asks for a child that takes over `fds`: Runtime API socket, log pipe, control groups.
    ///
    /// # Errors
    /// The zygote is gone.
    pub async fn fork(&self, fds: &[BorrowedFd<'_>]) -> io::Result<Arc<Process>> {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        let process = Process::new();
        lock(&self.children).insert(key, Arc::clone(&process));
        let sent = self.send(json!({ "fork": key }).to_string().as_bytes(), fds).await;
        if sent.is_err() || !self.is_alive() {
            lock(&self.children).remove(&key);
            return Err(sent.err().unwrap_or_else(|| io::Error::other("the zygote is gone")));
        }
        Ok(process)
    }

    /// Ends it and with it every environment it forked.
    pub fn kill(&self) {
        let _ = lock(&self.child).kill();
    }

    async fn listen(self: Arc<Self>) {
        while let Ok((message, fds)) = self.receive().await {
            let key = |name: &str| message[name].as_u64();
            if let Some(key) = key("started") {
                let process = lock(&self.children).get(&key).cloned();
                let pid = message["pid"].as_u64().and_then(|p| u32::try_from(p).ok());
                // Inside a pid namespace of its own the zygote's numbers mean nothing here.
                let pid = pid.filter(|_| !self.layers.has(jailer::Layer::Pid));
                if let Some(process) = process {
                    process.started(Handle::new(fds.into_iter().next(), pid));
                }
            } else if let Some(key) = key("exit").or(key("failed")) {
                let code = message["code"].as_i64().and_then(|c| i32::try_from(c).ok()).unwrap_or(-9);
                if let Some(process) = lock(&self.children).remove(&key) {
                    process.exited(Exit::from_code(code));
                }
            }
        }
        self.alive.store(false, Ordering::Release);
        for (_, process) in lock(&self.children).drain() {
            process.exited(Exit::Signal(9));
        }
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }

    async fn send(&self, message: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        loop {
            let mut ready = self.control.writable().await?;
            let sent = ready.try_io(|control| {
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(16))];
                let mut ancillary = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() {
                    ancillary.push(SendAncillaryMessage::ScmRights(fds));
                }
                let flags = SendFlags::NOSIGNAL;
                Ok(sendmsg(control.get_ref().as_fd(), &[IoSlice::new(message)], &mut ancillary, flags)?)
            });
            match sent {
                Ok(result) => return result.map(|_| ()),
                Err(_would_block) => {}
            }
        }
    }

    async fn receive(&self) -> io::Result<(Value, Vec<OwnedFd>)> {
        loop {
            let mut ready = self.control.readable().await?;
            let received = ready.try_io(|control| {
                let mut buffer = vec![0u8; MAX_MESSAGE];
                let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
                let mut ancillary = RecvAncillaryBuffer::new(&mut space);
                let flags = RecvFlags::CMSG_CLOEXEC;
                let mut parts = [IoSliceMut::new(&mut buffer)];
                let got = recvmsg(control.get_ref().as_fd(), &mut parts, &mut ancillary, flags)?;
                let mut fds = Vec::new();
                for message in ancillary.drain() {
                    if let RecvAncillaryMessage::ScmRights(rights) = message {
                        fds.extend(rights);
                    }
                }
                buffer.truncate(got.bytes);
                Ok((buffer, fds))
            });
            match received {
                Ok(Ok((buffer, _))) if buffer.is_empty() => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(Ok((buffer, fds))) => return Ok((serde_json::from_slice(&buffer)?, fds)),
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {}
            }
        }
    }
}

impl Drop for Zygote {
    fn drop(&mut self) {
        let mut child = lock(&self.child);
        let _ = child.kill();
        let _ = child.wait();
    }
}
