//! Builds every service over one store, and hands each what it needs of the others.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use gateway::execution::Execution;
use gateway::management::{ACCOUNT_THROTTLE, Deps, Management};
use iam::Iam;
use identity::{Issuers, KeySet};
use lambda::execution::{Executor, ExecutorConfig};
use lambda::{Lambda, Settings};
use logs::Logs;
use store::{OpenError, Store};

use crate::backend::LambdaBackend;
use crate::background::Events;
use crate::caller::{Callers, DevCredentials};
use crate::endpoints::Endpoints;
use crate::roles::{GatewayRoles, LambdaRoles};
use crate::services::Services;
use crate::sinks::{ExecutionLogs, FunctionLogs};
use crate::state::State;
use crate::trace::Ring;
use crate::{Config, Storage};

/// Why a server did not start, in words for the person who started it.
#[derive(Debug)]
pub struct StartError(String);

impl StartError {
    pub(crate) fn listen(address: SocketAddr, cause: &std::io::Error) -> Self {
        Self(format!("cannot listen on {address}: {cause}; choose another address with --listen"))
    }
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StartError {}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self(error.to_string())
    }
}

/// What [`compose`] made.
pub struct Composed {
    pub state: Arc<State>,
    pub warnings: Vec<String>,
    pub temporary: Option<tempfile::TempDir>,
}

/// The folder of packages that every function has; it need not be there.
fn runtime_layer(config: &Config, data: &Path) -> Result<PathBuf, StartError> {
    let Some(given) = &config.runtime_layer else { return Ok(data.join("runtime-layer")) };
    if !given.is_dir() {
        return Err(StartError(format!(
            "the runtime layer {} is no folder: make it, with a folder python or nodejs/node_modules inside",
            given.display()
        )));
    }
    Ok(given.clone())
}

/// Opens the store and builds the services; `address` is where the server listens.
pub fn compose(config: &Config, address: SocketAddr) -> Result<Composed, StartError> {
    let (store, temporary) = open(config)?;
    // What reaches a server that listens on every address from this machine.
    let host = if address.ip().is_unspecified() { "127.0.0.1".to_owned() } else { host(address) };
    let base_url = format!("http://{host}:{}", address.port());
    let iam = Iam::with_issuers(store.clone(), issuers(&config.jwks)?);
    let logs = Arc::new(Logs::new(store.clone()));

    let warnings = Arc::new(Mutex::new(Vec::new()));
    let started = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let mut execution = ExecutorConfig::new(store.directory().join("execution"));
    execution.sandbox = config.sandbox;
    execution.strict_runtimes = config.strict_runtimes;
    let runtime_layer = Some(runtime_layer(config, store.directory())?);
    execution.runtime_layer.clone_from(&runtime_layer);
    execution.network = config.network;
    execution.idle_timeout = config.idle_environments;
    // Each says how many may live at once; the one about environments wins.
    let environments = config.max_environments.or(config.concurrency.map(|limit| limit as usize));
    execution.max_environments = environments.unwrap_or(execution.max_environments);
    execution.endpoint_url = Some(base_url.clone());
    execution.credentials = Arc::new(LambdaRoles(iam.clone()));
    execution.logs = Arc::new(FunctionLogs(logs.clone()));
    execution.warn = {
        let (warnings, started) = (warnings.clone(), started.clone());
        Arc::new(move |warning: &str| {
            if started.load(std::sync::atomic::Ordering::Relaxed) {
                eprintln!("warning: {warning}");
            } else {
                warnings.lock().unwrap_or_else(PoisonError::into_inner).push(warning.to_owned());
            }
        })
    };
    let executor = Executor::new(execution).map_err(|e| StartError(format!("functions cannot run: {e}")))?;
    let ring = Arc::new(Ring::default());
    let background = Events { iam: iam.clone(), logs: FunctionLogs(logs.clone()), ring: ring.clone() };
    let mut settings = Settings { base_url, background: Arc::new(background), ..Settings::default() };
    settings.concurrency = config.concurrency.unwrap_or(settings.concurrency);
    if let Some(delay) = config.retry_delay {
        settings.retry_delays = [delay; 2];
    }
    let lambda = Lambda::with_settings(
        store.clone(),
        Arc::new(executor.clone()),
        Arc::new(LambdaRoles(iam.clone())),
        settings,
    )
    .map_err(|e| StartError(format!("Lambda cannot start: {e}")))?;
    let services = Services::default();
    let backend = LambdaBackend {
        iam: iam.clone(),
        lambda: lambda.clone(),
        endpoints: Endpoints::default(),
        services: services.clone(),
        source_arn_on_role_calls: config.source_arn_on_role_calls,
    };
    let gateway = Management::new(store.clone(), Deps { roles: Some(Arc::new(GatewayRoles(iam.clone()))) });
    gateway
        .set_quotas(&config.quotas.iter().cloned().collect())
        .map_err(|e| StartError(format!("quotas cannot be stored: {e}")))?;
    let execution = Execution::new(store.clone(), Arc::new(backend), Arc::new(ExecutionLogs(logs.clone())));
    let set =
        |name: &str| config.quotas.iter().rev().find(|(known, _)| known == name).map(|(_, number)| *number);
    let [(rate, most), (burst, at_once)] = ACCOUNT_THROTTLE;
    if set(rate).is_some() || set(burst).is_some() {
        execution.limit_accounts(set(rate).unwrap_or(most) as f64, set(burst).unwrap_or(at_once) as f64);
    }
    let loopback = address.ip().is_loopback();
    let dev_credentials = match (config.dev_credentials, loopback) {
        (true, true) => DevCredentials::Accepted,
        (true, false) => DevCredentials::NotOnLoopback,
        (false, _) => DevCredentials::Off,
    };
    let dev_account = config.dev_account.filter(|_| loopback);
    if config.dev_account.is_some() && !loopback {
        let text = "--dev-account has no effect: the server can be reached from other machines".to_owned();
        warnings.lock().unwrap_or_else(PoisonError::into_inner).push(text);
    }
    started.store(true, std::sync::atomic::Ordering::Relaxed);
    let warnings = std::mem::take(&mut *warnings.lock().unwrap_or_else(PoisonError::into_inner));
    let state = State {
        store,
        callers: Callers::new(iam.clone(), dev_credentials, dev_account, executor.clone()),
        iam,
        lambda,
        gateway,
        execution,
        logs,
        executor,
        ring,
        runtime_layer: runtime_layer.filter(|_| config.runtime_layer.is_some() || temporary.is_none()),
        admin_token: config.admin_token.clone(),
    };
    let state = Arc::new(state);
    services.are(&state);
    Ok(Composed { state, warnings, temporary })
}

/// Reads the keys of issuers; a file with keys is small.
fn issuers(files: &[(String, PathBuf)]) -> Result<Issuers, StartError> {
    const MOST: u64 = 1 << 20;
    let read = |issuer: &String, file: &PathBuf| {
        let refused = |cause: String| StartError(format!("--jwks {issuer}={}: {cause}", file.display()));
        let size = std::fs::metadata(file).map_err(|e| refused(e.to_string()))?.len();
        if size > MOST {
            return Err(refused(format!("the file has {size} bytes, and {MOST} are the most")));
        }
        let text = std::fs::read(file).map_err(|e| refused(e.to_string()))?;
        let keys = KeySet::parse(&text).map_err(|e| refused(e.to_string()))?;
        Ok((issuer.clone(), keys))
    };
    let read: Result<Vec<_>, _> = files.iter().map(|(issuer, file)| read(issuer, file)).collect();
    read.map(Issuers::new)
}

fn open(config: &Config) -> Result<(Store, Option<tempfile::TempDir>), StartError> {
    match &config.storage {
        Storage::Directory(directory) => Ok((Store::open(directory)?, None)),
        Storage::InMemory => {
            let temporary = tempfile::Builder::new()
                .prefix("crossgate-")
                .tempdir()
                .map_err(|e| StartError(format!("cannot make a temporary directory: {e}")))?;
            Ok((Store::in_memory(temporary.path())?, Some(temporary)))
        }
    }
}

fn host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    }
}
