use std::net::SocketAddr;
use std::path::PathBuf;

use arn::AccountId;
pub use lambda::execution::Network as NetworkPolicy;
pub use lambda::execution::Sandbox as SandboxPolicy;

/// Where state is kept.
#[derive(Clone, Debug)]
pub enum Storage {
    /// In memory; function packages go to a temporary directory that is removed at the end.
    InMemory,
    /// In a directory, locked for this process.
    Directory(PathBuf),
}

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where state is kept.
    pub storage: Storage,
    /// Gives calls that API Gateway makes with an execution role the condition keys `aws:SourceArn` and
    /// `aws:SourceAccount`, which AWS does not (reasoned from documentation, not recorded: `ARCHITECTURE.md`).
    pub source_arn_on_role_calls: bool,
    /// Takes an access key id of twelve digits as the root user of that account, whatever the signature. Only while
    /// listening on loopback.
    pub dev_credentials: bool,
    /// Takes any unknown access key id as the root user of this account. Only while listening on loopback.
    pub dev_account: Option<AccountId>,
    /// A bearer token that opens `/_crossgate/` to clients that are not on loopback.
    pub admin_token: Option<String>,
    /// Files with the keys (JSON Web Key Sets) of issuers of web identities, by the issuer's URL.
    pub jwks: Vec<(String, PathBuf)>,
    /// How functions are isolated.
    pub sandbox: SandboxPolicy,
    /// The network of functions.
    pub network: NetworkPolicy,
    /// How long an execution environment lives without an invocation.
    pub idle_environments: std::time::Duration,
    /// Execution environments alive at once; by the machine's memory when not given.
    pub max_environments: Option<usize>,
    /// A folder laid out like a layer that every function has below its own layers; by default `runtime-layer` in the
    /// data directory, where there is one.
    pub runtime_layer: Option<PathBuf>,
    /// Refuses runtimes that are not installed.
    pub strict_runtimes: bool,
    /// Concurrent executions of an account in a region, and environments alive at once over all accounts. Without it
    /// accounts have AWS's 1000, and as many environments live at once as memory allows: one for each 64 MiB.
    pub concurrency: Option<u32>,
    /// Quotas of API Gateway that differ from AWS's, by the names of `gateway::management::quotas`.
    pub quotas: Vec<(String, usize)>,
    /// The wait before each further try of a failed asynchronous invocation; without it AWS's minute, then two.
    pub retry_delay: Option<std::time::Duration>,
}
