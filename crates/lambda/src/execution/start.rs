//! Starts environments: from a zygote's spare child, or by exec.

use super::api;
use super::config::{ExecutorConfig, Sandbox};
use super::environment::{Environment, InitFailure, Owner, Parts};
use super::process::{Exit, Process, lock};
use super::report;
use super::runtimes::{self, Python, Wanted};
use super::slot::{Slot, Slots};
use super::spec::{FunctionSpec, InvokeError};
use super::variables::{Place, variables};
use super::zygote::{Housing, Zygote, async_fd};
use jailer::cgroup::Limits;
use jailer::{BaseSpec, EnterSpec, Layer, Layers};
use rustix::pipe::{PipeFlags, pipe_with};
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixStream, unix::pipe};

/// Our bootstrap for Python.
const BOOTSTRAP: &str = include_str!("../../bootstraps/bootstrap.py");
/// AWS: processes and threads of one environment.
const PROCESSES: u64 = 1024;
/// The descriptor at which exec'd runtimes find the framed log.
const TELEMETRY_FD: i32 = 62;

/// Starts environments.
pub(crate) struct Starter {
    config: Arc<ExecutorConfig>,
    layers: Layers,
    slots: Slots,
    stocks: Mutex<HashMap<u8, Arc<Stock>>>,
    launcher: Launcher,
    next_id: AtomicU64,
    warned: Mutex<HashSet<String>>,
}

/// One Python version: its zygote, and children of it that are jailed but not yet anyone's.
struct Stock {
    python: Python,
    zygote: tokio::sync::Mutex<Option<Arc<Zygote>>>,
    spares: Mutex<Vec<Spare>>,
}

/// A forked child that waits to be told whose environment it is.
struct Spare {
    zygote: Arc<Zygote>,
    process: Arc<Process>,
    slot: Slot,
    api: UnixStream,
    pipe: pipe::Receiver,
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
        let layers = layers(&config)?;
        let slots = Slots::new(layers.has(Layer::Cgroup));
        write_state(&config, &slots)
            .map_err(|e| InvokeError::Internal(format!("{}: {e}", config.state_dir.display())))?;
        Ok(Starter {
            config,
            layers,
            slots,
            stocks: Mutex::default(),
            launcher: Launcher::new(),
            next_id: AtomicU64::new(1),
            warned: Mutex::default(),
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
        match runtimes::parse(&spec.runtime).map_err(InvokeError::RuntimeUnavailable)? {
            Wanted::Python(minor) => self.start_python(minor, spec, owner).await,
            Wanted::Provided => self.start_provided(spec, owner).await,
        }
    }

    /// Readies a runtime, so that the first start of a function is quick.
    pub async fn prepare(self: &Arc<Self>, runtime: &str) -> Result<(), InvokeError> {
        if let Ok(Wanted::Python(minor)) = runtimes::parse(runtime) {
            let (stock, _) = self.stock(minor)?;
            self.refill(&stock).await?;
        }
        Ok(())
    }

    /// Ends spares and zygotes, and with them every environment.
    pub async fn shutdown(&self) {
        let stocks: Vec<_> = lock(&self.stocks).drain().map(|(_, stock)| stock).collect();
        for stock in stocks {
            lock(&stock.spares).clear();
            if let Some(zygote) = stock.zygote.lock().await.take() {
                zygote.kill();
            }
        }
    }

    /// Removes the control groups; when all environments are gone. `false`: some process still ends.
    pub fn remove_groups(&self) -> bool {
        self.slots.remove()
    }

    fn stock(&self, minor: u8) -> Result<(Arc<Stock>, Option<String>), InvokeError> {
        // An exact version in stock needs no look at the disk.
        if let Some(stock) = lock(&self.stocks).get(&minor) {
            return Ok((Arc::clone(stock), None));
        }
        let (python, warning) =
            runtimes::choose(minor, self.config.strict_runtimes).map_err(InvokeError::RuntimeUnavailable)?;
        if let Some(warning) = &warning {
            self.warn(warning);
        }
        let mut stocks = lock(&self.stocks);
        let stock = stocks.entry(python.minor).or_insert_with(|| {
            Arc::new(Stock { python, zygote: tokio::sync::Mutex::default(), spares: Mutex::default() })
        });
        Ok((Arc::clone(stock), warning))
    }

    fn warn(&self, text: &str) {
        if lock(&self.warned).insert(text.to_owned()) {
            (self.config.warn)(text);
        }
    }

    async fn start_python(
        self: &Arc<Self>,
        minor: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (stock, warning) = self.stock(minor)?;
        let mut spare = self.spare(&stock).await?;
        let layers = spare.zygote.layers;
        spare.slot.limit(limits(spec)).map_err(|e| internal(format!("control group: {e}")))?;
        let stream = stream_name(spec);
        let task_root = task_root(spec, layers);
        let bin = stock.python.program.parent().map(|p| p.display().to_string());
        let credentials = self.config.credentials.credentials(spec);
        let env = variables(
            spec,
            &Place {
                stream: &stream,
                task_root: &task_root,
                bin: bin.as_deref(),
                runtime_api: "127.0.0.1:9001",
                credentials: credentials.as_ref(),
                endpoint_url: self.config.endpoint_url.as_deref(),
            },
        );
        let frame = format!(
            r#"{{"plan":{},"directory":{},"handler":{},"env":{}}}"#,
            if spare.zygote.runs_plans {
                jailer::enter(&enter_spec(spec, spare.slot.uid, layers)).to_json()
            } else {
                "null".into()
            },
            serde_json::json!(task_root),
            serde_json::json!(spec.handler),
            serde_json::Value::Object(env),
        );
        let mut message = (frame.len() as u32).to_be_bytes().to_vec();
        message.extend_from_slice(frame.as_bytes());
        spare.api.write_all(&message).await.map_err(|e| internal(format!("a new environment: {e}")))?;
        let environment = Environment::new(Parts {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            spec: Arc::clone(spec),
            stream,
            runtime_used: stock.python.runtime(),
            warning,
            process: spare.process,
            slot: spare.slot,
            pipe: spare.pipe,
            sink: Arc::clone(&self.config.logs),
            owner,
        });
        self.begin(&environment);
        tokio::spawn(api::serve(spare.api, Arc::clone(&environment)));
        let (starter, delay) = (Arc::clone(self), Duration::from_millis(8));
        tokio::spawn(async move {
            // Not now: the environment that was just started needs the processor.
            tokio::time::sleep(delay).await;
            let _ = starter.refill(&stock).await;
        });
        Ok(environment)
    }

    /// The first log lines, and the watch over the init phase.
    fn begin(&self, environment: &Arc<Environment>) {
        environment.platform(report::init_start(&environment.spec, &environment.runtime_used));
        if let Some(warning) = &environment.warning {
            environment.platform(format!("WARNING: {warning}\n"));
        }
        let (watched, bound) = (Arc::downgrade(environment), self.config.init_timeout);
        tokio::spawn(async move {
            tokio::time::sleep(bound).await;
            if let Some(environment) = watched.upgrade() {
                environment.fail_init(InitFailure::TimedOut);
            }
        });
    }

    /// A child of the zygote: one in stock, or a new one.
    async fn spare(&self, stock: &Stock) -> Result<Spare, InvokeError> {
        loop {
            let spare = lock(&stock.spares).pop();
            match spare {
                Some(spare) if spare.zygote.is_alive() && !spare.process.has_exited() => return Ok(spare),
                Some(_) => {}
                None => return self.fork(stock).await,
            }
        }
    }

    async fn refill(&self, stock: &Stock) -> Result<(), InvokeError> {
        while lock(&stock.spares).len() < self.config.spares {
            let spare = self.fork(stock).await?;
            lock(&stock.spares).push(spare);
        }
        Ok(())
    }

    async fn fork(&self, stock: &Stock) -> Result<Spare, InvokeError> {
        let zygote = self.zygote(stock).await?;
        let slot = self.slots.take();
        let (ours, theirs) = StdStream::pair().map_err(internal)?;
        ours.set_nonblocking(true).map_err(internal)?;
        let api = UnixStream::from_std(ours).map_err(internal)?;
        let (pipe, writer) = log_pipe(&slot, zygote.layers).map_err(internal)?;
        let entries = slot.entries();
        let mut fds = vec![theirs.as_fd(), writer.as_fd()];
        fds.extend(entries.iter().map(AsFd::as_fd));
        let process = zygote.fork(&fds).await.map_err(internal)?;
        Ok(Spare { zygote, process, slot, api, pipe })
    }

    async fn zygote(&self, stock: &Stock) -> Result<Arc<Zygote>, InvokeError> {
        let mut current = stock.zygote.lock().await;
        if let Some(zygote) = current.as_ref().filter(|z| z.is_alive()) {
            return Ok(Arc::clone(zygote));
        }
        let state = &self.config.state_dir;
        let housing = Housing {
            layers: self.layers,
            mount_point: state.join("root"),
            etc: state.join("etc"),
            bootstrap: state.join("bootstrap.py"),
            errors: state.join(format!("zygote-{}.log", stock.python.runtime())),
        };
        let zygote = Zygote::start(&stock.python, &housing).await.map_err(internal)?;
        if self.layers != Layers::none() && !zygote.runs_plans {
            let text =
                format!("{} has no ctypes: its functions cannot be jailed", stock.python.program.display());
            if self.config.sandbox == Sandbox::Require {
                return Err(InvokeError::SandboxUnavailable(text));
            }
            self.warn(&text);
        }
        *current = Some(Arc::clone(&zygote));
        Ok(zygote)
    }

    async fn start_provided(
        self: &Arc<Self>,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let layers = self.layers;
        let mut slot = self.slots.take();
        slot.limit(limits(spec)).map_err(|e| internal(format!("control group: {e}")))?;
        let (pipe, writer) = log_pipe(&slot, layers).map_err(internal)?;
        let (uid, entries) = (slot.uid, slot.entries());
        let listener = api::listen().await.map_err(internal)?;
        let address = listener.local_addr().map_err(internal)?.to_string();
        let stream = stream_name(spec);
        let process = Process::new();
        let environment = Environment::new(Parts {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            spec: Arc::clone(spec),
            stream: stream.clone(),
            runtime_used: spec.runtime.clone(),
            warning: None,
            process: Arc::clone(&process),
            slot,
            pipe,
            sink: Arc::clone(&self.config.logs),
            owner,
        });
        self.begin(&environment);
        let Some(program) = entry_point(spec, layers) else {
            // AWS: Runtime.InvalidEntrypoint with these words (documentation of custom runtimes; reasoning as to
            // the exact form).
            let text = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]";
            let body = report::platform_error("Runtime.InvalidEntrypoint", text);
            environment.fail_init(InitFailure::Error(body));
            process.exited(Exit::Status(127));
            return Ok(environment);
        };
        let credentials = self.config.credentials.credentials(spec);
        let task_root = task_root(spec, layers);
        let place = Place {
            stream: &stream,
            task_root: &task_root,
            bin: None,
            runtime_api: &address,
            credentials: credentials.as_ref(),
            endpoint_url: self.config.endpoint_url.as_deref(),
        };
        let mut command = Command::new(program);
        command.env_clear().env("_LAMBDA_TELEMETRY_LOG_FD", TELEMETRY_FD.to_string());
        for (name, value) in &variables(spec, &place) {
            command.env(name, value.as_str().unwrap_or_default());
        }
        let telemetry = writer.try_clone().map_err(internal)?;
        command.stdin(Stdio::null()).stdout(writer.try_clone().map_err(internal)?).stderr(writer);
        let base = jailer::base(&BaseSpec {
            mount_point: self.config.state_dir.join("root"),
            runtime: Vec::new(),
            etc: self.config.state_dir.join("etc"),
            layers,
        });
        let enter = jailer::enter(&enter_spec(spec, uid, layers));
        jailer::spawn::jail(
            &mut command,
            jailer::spawn::Jail {
                plan: jailer::spawn::stages(&base, &jailer::prepare(layers), &enter),
                pid_namespace: layers.has(Layer::Pid),
                groups: entries.into_iter().map(OwnedFd::from).collect(),
                inherit: vec![(telemetry, TELEMETRY_FD)],
            },
        );
        let only_uid = layers.has(Layer::Uid).then_some(uid);
        let served = Arc::clone(&environment);
        tokio::spawn(async move {
            let process = Arc::clone(&served.process);
            tokio::select! {
                () = api::serve_tcp(listener, served, only_uid) => {}
                _ = process.wait() => {}
            }
        });
        if let Err(error) = self.launcher.launch(command, Arc::clone(&process)).await {
            environment.fail_init(InitFailure::Jail(error.to_string()));
            process.exited(Exit::Status(126));
        }
        Ok(environment)
    }
}

fn enter_spec(spec: &FunctionSpec, uid: u32, layers: Layers) -> EnterSpec {
    EnterSpec {
        task: absolute(&spec.code_dir),
        opt: spec.layers.iter().map(|l| absolute(l)).collect(),
        tmp_mb: spec.ephemeral_mb,
        uid,
        processes: PROCESSES,
        layers,
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

/// `bootstrap` of the package or of a layer, as it is called inside; it must be executable.
fn entry_point(spec: &FunctionSpec, layers: Layers) -> Option<PathBuf> {
    let executable = |dir: &PathBuf| {
        let meta = std::fs::metadata(dir.join("bootstrap")).ok()?;
        (meta.is_file() && meta.permissions().mode() & 0o111 != 0).then_some(())
    };
    let inside = layers.has(Layer::Mount);
    if executable(&spec.code_dir).is_some() {
        return Some(PathBuf::from(task_root(spec, layers)).join("bootstrap"));
    }
    let layer = spec.layers.iter().rev().find(|dir| executable(dir).is_some())?;
    Some(if inside { PathBuf::from("/opt/bootstrap") } else { layer.join("bootstrap") })
}

/// Memory holds `/tmp` too, which AWS counts apart: the executor watches the function's own share besides.
/// AWS gives 1769 MB one processor; here nobody gets less than one, which is faster than AWS for small functions.
fn limits(spec: &FunctionSpec) -> Limits {
    let mib = u64::from(spec.memory_mb.max(64)) + u64::from(spec.ephemeral_mb);
    let cpu_milli = (u64::from(spec.memory_mb) * 1000 / 1769).max(1000);
    Limits { memory: mib << 20, pids: PROCESSES, cpu_milli }
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
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&reader, true)?;
    if layers.has(Layer::Uid) {
        let uid = rustix::fs::Uid::from_raw(slot.uid);
        rustix::fs::fchown(&writer, Some(uid), None)?;
    }
    Ok((pipe::Receiver::from_owned_fd(reader)?, writer))
}

/// The layers to use, by policy.
fn layers(config: &ExecutorConfig) -> Result<Layers, InvokeError> {
    if config.sandbox == Sandbox::Off {
        return Ok(Layers::none());
    }
    let report = jailer::probe();
    let missing: Vec<_> =
        report.missing().iter().map(|(layer, why)| format!("{}: {why}", layer.name())).collect();
    if missing.is_empty() {
        return Ok(report.layers);
    }
    let missing = missing.join("; ");
    if config.sandbox == Sandbox::Require {
        let text = format!("functions cannot be isolated fully here ({missing})");
        return Err(InvokeError::SandboxUnavailable(text));
    }
    (config.warn)(&format!("functions are isolated only in part here ({missing})"));
    Ok(report.layers)
}

/// The bootstrap, the folder to build roots on, and the `/etc` of jails.
fn write_state(config: &ExecutorConfig, slots: &Slots) -> io::Result<()> {
    let state = &config.state_dir;
    let make = |path: &Path, mode| std::fs::DirBuilder::new().recursive(true).mode(mode).create(path);
    make(state, 0o700)?;
    make(&state.join("root"), 0o755)?;
    std::fs::write(state.join("bootstrap.py"), BOOTSTRAP)?;
    let etc = state.join("etc");
    make(&etc, 0o755)?;
    let mut passwd = "root:x:0:0:root:/root:/sbin/nologin\n".to_owned();
    let mut group = "root:x:0:\n".to_owned();
    // AWS's name for the function's user; each environment has a number of its own where the server is root.
    let user = |id: u32| format!("sbx_user1051:x:{id}:{id}::/home/sbx_user1051:/sbin/nologin\n");
    passwd.push_str(&format!(
        "sbx_user1051:x:{}:{}::/home/sbx_user1051:/sbin/nologin\n",
        jailer::TASK_USER,
        jailer::TASK_GROUP
    ));
    group.push_str(&format!("sbx_user1051:x:{}:\n", jailer::TASK_GROUP));
    for index in 0..u32::try_from(config.max_environments + config.spares + 64).unwrap_or(2000).min(2000) {
        passwd.push_str(&user(slots.uid(index)));
    }
    std::fs::write(etc.join("passwd"), passwd)?;
    std::fs::write(etc.join("group"), group)?;
    for name in ["hosts", "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf", "services", "protocols"] {
        copy(name, &etc);
    }
    for name in ["ld.so.cache", "ld.so.conf", "localtime", "mime.types"] {
        copy(name, &etc);
    }
    for dir in ["ssl", "pki", "alternatives", "ca-certificates"] {
        if Path::new("/etc").join(dir).is_dir() {
            make(&etc.join(dir), 0o755)?;
        }
    }
    Ok(())
}

/// A file of the machine's `/etc`, when everyone may read it.
fn copy(name: &str, etc: &Path) {
    let from = Path::new("/etc").join(name);
    let public = std::fs::metadata(&from).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o004 != 0);
    if public && let Ok(text) = std::fs::read(&from) {
        let _ = std::fs::write(etc.join(name), text);
    }
}

/// A thread that lives as long as the executor and starts programs: they are killed when the thread that started
/// them ends, and the runtime's threads come and go.
struct Launcher {
    tasks: std::sync::mpsc::Sender<Box<dyn FnOnce() + Send>>,
}

impl Launcher {
    fn new() -> Launcher {
        let (tasks, queue) = std::sync::mpsc::channel::<Box<dyn FnOnce() + Send>>();
        let thread = std::thread::Builder::new().name("launcher".into());
        let _ = thread.spawn(move || {
            while let Ok(task) = queue.recv() {
                task();
            }
        });
        Launcher { tasks }
    }

    /// Starts `command`; its end is told to `process`.
    async fn launch(&self, mut command: Command, process: Arc<Process>) -> io::Result<()> {
        let (send, receive) = tokio::sync::oneshot::channel();
        let task = Box::new(move || {
            let _ = send.send(command.spawn());
        });
        self.tasks.send(task).map_err(|_| io::Error::other("the launcher thread is gone"))?;
        let mut child = receive.await.map_err(|_| io::Error::other("the launcher thread is gone"))??;
        let pid = rustix::process::Pid::from_child(&child);
        let pidfd = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?;
        let watched = async_fd(pidfd.try_clone()?)?;
        process.started(Some(child.id()), Some(pidfd));
        tokio::spawn(async move {
            let _ = watched.readable().await;
            let code = match child.wait() {
                Ok(status) => {
                    use std::os::unix::process::ExitStatusExt as _;
                    status.code().unwrap_or_else(|| -status.signal().unwrap_or(9))
                }
                Err(_) => -9,
            };
            process.exited(Exit::from_code(code));
        });
        Ok(())
    }
}
