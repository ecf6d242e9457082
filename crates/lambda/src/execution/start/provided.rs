//! Environments of runtimes that the archive brings along: `bootstrap`, executed in the jail.

use super::super::api;
use super::super::environment::{Environment, InitFailure, Owner, Parts};
use super::super::process::{Exit, Process};
use super::super::spec::{FunctionSpec, InvokeError};
use super::super::variables::{Place, variables};
use super::{Starter, enter_spec, internal, limits, log_pipe, stream_name, task_root};
use jailer::{BaseSpec, Layer, Layers};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The descriptor at which exec'd runtimes find the framed log.
const TELEMETRY_FD: i32 = 62;

impl Starter {
    pub(super) async fn start_provided(
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
        let program = match entry_point(spec, layers) {
            Ok(program) => program,
            Err(reason) => {
                environment.fail_init(InitFailure::Invalid("Runtime.InvalidEntrypoint", reason));
                process.exited(Exit::Status(127));
                return Ok(environment);
            }
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
            bootstrap: None,
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
