//! Starts environments: from a zygote's spare child, or by exec.

mod exec;
mod interpreters;
mod java;
mod launcher;
#[cfg(jail)]
mod node;
mod origin;
#[cfg(not(jail))]
mod plain;
#[cfg(jail)]
mod python;
mod ruby;
mod state;
#[cfg(jail)]
mod stocks;

use super::config::{ExecutorConfig, Network, Sandbox};
use super::environment::{Beginning, Environment, InitFailure, Owner};
use super::platform;
use super::process::lock;
use super::runtimes::{self, Wanted};
use super::slot::{Slot, Slots};
use super::sockets::Owner as Sockets;
use super::spec::{FunctionSpec, InvokeError};
use super::telemetry;
use super::variables::OPT;
use jailer::cgroup::Limits;
use jailer::{EnterSpec, Layer, Layers};
use launcher::Launcher;
pub(crate) use origin::Relayed;
#[cfg(not(jail))]
use plain::Stocks;
use serde_json::json;
use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;
#[cfg(jail)]
use stocks::Stocks;
use tokio::net::unix::pipe;

/// AWS: processes and threads of one environment.
const PROCESSES: u64 = 1024;

/// Starts environments.
pub(crate) struct Starter {
    config: Arc<ExecutorConfig>,
    layers: Layers,
    slots: Slots,
    stocks: Stocks,
    launcher: Launcher,
    next_id: AtomicU64,
    warned: Mutex<HashSet<String>>,
    relayed: Relayed,
}

fn internal(error: impl std::fmt::Display) -> InvokeError {
    InvokeError::Internal(error.to_string())
}

impl Starter {
    /// Probes the jail and writes what zygotes need into the state folder.
    ///
    /// # Errors
    /// The folder cannot be written, or the policy is `Require` and a layer is missing.
    pub fn new(config: Arc<ExecutorConfig>) -> Result<Starter, InvokeError> {
        let layers = state::layers(&config)?;
        let slots = Slots::new(layers.has(Layer::Cgroup));
        state::write_state(&config, &slots)
            .map_err(|e| InvokeError::Internal(format!("{}: {e}", config.state_dir.display())))?;
        Ok(Starter {
            config,
            layers,
            slots,
            stocks: Stocks::default(),
            launcher: Launcher::new(),
            next_id: AtomicU64::new(1),
            warned: Mutex::default(),
            relayed: Relayed::default(),
        })
    }

    /// Starts one environment for `spec`; its further course is told to `owner`.
    ///
    /// # Errors
    /// It could not even be started.
    pub async fn start(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        if !self.config.credentials.may_assume(spec) {
            return Err(InvokeError::RoleUnassumable(spec.role.clone()));
        }
        match runtimes::parse(&spec.runtime).map_err(InvokeError::RuntimeUnavailable)? {
            Wanted::Python(minor) => self.start_python(minor, spec, owner).await,
            Wanted::Node(major) => self.start_node(major, spec, owner).await,
            Wanted::Java(release) => self.start_java(release, spec, owner).await,
            Wanted::Ruby(minor) => self.start_ruby(minor, spec, owner).await,
            Wanted::Provided => self.start_provided(spec, owner).await,
        }
    }

    /// Readies a runtime, so that the first start of a function is quick; warns of one that is not there.
    pub async fn prepare(self: &Arc<Self>, runtime: &str) -> Result<(), InvokeError> {
        let ready = self.ready(runtime).await;
        if let Err(InvokeError::RuntimeUnavailable(text)) = &ready {
            self.warn(text);
        }
        ready
    }

    async fn ready(self: &Arc<Self>, runtime: &str) -> Result<(), InvokeError> {
        match runtimes::parse(runtime).map_err(InvokeError::RuntimeUnavailable)? {
            Wanted::Python(minor) => self.ready_python(minor).await,
            Wanted::Node(major) => self.ready_node(major).await,
            Wanted::Java(release) => self.java(release).await.map(|_| ()),
            Wanted::Ruby(minor) => self.ruby(minor).await.map(|_| ()),
            Wanted::Provided => Ok(()),
        }
    }

    /// Ends spares and zygotes, and with them every environment.
    pub async fn shutdown(&self) {
        self.stocks.end().await;
    }

    /// Removes the control groups; when all environments are gone. `false`: some process still ends.
    pub fn remove_groups(&self) -> bool {
        self.slots.remove()
    }

    /// Whether this function gets a network of its own.
    ///
    /// # Errors
    /// It should, this machine cannot, and the policy is to refuse then.
    fn isolates(&self, spec: &FunctionSpec) -> Result<bool, InvokeError> {
        if !spec.in_vpc && self.config.network == Network::Host || self.config.sandbox == Sandbox::Off {
            return Ok(false);
        }
        if self.layers.has(Layer::Network) && self.layers.has(Layer::Mount) {
            return Ok(true);
        }
        let text = "functions cannot have a network of their own here: `crossgate doctor --sandbox` says why";
        if self.config.sandbox == Sandbox::Require {
            return Err(InvokeError::SandboxUnavailable(text.to_owned()));
        }
        self.warn(text);
        Ok(false)
    }

    /// Whose sockets belong to an environment with this user.
    fn sockets(&self, uid: u32) -> Sockets {
        if self.layers.has(Layer::Uid) {
            Sockets::User(uid)
        } else if self.layers.has(Layer::Pid) {
            Sockets::Namespace
        } else {
            Sockets::Anyone
        }
    }

    /// Looks for a runtime on this machine, beside the tasks that serve; `look` is told whether only the exact version
    /// will do. Remarks on another one.
    async fn found<T: Send + 'static>(
        &self,
        look: impl FnOnce(bool) -> Result<(T, Option<String>), String> + Send + 'static,
    ) -> Result<(T, Option<String>), InvokeError> {
        let strict = self.config.strict_runtimes;
        let found = tokio::task::spawn_blocking(move || look(strict)).await.map_err(internal)?;
        let (found, warning) = found.map_err(InvokeError::RuntimeUnavailable)?;
        if let Some(warning) = &warning {
            self.warn(warning);
        }
        Ok((found, warning))
    }

    fn warn(&self, text: &str) {
        if lock(&self.warned).insert(text.to_owned()) {
            (self.config.warn)(text);
        }
    }

    /// The folders that lie over each other at `/opt`; later ones win.
    fn layers_of<'a>(&'a self, spec: &'a FunctionSpec) -> impl DoubleEndedIterator<Item = &'a PathBuf> {
        self.config.runtime_layer.iter().filter(|folder| folder.is_dir()).chain(&spec.layers)
    }

    /// What `/opt` is to the function: itself, or its layers, the topmost first.
    fn opt(&self, spec: &FunctionSpec) -> Vec<PathBuf> {
        if self.layers.has(Layer::Mount) {
            return vec![OPT.into()];
        }
        let layers: Vec<_> = self.layers_of(spec).rev().map(|layer| absolute(layer)).collect();
        if layers.is_empty() { vec![OPT.into()] } else { layers }
    }

    /// Functions that run as users of their own read what is open to all.
    fn warn_of_closed_layer(&self) {
        let Some(folder) = self.config.runtime_layer.as_ref().filter(|_| self.layers.has(Layer::Uid)) else {
            return;
        };
        let mode = std::fs::metadata(folder).map_or(0o777, |found| found.permissions().mode() & 0o777);
        if mode & 0o005 != 0o005 {
            let shown = folder.display();
            self.warn(&format!(
                "functions cannot read the runtime layer {shown}, whose mode is {mode:o}: chmod -R a+rX {shown}"
            ));
        }
    }

    /// What an environment of this function gets to see.
    fn enter_spec(&self, spec: &FunctionSpec, uid: u32) -> EnterSpec {
        self.warn_of_closed_layer();
        EnterSpec {
            task: absolute(&spec.code_dir),
            opt: self.layers_of(spec).map(|l| absolute(l)).collect(),
            tmp_mb: spec.ephemeral_mb,
            uid,
            processes: PROCESSES,
            network: None,
            layers: self.layers,
        }
    }

    /// The first log lines, and the watch over the init phase.
    fn begin(&self, environment: &Arc<Environment>, bound: Duration) {
        environment.record(platform::init_start(
            environment.init_phase(),
            &environment.spec,
            &environment.runtime_used,
        ));
        if let Some(warning) = &environment.warning {
            let line = match environment.spec.system_log_level {
                Some(_) => {
                    json!({ "timestamp": telemetry::time(), "level": "WARN", "message": warning }).to_string()
                }
                None => format!("WARNING: {warning}\n"),
            };
            environment.platform(line);
        }
        let watched = Arc::downgrade(environment);
        tokio::spawn(async move {
            tokio::time::sleep(bound).await;
            if let Some(environment) = watched.upgrade() {
                environment.fail_init(InitFailure::TimedOut);
            }
        });
    }
}

fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_path_buf())
}

/// Where the package is seen.
fn task_root(spec: &FunctionSpec, layers: Layers) -> String {
    if layers.has(Layer::Mount) {
        "/var/task".to_owned()
    } else {
        absolute(&spec.code_dir).display().to_string()
    }
}

/// Memory holds `/tmp` too, which AWS counts apart: the executor watches the function's own share besides.
/// AWS gives 1769 MB one processor; here nobody gets less than one, which is faster than AWS for small functions.
fn limits(spec: &FunctionSpec) -> Limits {
    let mib = u64::from(spec.memory_mb.max(64)) + u64::from(spec.ephemeral_mb);
    let cpu_milli = (u64::from(spec.memory_mb) * 1000 / 1769).max(1000);
    Limits { memory: mib << 20, pids: PROCESSES, cpu_milli }
}

/// Where the next environment logs, whether its init phase is a part of an invocation, and how long that may take.
fn begins(spec: &FunctionSpec, owner: &dyn Owner) -> (String, bool, Duration) {
    let Beginning { reset, init_timeout } = owner.beginning();
    let suppressed = reset.is_some();
    (reset.unwrap_or_else(|| stream_name(spec)), suppressed, init_timeout)
}

/// `2026/11/23/[$LATEST]` and 32 hexadecimal digits.
fn stream_name(spec: &FunctionSpec) -> String {
    let mut random = [0u8; 16];
    let _ = getrandom::fill(&mut random);
    let day = jiff::Timestamp::now().to_string();
    let day = day.get(..10).unwrap_or("1970-01-01").replace('-', "/");
    format!("{day}/[{}]{}", spec.version, hex::encode(random))
}

/// The pipe for output and log; its writing end belongs to the environment's user, who may open `/dev/stdout`.
fn log_pipe(slot: &Slot, layers: Layers) -> io::Result<(pipe::Receiver, OwnedFd)> {
    let (reader, writer) = std::io::pipe()?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    if layers.has(Layer::Uid) {
        let uid = rustix::fs::Uid::from_raw(slot.uid);
        rustix::fs::fchown(&writer, Some(uid), None)?;
    }
    Ok((pipe::Receiver::from_owned_fd(reader.into())?, writer.into()))
}
