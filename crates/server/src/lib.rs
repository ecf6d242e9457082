//! The server: listener, dispatch, caller -> policy -> service, traces, and the composition of all services.
//!
//! Two journeys, one way in: a call to an AWS API ([`aws`]) and a call to a deployed API ([`api`]). The second reaches
//! Lambda by the same caller -> policy -> Lambda as everyone else ([`backend`]).

#![forbid(unsafe_code)]

mod api;
mod aws;
mod backend;
mod background;
mod caller;
mod clock;
mod compose;
mod config;
mod contexts;
mod decide;
mod endpoint_names;
mod endpoints;
mod explain;
mod federated;
mod function_stream;
mod function_url;
pub mod listener;
mod live_tail;
mod own;
mod random;
mod refusal;
mod response_stream;
mod roles;
mod serve;
mod services;
mod sinks;
mod state;
mod streamed;
mod subscriptions;
mod tail;
mod target;
mod tls;
mod trace;
mod user_pool;

pub use compose::StartError;
pub use config::{Config, NetworkPolicy, SandboxPolicy, Storage};
pub use gateway::management::quotas;
pub use lambda::execution::{JAILS, SandboxLayer, sandbox_report};
pub use serve::Server;
