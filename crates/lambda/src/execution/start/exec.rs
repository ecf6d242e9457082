//! Environments whose runtime is executed in the jail for one function alone: `bootstrap` of the archive, and Python
//! and Node where the function brings external extensions or a wrapper script.

use super::super::api;
use super::super::crew::Crew;
use super::super::environment::{BandParts, Environment, InitFailure, Owner, Parts};
use super::super::process::{Exit, Process};
use super::super::relay;
use super::super::sockets::{self, Owner as Sockets};
use super::super::spec::{FunctionSpec, InvokeError};
use super::super::variables::{OPT, Place, module_links, variables};
use super::origin::Relayed;
use super::{Starter, begins, internal, limits, log_pipe, task_root};
use jailer::crew::{Crew as JailedCrew, Program};
use jailer::{BaseSpec, Layer, Layers};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The descriptor at which exec'd runtimes find the framed log.
const TELEMETRY_FD: i32 = 62;
/// Where a jail with a network of its own hands its sockets over, before anything is executed.
const CHANNEL_FD: i32 = 63;
/// AWS: the Runtime API's port, in a network of its own.
const INSIDE_PORT: u16 = 9001;
/// AWS: extensions of one function.
const MAX_EXTENSIONS: usize = 10;
/// What extensions do not see of a function's variables (AWS documentation, "Extensions API").
const RUNTIME_ONLY: &[&str] = &[
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
    "_AWS_XRAY_DAEMON_ADDRESS",
    "_AWS_XRAY_DAEMON_PORT",
    "_HANDLER",
    "_LAMBDA_TELEMETRY_LOG_FD",
];

/// A runtime that is executed.
pub(super) struct Runtime {
    /// The program and its arguments, as seen inside.
    pub command: Vec<OsString>,
    /// Folders that it needs.
    pub folders: Vec<PathBuf>,
    /// The folder for programs that functions start.
    pub bin: Option<String>,
    pub used: String,
    pub warning: Option<String>,
}

/// Whether Python or Node must be executed for this function alone.
#[cfg(jail)]
pub(super) fn is_needed(spec: &FunctionSpec) -> bool {
    wrapper(spec).is_some() || !extensions(spec).is_empty()
}

/// A script that is started in the runtime's place, with the runtime's own command as its arguments (AWS
/// documentation, "Modifying the runtime environment").
fn wrapper(spec: &FunctionSpec) -> Option<&str> {
    let variable = spec.environment.iter().rev().find(|(name, _)| name == "AWS_LAMBDA_EXEC_WRAPPER");
    variable.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
}

/// The files of `/opt/extensions`, by name, as they lie outside.
fn extensions(spec: &FunctionSpec) -> BTreeMap<String, PathBuf> {
    let mut found = BTreeMap::new();
    for layer in &spec.layers {
        for entry in std::fs::read_dir(layer.join("extensions")).into_iter().flatten().flatten() {
            let is_file = std::fs::metadata(entry.path()).is_ok_and(|m| m.is_file());
            if let (true, Ok(name)) = (is_file, entry.file_name().into_string()) {
                found.insert(name, entry.path());
            }
        }
    }
    found
}

impl Starter {
    pub(super) async fn start_provided(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let program = entry_point(spec, self.layers);
        let runtime = Runtime {
            command: program.as_ref().map(|p| vec![p.clone().into_os_string()]).unwrap_or_default(),
            folders: Vec::new(),
            bin: None,
            used: spec.runtime.clone(),
            warning: None,
        };
        self.start_executed(spec, owner, runtime, program.err()).await
    }

    /// Executes a runtime; `refused` is why it cannot be.
    pub(super) async fn start_executed(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
        runtime: Runtime,
        refused: Option<String>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let layers = self.layers;
        let (stream, suppressed, bound) = begins(spec, owner.as_ref());
        let mut slot = self.slots.take();
        slot.limit(limits(spec)).map_err(|e| internal(format!("control group: {e}")))?;
        let (pipe, writer) = log_pipe(&slot, layers).map_err(internal)?;
        let (uid, entries) = (slot.uid, slot.entries());
        let isolated = self.isolates(spec)?;
        let endpoint = self.config.endpoint_url.as_deref().and_then(relay::authority).filter(|_| isolated);
        // In a network of its own, AWS's own port; it listens there when the jail is closed.
        let listener = if isolated { None } else { Some(api::listen().await.map_err(internal)?) };
        let address = match &listener {
            Some(listener) => listener.local_addr().map_err(internal)?,
            None => (Ipv4Addr::LOCALHOST, INSIDE_PORT).into(),
        };
        let own_ip = sockets::v4(address).map_or(Ipv4Addr::LOCALHOST, |a| *a.ip());
        let sockets = self.sockets(uid);
        let process = Process::new();
        let found = if layers.has(Layer::Pid) { extensions(spec) } else { BTreeMap::new() };
        let mut band = None;
        let mut control = None;
        if !found.is_empty() {
            let (crew, reports, theirs) = Crew::pair().map_err(internal)?;
            let (pipe, output) = log_pipe(&slot, layers).map_err(internal)?;
            band = Some(BandParts { crew, reports, extensions: found.keys().cloned().collect(), pipe });
            control = Some((theirs, output));
        }
        let environment = Environment::new(Parts {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            spec: Arc::clone(spec),
            stream: stream.clone(),
            suppressed,
            runtime_used: runtime.used.clone(),
            warning: runtime.warning.clone(),
            process: Arc::clone(&process),
            slot,
            pipe,
            sink: Arc::clone(&self.config.logs),
            owner,
            address: (!isolated).then_some((own_ip, sockets)),
            band,
        });
        self.begin(&environment, bound);
        if let Some((kind, reason)) = unfit(&found, refused) {
            environment.fail_init(InitFailure::Invalid(kind, reason));
            process.exited(Exit::Status(127));
            return Ok(environment);
        }
        let inside_url = endpoint.as_ref().map(|(_, port)| format!("http://127.0.0.1:{port}"));
        let credentials = self.config.credentials.credentials(spec);
        let task_root = task_root(spec, layers);
        let place = Place {
            stream: &stream,
            task_root: &task_root,
            opt: &self.opt(spec),
            bin: runtime.bin.as_deref(),
            runtime_api: &address.to_string(),
            credentials: credentials.as_ref(),
            endpoint_url: inside_url.as_deref().or(self.config.endpoint_url.as_deref()),
        };
        let mut env: Vec<(OsString, OsString)> =
            vec![("_LAMBDA_TELEMETRY_LOG_FD".into(), TELEMETRY_FD.to_string().into())];
        for (name, value) in &variables(spec, &place) {
            env.push((name.into(), value.as_str().unwrap_or_default().into()));
        }
        let mut words = runtime.command;
        // Custom runtimes look at the variable themselves, or do not.
        if let Some(wrapper) = wrapper(spec).filter(|_| !spec.runtime.starts_with("provided")) {
            words.insert(0, self.seen(spec, wrapper));
        }
        let path = words.first().cloned().unwrap_or_default();
        let mut command = Command::new(&path);
        command.args(words.iter().skip(1)).env_clear().envs(env.iter().map(|(n, v)| (n, v)));
        let telemetry = writer.try_clone().map_err(internal)?;
        let mut crew = None;
        if let Some((control, output)) = control {
            let mut programs = vec![Program {
                path: path.into(),
                args: words,
                env: env.clone(),
                output: writer.try_clone().map_err(internal)?,
                inherits: true,
            }];
            env.retain(|(name, _)| !RUNTIME_ONLY.iter().any(|only| name == only));
            for name in found.keys() {
                let path = Path::new("/opt/extensions").join(name);
                let output = output.try_clone().map_err(internal)?;
                let args = vec![path.clone().into_os_string()];
                programs.push(Program { path, args, env: env.clone(), output, inherits: false });
            }
            crew = Some(JailedCrew { programs, control });
        }
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(internal)?).stderr(writer);
        let state = &self.config.state_dir;
        let bootstrap = state.join("runtime");
        let base = jailer::base(&BaseSpec {
            mount_point: state.join("root"),
            bootstrap: (!runtime.folders.is_empty()).then(|| bootstrap.canonicalize().unwrap_or(bootstrap)),
            runtime: runtime.folders,
            etc: state.join("etc"),
            links: module_links(&spec.runtime),
            hosts: self.hosts(own_ip, environment.id).map_err(internal)?,
            layers,
        });
        let mut enter = self.enter_spec(spec, uid);
        let mut inherit = vec![(telemetry, TELEMETRY_FD)];
        let mut channel = None;
        let ports: Vec<_> =
            std::iter::once(INSIDE_PORT).chain(endpoint.as_ref().map(|(_, port)| *port)).collect();
        if isolated {
            let (ours, theirs) = UnixStream::pair().map_err(internal)?;
            channel = Some(ours);
            inherit.push((OwnedFd::from(theirs), CHANNEL_FD));
            enter.network = Some(jailer::Network { channel: CHANNEL_FD, ports: ports.clone() });
        }
        let enter = jailer::enter(&enter);
        jailer::spawn::jail(
            &mut command,
            jailer::spawn::Jail {
                plan: jailer::spawn::stages(&base, &jailer::prepare(layers), &enter),
                pid_namespace: layers.has(Layer::Pid),
                groups: entries.into_iter().map(OwnedFd::from).collect(),
                inherit,
                crew,
            },
        )
        .map_err(internal)?;
        if let Some(listener) = listener {
            tokio::spawn(api::serve_tcp(listener, Arc::clone(&environment), sockets));
        }
        let launched = self.launcher.launch(command, Arc::clone(&process)).await;
        let _ = std::fs::remove_file(self.hosts_file(environment.id));
        match launched {
            Ok(()) => {
                if let Some(channel) = channel {
                    match relay::take(&channel, ports.len()) {
                        Ok(listeners) => {
                            serve_inside(listeners, endpoint, &environment, self.relayed.clone())
                        }
                        Err(error) => {
                            environment.fail_init(InitFailure::Jail(error.to_string()));
                        }
                    }
                }
                environment.start_extensions();
            }
            Err(error) => {
                environment.fail_init(InitFailure::Jail(error.to_string()));
                process.exited(Exit::Status(126));
            }
        }
        Ok(environment)
    }

    /// A path of a layer, where it is seen.
    fn seen(&self, spec: &FunctionSpec, path: &str) -> OsString {
        let below = Path::new(path).strip_prefix(OPT).ok();
        let places = below.map(|below| self.opt(spec).into_iter().map(move |opt| opt.join(below)));
        let found = places.into_iter().flatten().find(|place| place.exists());
        found.map_or_else(|| path.into(), PathBuf::into_os_string)
    }

    fn hosts_file(&self, id: u64) -> PathBuf {
        self.config.state_dir.join(format!("hosts-{id}"))
    }

    /// `/etc/hosts` of one environment: `sandbox.localdomain` is its own address, so that two extensions can listen on
    /// the same port.
    fn hosts(&self, ip: Ipv4Addr, id: u64) -> std::io::Result<Option<PathBuf>> {
        if !self.layers.has(Layer::Mount) {
            return Ok(None);
        }
        let file = self.hosts_file(id);
        let common = std::fs::read_to_string(self.config.state_dir.join("etc/hosts")).unwrap_or_default();
        let common: Vec<_> = common.lines().filter(|l| !l.contains("sandbox.localdomain")).collect();
        std::fs::write(&file, format!("{ip} sandbox.localdomain sandbox\n{}\n", common.join("\n")))?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
        Ok(Some(file.canonicalize().unwrap_or(file)))
    }
}

/// Serves what listens in an isolated network: the Runtime API, and the way to this server.
fn serve_inside(
    listeners: Vec<tokio::net::TcpListener>,
    endpoint: Option<(String, u16)>,
    environment: &Arc<Environment>,
    relayed: Relayed,
) {
    let mut listeners = listeners.into_iter();
    if let Some(api) = listeners.next() {
        // Nobody else can reach it.
        tokio::spawn(api::serve_tcp(api, Arc::clone(environment), Sockets::Anyone));
    }
    if let Some((listener, (authority, _))) = listeners.next().zip(endpoint) {
        tokio::spawn(relay::forward(listener, authority, Arc::clone(&environment.process), relayed));
    }
}

/// Why nothing is started: AWS's error type, and the reason.
fn unfit(found: &BTreeMap<String, PathBuf>, refused: Option<String>) -> Option<(&'static str, String)> {
    if found.len() > MAX_EXTENSIONS {
        let text = format!("{} extensions in /opt/extensions: the limit is {MAX_EXTENSIONS}", found.len());
        return Some(("Extension.TooManyExtensions", text));
    }
    let executable =
        |path: &PathBuf| std::fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o111 != 0);
    if let Some((name, _)) = found.iter().find(|(_, path)| !executable(path)) {
        let text = format!("fork/exec /opt/extensions/{name}: permission denied");
        return Some(("Extension.LaunchError", text));
    }
    Some(("Runtime.InvalidEntrypoint", refused?))
}

/// `bootstrap` of the package or of a layer, as it is called inside.
///
/// # Errors
/// There is none, or it may not be executed, in AWS's words (reported with them by users of custom runtimes:
/// aws-lambda-dart-runtime#20, cdk-ecr-deployment#651).
fn entry_point(spec: &FunctionSpec, layers: Layers) -> Result<PathBuf, String> {
    let mode = |dir: &Path| {
        let meta = std::fs::metadata(dir.join("bootstrap")).ok().filter(std::fs::Metadata::is_file)?;
        Some(meta.permissions().mode())
    };
    let stacked = spec.layers.iter().rev().map(PathBuf::as_path);
    let found =
        std::iter::once(spec.code_dir.as_path()).chain(stacked).find_map(|dir| Some((dir, mode(dir)?)));
    let Some((dir, mode)) = found else {
        return Err("Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned());
    };
    let in_task = dir == spec.code_dir;
    if mode & 0o111 == 0 {
        let at = if in_task { "/var/task/bootstrap" } else { "/opt/bootstrap" };
        return Err(format!("fork/exec {at}: permission denied"));
    }
    Ok(match (in_task, layers.has(Layer::Mount)) {
        (true, _) => PathBuf::from(task_root(spec, layers)).join("bootstrap"),
        (false, true) => PathBuf::from("/opt/bootstrap"),
        (false, false) => dir.join("bootstrap"),
    })
}
