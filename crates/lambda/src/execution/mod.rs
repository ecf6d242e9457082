//! Runs functions: execution environments, the Runtime API, packages.
//!
//! An *execution environment* is one process in a jail that serves one invocation at a time. The [`Executor`]
//! keeps warm environments per [`FunctionSpec::key`], starts new ones when all are busy, and recycles them after
//! a time-out, an exit, a code change or a while of idleness.
//!
//! ```text
//! invoke -> pool (one per key) -> environment -> Runtime API (HTTP over a socket only it holds) -> bootstrap
//!                              `-> zygote: a clean interpreter per Python version that forks environments
//! ```
//!
//! Knows nothing of policies, the wire, the store or log groups: credentials and logs go through the traits
//! [`CredentialSource`] and [`LogSink`].

mod api;
mod child;
mod config;
mod crew;
mod environment;
mod executor;
mod extensions;
mod jdks;
mod logs;
mod nodes;
pub mod package;
mod platform;
mod pool;
mod process;
mod relay;
mod report;
mod rubies;
mod run;
mod runtimes;
mod sandbox;
mod slot;
#[cfg(target_os = "linux")]
mod sock_diag;
mod sockets;
mod spec;
mod start;
mod telemetry;
mod to_its_end;
mod turn;
mod variables;
#[cfg(jail)]
mod zygote;

pub use config::{
    CredentialSource, Credentials, ExecutorConfig, LogSink, Network, NoCredentials, NoLogs, Sandbox,
};
pub use spec::{
    Durations, FunctionError, FunctionSpec, Invocation, InvokeContext, InvokeError, Part, ThrottleReason,
};

pub use executor::Executor;
pub use pool::Warm;
pub use sandbox::{JAILS, SandboxLayer, sandbox_report};
