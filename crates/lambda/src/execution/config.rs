//! What an [`Executor`](super::Executor) is given: limits, the sandbox policy, and where logs and credentials go.

use super::spec::FunctionSpec;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to do when a layer of the jail is missing on this machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sandbox {
    /// Refuse to run functions unless every layer that keeps one function from another works.
    Require,
    /// Use every layer that works, warn about the others.
    #[default]
    Prefer,
    /// No jail at all: functions run as the server's user.
    Off,
}

/// What of the network functions see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The machine's: functions call local databases. Those with a `VpcConfig` are isolated all the same.
    #[default]
    Host,
    /// Each environment has one of its own, which reaches this server only.
    Isolated,
}

/// Settings of an [`Executor`](super::Executor).
#[derive(Clone)]
pub struct ExecutorConfig {
    /// A directory of the executor's own: bootstraps, jail roots. Not readable by functions.
    pub state_dir: PathBuf,
    /// The sandbox policy.
    pub sandbox: Sandbox,
    /// The network of functions.
    pub network: Network,
    /// Refuse a runtime that is not installed instead of using the nearest newer one.
    pub strict_runtimes: bool,
    /// A folder laid out like a layer (`python/`, `nodejs/node_modules/`) that lies below the layers of every function:
    /// for what AWS's images bring and this machine's interpreters do not, such as boto3. May come into being later.
    pub runtime_layer: Option<PathBuf>,
    /// Environments alive at once, over all functions. Default: one per 64 MiB of the machine's memory, between
    /// 16 and 1000 (AWS's account limit).
    pub max_environments: usize,
    /// Invocations of one function that may wait for an environment; further ones are throttled.
    pub max_queue: usize,
    /// An environment that was not used for so long is ended.
    pub idle_timeout: Duration,
    /// The init phase's bound; AWS: 10 s.
    pub init_timeout: Duration,
    /// How long an invocation waits for a busy environment to come back before a further one is started.
    pub grace: Duration,
    /// How long an invocation waits when no further environment may be started, before it is throttled.
    pub queue_timeout: Duration,
    /// Environments that are forked and jailed ahead of need, per Python version in use.
    pub spares: usize,
    /// Set as `AWS_ENDPOINT_URL` in functions, so that SDKs inside them talk to this server.
    pub endpoint_url: Option<String>,
    /// Credentials of execution roles.
    pub credentials: Arc<dyn CredentialSource>,
    /// Where log lines go.
    pub logs: Arc<dyn LogSink>,
    /// Receives warnings about this machine (a missing runtime, a missing layer of the jail), once each.
    pub warn: Arc<dyn Fn(&str) + Send + Sync>,
}

impl ExecutorConfig {
    /// Defaults, with `state_dir` as the executor's own directory (made when missing).
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        ExecutorConfig {
            state_dir: state_dir.into(),
            sandbox: Sandbox::Prefer,
            network: Network::Host,
            strict_runtimes: false,
            runtime_layer: None,
            max_environments: default_max_environments(),
            max_queue: 1000,
            idle_timeout: Duration::from_secs(600),
            init_timeout: Duration::from_secs(10),
            grace: Duration::from_millis(5),
            queue_timeout: Duration::from_secs(10),
            spares: 1,
            endpoint_url: None,
            credentials: Arc::new(NoCredentials),
            logs: Arc::new(NoLogs),
            warn: Arc::new(|_| {}),
        }
    }
}

/// One environment per 64 MiB of memory: a warm Python environment takes 3 to 20 MiB, so this leaves room.
fn default_max_environments() -> usize {
    let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find(|l| l.starts_with("MemTotal:"))?;
        line.split_ascii_whitespace().nth(1)?.parse::<usize>().ok()
    });
    (total.unwrap_or(4 << 20) / (64 << 10)).clamp(16, 1000)
}

/// Temporary credentials of an execution role.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key_id: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_access_key: String,
    /// `AWS_SESSION_TOKEN`.
    pub session_token: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Gives an environment, when it starts, temporary credentials of its function's execution role.
pub trait CredentialSource: Send + Sync {
    /// Whether Lambda may assume the function's execution role now; asked before each environment is started.
    fn may_assume(&self, _: &FunctionSpec) -> bool {
        true
    }

    /// Called once per environment, after [`Self::may_assume`], on the path of a cold start: quick, no waiting. `None`:
    /// no credentials are set.
    fn credentials(&self, spec: &FunctionSpec) -> Option<Credentials>;
}

/// No credentials for any function.
pub struct NoCredentials;

impl CredentialSource for NoCredentials {
    fn credentials(&self, _: &FunctionSpec) -> Option<Credentials> {
        None
    }
}

/// Takes the log events of functions.
pub trait LogSink: Send + Sync {
    /// `lines` are events of the log stream `stream` of [`FunctionSpec::log_group`], each with its time in
    /// milliseconds since 1970, in order. Must not block; an implementation that cannot keep up drops, and counts
    /// what it dropped.
    fn log(&self, spec: &FunctionSpec, stream: &str, lines: Vec<(i64, String)>);
}

/// Drops every line.
pub struct NoLogs;

impl LogSink for NoLogs {
    fn log(&self, _: &FunctionSpec, _: &str, _: Vec<(i64, String)>) {}
}
