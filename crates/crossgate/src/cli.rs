use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use arn::AccountId;
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::terminal::{Color, Drawn};
use crate::{demo, doctor, env, explain, serve, simulate, tail, test};

/// API Gateway, Lambda, IAM and STS on your own machine, for many accounts, with AWS's permission checks on: a refused
/// call says why, and which command mends it.
#[derive(Parser)]
#[command(
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  crossgate demo                        the whole story in twenty seconds
  crossgate serve                       a server on http://127.0.0.1:4566, kept in ./.crossgate
  eval \"$(crossgate env 222222222222)\"  then use the AWS CLI as that account
  crossgate explain REQUEST_ID          why a request was refused, and what mends it

Exit status: 0 done, 1 it did not work, 2 wrong usage or a file that cannot be read."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the server
    #[command(after_help = "\
Examples:
  crossgate serve                               keeps its state in ./.crossgate
  crossgate serve --in-memory                   keeps nothing
  crossgate serve --listen 127.0.0.1:0          a free port, printed when ready
  crossgate serve --dev-account 000000000000    any access key is the root of that account

Stops on Ctrl-C or SIGTERM after the requests in flight, with exit status 0.")]
    Serve(Serve),
    /// Play the cross-account story on a server of its own and show each step
    #[command(after_help = "\
Example:
  crossgate demo

Needs a Python 3 on this machine. Exit status 1 when any step goes otherwise than it should.")]
    Demo,
    /// Print the environment variables that make AWS tools talk to this server as an account
    #[command(after_help = "\
Examples:
  eval \"$(crossgate env 222222222222)\"
  crossgate env 111111111111 --profile account-b    writes a profile into ~/.aws/config and credentials;
                                                    then: aws --profile account-b lambda list-functions

Exit status: 0 printed or written, 1 a profile could not be written, 2 wrong usage.")]
    Env(Env),
    /// Follow requests as they come, a line each
    #[command(after_help = "\
Example:
  crossgate tail

Each line: time, caller, method, path, status, decision, duration, request id.
Exit status: 0 the server ended, 1 no server, 2 wrong usage.")]
    Tail(Endpoint),
    /// Say why a request was answered as it was, and which command mends it
    #[command(after_help = "\
Examples:
  crossgate explain 5f0c2c1e-0d5b-4c52-9d5e-6d3b6c0e5a11    the id the client got in x-amzn-RequestId
  crossgate explain last                                    the latest request that failed
  crossgate explain last --as terraform                     what mends it, as code
  crossgate explain last --format json                      the same for programs

Each change is evaluated with the refused request before it is shown, in each form.
Exit status: 0 explained, 1 no such request or no server, 2 wrong usage.")]
    Explain(Explain),
    /// Say whether this machine has what crossgate needs
    #[command(after_help = "\
Example:
  crossgate doctor --sandbox    each layer that isolates functions: whether it works here, and how to get it

Exit status: 0 every layer that --sandbox require insists on works, 1 some are missing.")]
    Doctor(Doctor),
    /// Say whether a request would be allowed, and why, without making it
    #[command(after_help = "\
Examples:
  crossgate simulate --principal arn:aws:iam::222222222222:role/apigw-exec \\
    --action lambda:InvokeFunction --resource arn:aws:lambda:us-east-1:111111111111:function:users
  crossgate simulate --principal apigateway.amazonaws.com --action lambda:InvokeFunction \\
    --resource arn:aws:lambda:us-east-1:111111111111:function:users \\
    --context aws:SourceArn=arn:aws:execute-api:us-east-1:222222222222:abc/prod/GET/users

Principals: a user, a role (as a session of it), an assumed-role session, a service, an account's
root user (its ARN or twelve digits), or anonymous. The condition keys are those of a call made
from here; --context replaces them, and repeated with one key gives it several values.

Exit status: 0 allowed, 1 denied, 2 the question cannot be answered: wrong usage, no such
principal, no server.")]
    Simulate(Simulate),
    /// Run policy unit tests from case files, without a server or an account
    #[command(after_help = "\
Examples:
  crossgate test permissions.json
  crossgate test --format junit tests/*.json > report.xml

A file is a JSON list of cases:
  [{\"name\": \"the gateway may call users\",
    \"request\": {\"principal\": \"apigateway.amazonaws.com\", \"action\": \"lambda:InvokeFunction\",
                \"resource\": \"arn:aws:lambda:us-east-1:111111111111:function:users\",
                \"context\": {\"aws:SourceArn\": \"arn:aws:execute-api:us-east-1:222222222222:abc/prod/GET/users\"}},
    \"policies\": {\"resource\": {\"file\": \"users-policy.json\"}},
    \"expected\": \"Allowed\"}]
or the same as YAML (.yaml, .yml), anchors and `<<` included. The context is complete: nothing is added to it.
Policies: identity, resource (for sts: actions on a role, its trust policy), boundary, session, scp,
rcp; the last two as lists of levels, the root's first. \"deniedBy\" names the layer to blame.

Exit status: 0 all cases hold, 1 some differ, 2 a file cannot be read.")]
    Test(Test),
}

/// Options of `test`.
#[derive(Args)]
pub struct Test {
    /// Case files, or - for what is piped in; a policy given as {"file": "x.json"} is looked for beside its case file
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = TestFormat::Text)]
    pub format: TestFormat,
    /// When to colour
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub color: Color,
}

/// How outcomes are printed.
#[derive(Clone, Copy, ValueEnum)]
pub enum TestFormat {
    /// A line for each failing case, and how many hold
    Text,
    /// Every case with its explanation
    Json,
    /// For CI systems
    Junit,
}

/// Options of `doctor`.
#[derive(Args)]
pub struct Doctor {
    /// Probe what isolates functions
    #[arg(long, required = true)]
    pub sandbox: bool,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// Where the server is.
#[derive(Args)]
pub struct Endpoint {
    /// The server's address
    #[arg(long, default_value = "http://127.0.0.1:4566", env = "CROSSGATE_ENDPOINT")]
    pub endpoint: String,
    /// The token the server was started with, when it does not listen on loopback
    #[arg(long, env = "CROSSGATE_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
}

/// Options of `serve`.
#[derive(Args)]
pub struct Serve {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:4566")]
    pub listen: SocketAddr,
    /// Where everything is kept [default: .crossgate]
    #[arg(long, value_name = "DIR", conflicts_with = "in_memory")]
    pub data: Option<PathBuf>,
    /// Keep nothing after the server stops
    #[arg(long)]
    pub in_memory: bool,
    /// Attach aws:SourceArn to calls that API Gateway makes with an execution role, which AWS does not
    #[arg(long)]
    pub source_arn_on_role_calls: bool,
    /// Refuse access key ids that are account ids: only issued keys, with valid signatures
    #[arg(long)]
    pub no_dev_credentials: bool,
    /// Let any unknown access key be the root user of this account
    #[arg(long, value_name = "ID", conflicts_with = "no_dev_credentials")]
    pub dev_account: Option<AccountId>,
    /// Bearer token that opens /_crossgate/ to clients that are not on loopback
    #[arg(long, env = "CROSSGATE_ADMIN_TOKEN", hide_env_values = true)]
    pub admin_token: Option<String>,
    /// The keys (a JSON Web Key Set) of an OpenID Connect issuer, for AssumeRoleWithWebIdentity; may be repeated.
    /// Issuers at http://127.0.0.1 and http://localhost are asked themselves; no other is
    #[arg(long, value_name = "ISSUER=FILE", value_parser = issuer_and_file)]
    pub jwks: Vec<(String, PathBuf)>,
    /// What to do where this machine cannot isolate functions fully
    #[arg(long, value_enum, default_value_t = Sandbox::Prefer)]
    pub sandbox: Sandbox,
    /// The network of functions; those with a VpcConfig are isolated in any case
    #[arg(long, value_enum, default_value_t = Network::Host)]
    pub network: Network,
    /// End an execution environment that no invocation has used for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86400))]
    pub idle_environments: u64,
    /// Execution environments alive at once, over all functions [default: one per 64 MiB of memory, 16 to 1000]
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1900))]
    pub max_environments: Option<u32>,
    /// A folder with what AWS's runtimes bring and this machine's do not, laid out like a layer that every function has:
    /// python/ (pip install --target DIR/python boto3), nodejs/node_modules/ [default: runtime-layer in the data directory]
    #[arg(long, value_name = "DIR")]
    pub runtime_layer: Option<PathBuf>,
    /// Refuse a runtime that is not installed instead of taking the nearest newer version
    #[arg(long)]
    pub strict_runtimes: bool,
    /// Concurrent executions of each account, and environments alive at once [default: 1000, and one environment for
    /// each 64 MiB of memory]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub concurrency: Option<u32>,
    /// A quota of API Gateway other than AWS's, as in stages-per-api=50; may be repeated
    #[arg(long, value_name = "NAME=N", value_parser = quota)]
    pub quota: Vec<(String, usize)>,
    /// Seconds before each further try of a failed asynchronous invocation [default: 60, then 120, as on AWS]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=3600))]
    pub retry_delay: Option<u64>,
}

/// What of the network functions see.
#[derive(Clone, Copy, ValueEnum)]
pub enum Network {
    /// The machine's, so that functions call local databases
    Host,
    /// This server only
    Isolated,
}

/// `stages-per-api=50`.
fn quota(text: &str) -> Result<(String, usize), String> {
    let (name, number) = text.split_once('=').unwrap_or((text, ""));
    let known = || server::quotas().map(|(name, _)| name);
    if !known().any(|known| known == name) {
        let near = arn::nearest(name, known()).map(|near| format!(", did you mean {near}?"));
        let all = known().collect::<Vec<_>>().join(", ");
        return Err(format!("{name} is no quota{}; there are {all}", near.unwrap_or_default()));
    }
    match number.parse() {
        Ok(number) => Ok((name.to_owned(), number)),
        Err(_) => Err(format!("wanted is a whole number after the name, as in {name}=50")),
    }
}

/// `https://issuer.example/path=keys.json`.
fn issuer_and_file(text: &str) -> Result<(String, PathBuf), String> {
    let wanted = "wanted is an issuer's URL and a file, as in https://token.example.com=keys.json";
    let (issuer, file) = text.split_once('=').ok_or(wanted)?;
    let is_url = issuer.starts_with("https://") || issuer.starts_with("http://");
    if !is_url || file.is_empty() {
        return Err(wanted.to_owned());
    }
    Ok((issuer.to_owned(), file.into()))
}

/// How functions are isolated.
#[derive(Clone, Copy, ValueEnum)]
pub enum Sandbox {
    /// Refuse to run functions when a layer is missing
    Require,
    /// Use every layer that works, and warn of the others
    Prefer,
    /// Run functions as plain processes
    Off,
}

/// Options of `env`.
#[derive(Args)]
pub struct Env {
    /// Twelve digits; any account exists
    pub account: AccountId,
    /// Write an AWS profile of this name instead of printing variables
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The region to use
    #[arg(long, default_value = "us-east-1")]
    pub region: String,
    /// The server's address
    #[arg(long, default_value = "http://127.0.0.1:4566", env = "CROSSGATE_ENDPOINT")]
    pub endpoint: String,
}

/// Options of `explain`.
#[derive(Args)]
pub struct Explain {
    /// The request's id, or `last` for the latest that failed or whose function failed
    pub request_id: String,
    #[command(flatten)]
    pub at: Endpoint,
    #[command(flatten)]
    pub drawn: Drawn,
}

/// Options of `simulate`.
#[derive(Args)]
pub struct Simulate {
    /// Who would ask: an ARN, a service such as apigateway.amazonaws.com, twelve digits, or anonymous
    #[arg(long)]
    pub principal: String,
    /// What for: service:Name
    #[arg(long)]
    pub action: String,
    /// On what: an ARN, or * for actions without a resource
    #[arg(long)]
    pub resource: String,
    /// A condition key and its value, as in aws:SourceIp=192.0.2.7
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub context: Vec<(String, String)>,
    /// Whose the resource is, where its ARN does not say [default: the ARN's account, else the caller's]
    #[arg(long, value_name = "ID")]
    pub resource_account: Option<AccountId>,
    #[command(flatten)]
    pub at: Endpoint,
    #[command(flatten)]
    pub drawn: Drawn,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, as in aws:SourceIp=192.0.2.7")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// How to print.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Parses the command line and runs it.
pub fn run() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Serve(options) => serve::run(options),
        Command::Demo => demo::run(),
        Command::Env(options) => env::run(&options),
        Command::Tail(at) => tail::run(&at),
        Command::Explain(options) => explain::run(&options),
        Command::Doctor(options) => return doctor::run(&options),
        Command::Simulate(options) => return simulate::run(&options),
        Command::Test(options) => return test::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("crossgate: {message}");
            ExitCode::FAILURE
        }
    }
}
