//! Node environments: booted ahead of need, furnished when it is known whose they are.
//!
//! Node cannot fork, so there is no zygote. A spare is a Node in its closed jail (own user, landlock, seccomp,
//! namespaces) that has loaded our bootstrap and nothing of a customer's. When a function needs it, a short-lived
//! child of this process joins its namespaces and mounts the package there (`jailer::furnish`); then the spare is
//! told its function and loads it. A spare serves one function only, ever.

use super::super::api;
use super::super::environment::{Environment, Owner, Parts};
use super::super::nodes::{self, Node};
use super::super::process::{Process, lock};
use super::super::slot::Slot;
use super::super::spec::{FunctionSpec, InvokeError};
use super::super::variables::{Place, module_links, variables};
use super::exec;
use super::interpreters::{NODE_BOOTSTRAP, node_folder};
use super::stocks::REFILL_DELAY;
use super::{Starter, begins, internal, limits, log_pipe, task_root};
use jailer::{BaseSpec, Layer};
use rustix::net::sockopt::set_socket_passcred;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde_json::{Map, Value, json};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream as StdStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncWriteExt as _, Interest};
use tokio::net::{UnixStream, unix::pipe};

/// The descriptor at which the bootstrap finds the Runtime API.
const API_FD: i32 = 3;
/// How long Node may take to boot.
const BOOT_TIMEOUT: Duration = Duration::from_secs(20);

/// One Node version, and its spares.
pub(super) struct Stock {
    node: Node,
    spares: Mutex<Vec<Spare>>,
}

impl Stock {
    /// Ends the spares.
    pub fn clear(&self) {
        lock(&self.spares).clear();
    }
}

/// A booted Node that nobody owns yet. Killed when dropped unused.
struct Spare {
    process: Arc<Process>,
    slot: Option<Slot>,
    api: Option<UnixStream>,
    pipe: Option<pipe::Receiver>,
    /// Its user namespace, where it has one of its own, and its mount namespace.
    inside: Option<(Option<OwnedFd>, OwnedFd)>,
}

impl Drop for Spare {
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            self.process.kill();
            // The place is free when the process is gone, not before.
            let process = Arc::clone(&self.process);
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(async move {
                    process.wait().await;
                    drop(slot);
                });
            }
        }
    }
}

impl Starter {
    pub(super) async fn node_stock(&self, major: u8) -> Result<(Arc<Stock>, Option<String>), InvokeError> {
        // An exact version in stock needs no look at the disk.
        if let Some(stock) = lock(&self.stocks.nodes).get(&major) {
            return Ok((Arc::clone(stock), None));
        }
        let (node, warning) = self.found(move |strict| nodes::choose(major, strict)).await?;
        let mut stocks = lock(&self.stocks.nodes);
        let stock =
            stocks.entry(node.major).or_insert_with(|| Arc::new(Stock { node, spares: Mutex::default() }));
        Ok((Arc::clone(stock), warning))
    }

    pub(super) async fn start_node(
        self: &Arc<Self>,
        major: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (stock, warning) = self.node_stock(major).await?;
        if exec::is_needed(spec) || self.isolates(spec)? {
            let runtime = self.node_runtime(&stock.node, warning);
            return self.start_executed(spec, owner, runtime, None).await;
        }
        let (stream, suppressed, bound) = begins(spec, owner.as_ref());
        let listener = api::listen().await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?.to_string();
        let env = self.node_variables(spec, &stream, &address, &stock.node);
        let mut spare = if boots_alone(spec) {
            self.boot(&stock.node, Some((spec, &env))).await?
        } else {
            match self.take_spare(&stock) {
                Some(spare) => spare,
                None => self.boot(&stock.node, None).await?,
            }
        };
        let parts = (spare.slot.take(), spare.api.take(), spare.pipe.take());
        let (Some(mut slot), Some(mut api), Some(pipe)) = parts else {
            return Err(internal("a spare without its parts"));
        };
        let process = Arc::clone(&spare.process);
        let sockets = self.sockets(slot.uid);
        let environment = |slot, pipe| {
            Environment::new(Parts {
                id: self.next_id.fetch_add(1, Ordering::Relaxed),
                spec: Arc::clone(spec),
                stream: stream.clone(),
                suppressed,
                runtime_used: stock.node.runtime(),
                warning,
                process: Arc::clone(&process),
                slot,
                pipe,
                sink: Arc::clone(&self.config.logs),
                owner,
                address: Some((Ipv4Addr::LOCALHOST, sockets)),
                band: None,
            })
        };
        let ready = async {
            slot.limit(limits(spec)).map_err(|e| internal(format!("control group: {e}")))?;
            self.furnish(spec, &slot, spare.inside.take()).await?;
            let directory = task_root(spec, self.layers);
            let frame = json!({ "env": env, "handler": spec.handler, "directory": directory }).to_string();
            let mut message = u32::try_from(frame.len()).unwrap_or(0).to_be_bytes().to_vec();
            message.extend_from_slice(frame.as_bytes());
            api.write_all(&message).await.map_err(|e| internal(format!("a new environment: {e}")))
        };
        if let Err(error) = ready.await {
            spare.slot = Some(slot);
            return Err(error);
        }
        let environment = environment(slot, pipe);
        self.begin(&environment, bound);
        tokio::spawn(api::serve_own(api, Arc::clone(&environment)));
        tokio::spawn(api::serve_tcp(listener, Arc::clone(&environment), sockets));
        let starter = Arc::clone(self);
        tokio::spawn(async move {
            tokio::time::sleep(REFILL_DELAY).await;
            let _ = starter.refill_nodes(&stock).await;
        });
        Ok(environment)
    }

    fn node_variables(
        &self,
        spec: &FunctionSpec,
        stream: &str,
        address: &str,
        node: &Node,
    ) -> Map<String, Value> {
        let task_root = task_root(spec, self.layers);
        let bin = node_folder(node);
        let credentials = self.config.credentials.credentials(spec);
        let place = Place {
            stream,
            task_root: &task_root,
            opt: &self.opt(spec),
            bin: bin.as_deref(),
            runtime_api: address,
            credentials: credentials.as_ref(),
            endpoint_url: self.config.endpoint_url.as_deref(),
        };
        variables(spec, &place)
    }

    /// Brings the package and the layers into the jail.
    async fn furnish(
        &self,
        spec: &FunctionSpec,
        slot: &Slot,
        inside: Option<(Option<OwnedFd>, OwnedFd)>,
    ) -> Result<(), InvokeError> {
        let Some((user, mount)) = inside else { return Ok(()) };
        let enter = self.enter_spec(spec, slot.uid);
        let run = move || {
            let plan = jailer::furnish(&enter, user.as_ref().map(|fd| fd.as_raw_fd()), mount.as_raw_fd());
            jailer::run_in_child(&plan)
        };
        let done = tokio::task::spawn_blocking(run).await.map_err(internal)?;
        let text = |e| format!("the jail of an environment could not be furnished: {e}");
        done.map_err(|e| InvokeError::SandboxUnavailable(text(e)))
    }

    fn take_spare(&self, stock: &Stock) -> Option<Spare> {
        let mut spares = lock(&stock.spares);
        std::iter::from_fn(|| spares.pop()).find(|spare| !spare.process.has_exited())
    }

    pub(super) async fn refill_nodes(&self, stock: &Stock) -> Result<(), InvokeError> {
        while lock(&stock.spares).len() < self.config.spares {
            let spare = self.boot(&stock.node, None).await?;
            lock(&stock.spares).push(spare);
        }
        Ok(())
    }

    /// Starts a Node in its jail and waits until it has booted: one that nobody owns yet, or `whose`, which then
    /// has its package and its variables from the start.
    async fn boot(
        &self,
        node: &Node,
        whose: Option<(&FunctionSpec, &Map<String, Value>)>,
    ) -> Result<Spare, InvokeError> {
        let layers = self.layers;
        let slot = self.slots.take();
        let (ours, theirs) = StdStream::pair().map_err(internal)?;
        ours.set_nonblocking(true).map_err(internal)?;
        let api = UnixStream::from_std(ours).map_err(internal)?;
        set_socket_passcred(&api, true).map_err(internal)?;
        let (pipe, writer) = log_pipe(&slot, layers).map_err(internal)?;
        let state = &self.config.state_dir;
        let bootstrap = state.join("runtime");
        let script = if layers.has(Layer::Mount) { Path::new("/var/runtime") } else { &bootstrap }
            .join(NODE_BOOTSTRAP);
        let mut command = Command::new(&node.program);
        command.arg(script).env_clear().env("LANG", "en_US.UTF-8");
        let own = whose.into_iter().flat_map(|(_, env)| env);
        command.envs(own.map(|(name, value)| (name, value.as_str().unwrap_or_default())));
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(internal)?).stderr(writer);
        let base = jailer::base(&BaseSpec {
            mount_point: state.join("root"),
            runtime: node.prefix().into_iter().collect(),
            etc: state.join("etc"),
            bootstrap: Some(bootstrap.canonicalize().unwrap_or(bootstrap)),
            links: module_links(&node.runtime()),
            hosts: None,
            layers,
        });
        let closed = match whose {
            Some((spec, _)) => jailer::enter(&self.enter_spec(spec, slot.uid)),
            None => jailer::board(&self.enter_spec(&FunctionSpec::default(), slot.uid)),
        };
        jailer::spawn::jail(
            &mut command,
            jailer::spawn::Jail {
                plan: jailer::spawn::stages(&base, &jailer::prepare(layers), &closed),
                pid_namespace: layers.has(Layer::Pid),
                groups: slot.entries().into_iter().map(OwnedFd::from).collect(),
                inherit: vec![(OwnedFd::from(theirs), API_FD)],
                crew: None,
            },
        )
        .map_err(internal)?;
        let mut spare =
            Spare { process: Process::new(), slot: Some(slot), api: None, pipe: Some(pipe), inside: None };
        self.launcher.launch(command, Arc::clone(&spare.process)).await.map_err(|e| {
            spare.process.exited(super::super::process::Exit::Status(126));
            InvokeError::SandboxUnavailable(format!(
                "{} could not be started in its jail: {e}",
                node.program.display()
            ))
        })?;
        let booted = tokio::time::timeout(BOOT_TIMEOUT, first_byte(&api)).await;
        let pid = match booted {
            Ok(Ok(pid)) => pid,
            Ok(Err(error)) => {
                return Err(internal(format!("{} did not boot: {error}", node.program.display())));
            }
            Err(_) => return Err(internal(format!("{} did not boot in 20 s", node.program.display()))),
        };
        set_socket_passcred(&api, false).map_err(internal)?;
        if layers.has(Layer::Mount) && whose.is_none() {
            let open = |name: &str| std::fs::File::open(format!("/proc/{pid}/ns/{name}")).map(OwnedFd::from);
            let user = if layers.has(Layer::User) { Some(open("user").map_err(internal)?) } else { None };
            spare.inside = Some((user, open("mnt").map_err(internal)?));
            // Not another process that has got its number meanwhile: what waits for it is still there.
            if spare.process.has_exited() {
                return Err(internal("a spare ended while it was looked at"));
            }
        }
        spare.api = Some(api);
        Ok(spare)
    }
}

/// Whether the function sets a variable that Node reads when it starts: it then gets a Node started for it alone.
fn boots_alone(spec: &FunctionSpec) -> bool {
    let later = ["NODE_ENV", "NODE_PATH"];
    spec.environment.iter().any(|(name, _)| {
        (name.starts_with("NODE_") && !later.contains(&name.as_str()))
            || ["UV_THREADPOOL_SIZE", "SSL_CERT_FILE"].contains(&name.as_str())
    })
}

/// Waits for the byte that a booted bootstrap sends; gives the sender's process id, as the kernel vouches for it.
async fn first_byte(api: &UnixStream) -> io::Result<i32> {
    loop {
        api.readable().await?;
        let received = api.try_io(Interest::READABLE, || {
            let mut byte = [0u8; 1];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut parts = [IoSliceMut::new(&mut byte)];
            let got = recvmsg(api.as_fd(), &mut parts, &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
            let sender = ancillary.drain().find_map(|message| match message {
                RecvAncillaryMessage::ScmCredentials(credentials) => {
                    Some(credentials.pid.as_raw_nonzero().get())
                }
                _ => None,
            });
            Ok((got.bytes, sender))
        });
        match received {
            Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok((_, sender)) => {
                return sender.ok_or_else(|| io::Error::other("no process id came with its byte"));
            }
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
}
