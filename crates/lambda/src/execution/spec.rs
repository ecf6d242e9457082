//! What is run, with what, and what comes back.

use bytes::Bytes;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Everything an environment of one function version needs.
#[derive(Clone, Debug, Default)]
pub struct FunctionSpec {
    /// Unique per account, region, function, version and revision: environments are reused within one key only.
    /// Change it whenever the code or the configuration changes.
    pub key: String,
    /// The function's ARN, without qualifier.
    pub function_arn: String,
    /// The function's name.
    pub name: String,
    /// `$LATEST` or a version number; the answer's `ExecutedVersion`.
    pub version: String,
    /// The account that owns the function.
    pub account: String,
    /// The region.
    pub region: String,
    /// The execution role's ARN, for [`CredentialSource`](super::CredentialSource).
    pub role: String,
    /// `python3.9`, `provided.al2023`, …
    pub runtime: String,
    /// `module.function`.
    pub handler: String,
    /// The unpacked package; read-only for the function, as `/var/task`.
    pub code_dir: PathBuf,
    /// Unpacked layers in order; the content of later ones wins. Seen together as `/opt`.
    pub layers: Vec<PathBuf>,
    /// The function's own environment variables.
    pub environment: Vec<(String, String)>,
    /// `MemorySize` in MiB.
    pub memory_mb: u32,
    /// `EphemeralStorage` in MiB: the size of `/tmp`.
    pub ephemeral_mb: u32,
    /// `Timeout`.
    pub timeout: Duration,
    /// The log group; the stream is chosen per environment.
    pub log_group: String,
    /// Not zero: provisioned concurrency. So many environments are started ahead by
    /// [`Executor::provision`](super::Executor::provision) and kept, never more.
    pub provisioned: u32,
    /// `LoggingConfig.ApplicationLogLevel`, where `LogFormat` is `JSON`: logs are then JSON, from this level on.
    pub json_log_level: Option<String>,
    /// `LoggingConfig.SystemLogLevel`, where `LogFormat` is `JSON`: the platform's own lines are then JSON, from this
    /// level on.
    pub system_log_level: Option<String>,
    /// Whether it has a `VpcConfig`: it then gets a network of its own, which reaches this server only.
    pub in_vpc: bool,
}

/// What one invocation brings along.
#[derive(Clone, Debug, Default)]
pub struct InvokeContext {
    /// The request id that the caller is told, the function sees and the log shows.
    pub request_id: String,
    /// The ARN as it was invoked, with the qualifier when one was used.
    pub invoked_arn: String,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: Option<String>,
    /// The decoded JSON text of `X-Amz-Client-Context`.
    pub client_context: Option<String>,
    /// JSON with `cognitoIdentityId` and `cognitoIdentityPoolId`.
    pub cognito_identity: Option<String>,
    /// Where the response goes as it comes. [`Invocation::payload`] is then empty unless the function failed.
    pub stream: Option<tokio::sync::mpsc::Sender<Part>>,
}

/// A piece of a response that is handed on as it comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Once, before everything else: what is known when the response begins.
    Begin {
        /// `application/vnd.awslambda.http-integration-response` where status and headers come first.
        content_type: String,
        /// The version that answers.
        executed_version: String,
    },
    /// A piece of the body.
    Chunk(Bytes),
}

/// `X-Amz-Function-Error`. AWS answers `Unhandled` for every failed invocation (recorded in `test_lambda.py`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FunctionError {
    /// The function or its runtime failed.
    Unhandled,
}

impl FunctionError {
    /// The header's value.
    pub fn as_str(self) -> &'static str {
        "Unhandled"
    }
}

/// Times of one invocation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Durations {
    /// The init phase, for the first invocation of an environment.
    pub init: Option<Duration>,
    /// From handing the event to the runtime until its answer.
    pub duration: Duration,
    /// `duration` rounded up to whole milliseconds.
    pub billed_ms: u64,
    /// From [`Executor::invoke`](super::Executor::invoke) until an environment took the event (queue and start).
    pub wait: Duration,
}

/// A finished invocation; a failed function is one too.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// What the function returned, or AWS's JSON of the error.
    pub payload: Bytes,
    /// Set when the function failed.
    pub function_error: Option<FunctionError>,
    /// The `errorType` when the function failed, for traces (`Sandbox.Timedout`, `Runtime.ExitError`, `KeyError`).
    pub error_type: Option<String>,
    /// [`FunctionSpec::version`].
    pub executed_version: String,
    /// The last 4 KB of this invocation's log, not yet base64.
    pub log_tail: Bytes,
    /// Where this environment logs.
    pub log_stream: String,
    /// Times.
    pub durations: Durations,
    /// Whether this was the environment's first invocation.
    pub cold: bool,
    /// The largest resident size seen, in MiB.
    pub max_memory_mb: u64,
    /// The runtime that ran, such as `python3.13` where `python3.14` was asked for but is not installed.
    pub runtime_used: String,
    /// A sentence for the trace, when something is not as asked for.
    pub warning: Option<String>,
}

/// Why a request was throttled; the `Reason` of TooManyRequestsException.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottleReason {
    /// `ConcurrentInvocationLimitExceeded`.
    ConcurrentInvocationLimitExceeded,
    /// `ReservedFunctionConcurrentInvocationLimitExceeded`.
    ReservedFunctionConcurrentInvocationLimitExceeded,
}

/// The invocation did not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvokeError {
    /// No environment may be started and the queue is full: 429.
    Throttled(ThrottleReason),
    /// The runtime cannot be run here; the text names it and says what to install.
    RuntimeUnavailable(String),
    /// Lambda may not assume the execution role of this ARN.
    RoleUnassumable(String),
    /// The sandbox policy refuses; the text names the missing layer.
    SandboxUnavailable(String),
    /// The executor is being shut down.
    ShuttingDown,
    /// This machine failed (no processes, no descriptors, …).
    Internal(String),
}

impl fmt::Display for InvokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InvokeError::Throttled(_) => f.write_str("Rate Exceeded."),
            InvokeError::RoleUnassumable(role) => write!(
                f,
                "the execution role {role} does not exist, or its trust policy does not let lambda.amazonaws.com \
                 assume it"
            ),
            InvokeError::RuntimeUnavailable(text)
            | InvokeError::SandboxUnavailable(text)
            | InvokeError::Internal(text) => f.write_str(text),
            InvokeError::ShuttingDown => f.write_str("the server is shutting down"),
        }
    }
}

impl std::error::Error for InvokeError {}
