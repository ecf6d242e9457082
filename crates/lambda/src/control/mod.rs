//! The control plane: what is stored about functions, and the operations on it.

mod aliases;
mod checks;
mod code;
mod code_signing;
mod concurrency;
mod configuration;
mod create;
mod delete;
mod destinations;
mod errors;
mod events;
mod invoke;
mod layer_permissions;
mod layers;
mod model;
mod name;
mod operations;
mod permissions;
mod provisioned;
mod read;
mod render;
mod role_permissions;
mod runtime_management;
mod runtimes;
mod settings;
mod tags;
mod update;
mod urls;
mod versions;
mod view;

#[cfg(test)]
mod testing;

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use arn::AccountId;
use bytes::Bytes;
use store::{Cache, Store};
use tokio::sync::Semaphore;
use wire::ApiError;

use crate::execution::{Executor, FunctionSpec, Invocation, InvokeContext, InvokeError, Warm};

pub use destinations::Delivery;
pub use errors::unassumable_role;
pub use events::{Background, EventReport, EventWork};
pub use invoke::{InvokeFailure, payload};
pub use name::FunctionName;
pub use urls::FunctionUrl;
pub use view::FunctionView;

/// Runs functions: [`Executor`], or a test's own.
pub trait Execute: Send + Sync {
    /// As [`Executor::invoke`].
    fn invoke<'a>(
        &'a self,
        spec: &'a Arc<FunctionSpec>,
        payload: Bytes,
        context: InvokeContext,
    ) -> Pin<Box<dyn Future<Output = Result<Invocation, InvokeError>> + Send + 'a>>;

    /// As [`Executor::retire`].
    fn retire(&self, key: &str);

    /// As [`Executor::provision`].
    fn provision(&self, spec: &Arc<FunctionSpec>);

    /// As [`Executor::provisioned`].
    fn provisioned(&self, key: &str) -> Warm;
}

impl Execute for Executor {
    fn invoke<'a>(
        &'a self,
        spec: &'a Arc<FunctionSpec>,
        payload: Bytes,
        context: InvokeContext,
    ) -> Pin<Box<dyn Future<Output = Result<Invocation, InvokeError>> + Send + 'a>> {
        Box::pin(Executor::invoke(self, spec, payload, context))
    }

    fn retire(&self, key: &str) {
        Executor::retire(self, key);
    }

    fn provision(&self, spec: &Arc<FunctionSpec>) {
        Executor::provision(self, spec);
    }

    fn provisioned(&self, key: &str) -> Warm {
        Executor::provisioned(self, key)
    }
}

/// What Lambda asks IAM. Answered by the server.
pub trait Roles: Send + Sync {
    /// Whether Lambda can assume `role_arn` for a function of `account`: it exists and its trust policy allows
    /// `lambda.amazonaws.com` to `sts:AssumeRole`.
    ///
    /// # Errors
    /// [`unassumable_role`] when not.
    fn check_execution_role(&self, role_arn: &str, account: AccountId) -> Result<(), ApiError>;

    /// Whether Lambda, as the role of a function, may do something.
    ///
    /// # Errors
    /// When the role's policies cannot be read.
    fn may(&self, role_arn: &str, function: &FunctionName, check: policy::Check) -> Result<bool, ApiError>;

    /// Whether the user, role or session with this ARN or unique id exists, for principals of function policies.
    fn principal_exists(&self, arn_or_id: &str) -> bool;

    /// The unique id (`AROA…`, `AIDA…`) of the user or role with this ARN; `None` for sessions and what does not exist.
    fn principal_id(&self, arn: &str) -> Option<String>;
}

/// Settings of a [`Lambda`].
#[derive(Clone)]
pub struct Settings {
    /// Put before the path in GetFunction's `Code.Location`, for example `http://127.0.0.1:4566`.
    pub base_url: String,
    /// Asynchronous invocations that may wait or run at once; further ones are throttled.
    pub max_events: usize,
    /// Waits before the first and the second further try of a failed asynchronous invocation. AWS: one minute, then two
    /// [D: Lambda Developer Guide, asynchronous invocation].
    pub retry_delays: [Duration; 2],
    /// How long the files of code that no function uses any longer are kept, so that an invocation in flight does not
    /// lose them. At least the longest time-out.
    pub keep_code: Duration,
    /// Concurrent executions of an account in a region; AWS: 1000 [D: Lambda quotas].
    pub concurrency: u32,
    /// Where asynchronous invocations run.
    pub background: Arc<dyn Background>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            base_url: String::new(),
            max_events: 1000,
            retry_delays: [Duration::from_secs(60), Duration::from_secs(120)],
            keep_code: Duration::from_secs(1200),
            concurrency: 1000,
            background: Arc::new(events::Alone),
        }
    }
}

/// AWS Lambda. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Lambda {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    executor: Arc<dyn Execute>,
    roles: Arc<dyn Roles>,
    background: Arc<dyn Background>,
    settings: Settings,
    /// Environments of provisioned concurrency, by the key of the environments that they stand in for.
    warm: RwLock<HashMap<String, Arc<provisioned::Warmed>>>,
    /// By qualified or unqualified ARN, as named.
    views: Cache<FunctionView>,
    /// By the key of the policy. `None` inside: there is no policy, and that is remembered too.
    policies: Cache<Option<view::Compiled>>,
    /// By the URL's id.
    urls: Cache<FunctionUrl>,
    /// Condition keys of a function's tags, by the function's key.
    tags: Cache<Vec<(String, String)>>,
    /// Invocations in flight by function, an entry is dropped with its function; and by account and region, of functions
    /// without reserved concurrency.
    in_flight: Mutex<HashMap<String, Arc<AtomicUsize>>>,
    events: Arc<Semaphore>,
    packages: code::Packages,
}

/// Functions and policies kept compiled; see [`Cache`].
const COMPILED: usize = 4096;

impl Lambda {
    /// Opens the control plane over `store`: packages of functions that were never acknowledged are removed. Inside a
    /// tokio runtime, asynchronous invocations that an earlier process accepted are taken up again.
    ///
    /// # Errors
    /// When the store or its directory cannot be read or written.
    pub fn new(store: Store, executor: Arc<dyn Execute>, roles: Arc<dyn Roles>) -> Result<Self, ApiError> {
        Self::with_settings(store, executor, roles, Settings::default())
    }

    /// [`Self::new`] with other settings than the defaults.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_settings(
        store: Store,
        executor: Arc<dyn Execute>,
        roles: Arc<dyn Roles>,
        settings: Settings,
    ) -> Result<Self, ApiError> {
        let packages = code::Packages::open(&store)?;
        let lambda = Self {
            inner: Arc::new(Inner {
                views: Cache::new(model::FUNCTIONS, COMPILED),
                policies: Cache::new(model::POLICIES, COMPILED),
                urls: Cache::new(model::URLS, COMPILED),
                tags: Cache::new(model::FUNCTIONS, COMPILED),
                in_flight: Mutex::default(),
                events: Arc::new(Semaphore::new(settings.max_events)),
                packages,
                store,
                executor,
                roles,
                background: settings.background.clone(),
                warm: RwLock::default(),
                settings,
            }),
        };
        lambda.resume_provisioned()?;
        lambda.resume_events()?;
        Ok(lambda)
    }

    /// The counter of invocations in flight of the function with `key`.
    fn in_flight(&self, key: &str) -> Arc<AtomicUsize> {
        let mut counters = self.inner.in_flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = counters.get(key) {
            return counter.clone();
        }
        counters.entry(key.to_owned()).or_default().clone()
    }
}

/// A new revision id or layer id: a version 4 UUID.
fn uuid() -> Result<String, ApiError> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|e| ApiError::internal(format!("no randomness: {e}")))?;
    Ok(arn::request_id(random))
}
