//! Stages, ready to serve: looked up per request without the store.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use serde_json::{Map, Value};
use store::{Cache, Store, StoreError};

use super::ClientCertificate;
use super::access_log::AccessLog;
use super::compile::{Compiled, Route};
use super::journal::Level;
use super::metrics::{Labels, Metrics, Series};
use super::response_cache::{Caching, Unauthorized};
use super::route::Routes;
use super::throttle::Limit;
use super::trace::Why;
use crate::management::Certificate;
use crate::model::{Deployment, Resource, RestApi, Snapshot, Stage, Texts};

/// A stage and the deployment that it points at.
pub(super) struct Served {
    pub stage: Arc<str>,
    pub variables: Texts,
    pub api: Arc<Compiled>,
    /// What HTTP endpoints with TLS are shown.
    pub certificate: Option<Arc<ClientCertificate>>,
    /// By method, as in [`Compiled::methods`].
    pub settings: Vec<Settings>,
    /// By method: its own counters, where `metricsEnabled` is set.
    pub method_metrics: Vec<Option<Arc<Series>>>,
    /// The stage's counters.
    pub metrics: Arc<Series>,
    pub access_log: Option<AccessLog>,
    /// Why there is none although the stage wants one; told once.
    pub undelivered: Option<(AtomicBool, String)>,
    /// Whether X-Ray traces the stage, which its execution log says.
    pub traced: bool,
    /// For calls that reach no method.
    pub default_level: Level,
    /// `API-Gateway-Execution-Logs_{api}/{stage}`
    pub log_group: String,
    /// 32 hexadecimal digits, as in published logs.
    pub log_stream: String,
    /// The part of the stage's cache that this serves from: a canary has one of its own, unless it is told otherwise.
    pub cache_area: &'static str,
    /// Whether the stage has a canary, if one that gets no calls.
    pub has_canary: bool,
    /// Whether this is the canary of its stage.
    pub is_canary: bool,
    /// A second deployment of the same stage, and how many of a hundred calls it gets.
    pub canary: Option<(f64, Box<Served>)>,
}

/// A compiled deployment, or why it cannot be read.
type Deployed = Result<Arc<Compiled>, String>;

/// What a stage sets for a method.
#[derive(Clone, Copy, Default)]
pub(super) struct Settings {
    pub level: Level,
    /// How many calls the method takes; `None` when the stage does not say.
    pub limit: Option<Limit>,
    /// `None` when responses are not cached.
    pub caching: Option<Caching>,
    /// `metricsEnabled`
    pub metrics: bool,
}

/// The caches. All are filled from the store on first use and again after any commit to what their collection has of
/// the same API: the documents' keys begin with its id, as those of the caches do.
pub(super) struct Stages {
    stages: Cache<Result<Served, Why>>,
    deployments: Cache<Deployed>,
    apis: Cache<RestApi>,
    present: Cache<Routes>,
    names: Cache<BTreeSet<String>>,
    pub metrics: Metrics,
}

/// Entries in each cache: APIs, stages and deployments in use at once. A small API takes some 20 KiB in all of them.
const BOUND: usize = 16_384;
/// Resources read of one API; AWS's quota is 300.
const MAX_RESOURCES: usize = 10_000;

impl Stages {
    pub fn new() -> Self {
        Self {
            stages: Cache::by_part("stages", BOUND),
            deployments: Cache::by_part("snapshots", BOUND),
            apis: Cache::by_part("apis", BOUND),
            present: Cache::by_part("resources", BOUND),
            names: Cache::by_part("stages", BOUND),
            metrics: Metrics::default(),
        }
    }

    /// The stage, or `None` when there is none of this name. The inner error is a stage that cannot be served.
    pub fn get(
        &self,
        store: &Store,
        api: &str,
        stage: &str,
    ) -> Result<Option<Arc<Result<Served, Why>>>, StoreError> {
        let key = [api, "/", stage].concat();
        self.stages.get(store, &key, || {
            let found: Option<Stage> = store.read(|r| r.get("stages", &key))?;
            let Some(found) = found else { return Ok(None) };
            let unreadable = |detail: String| Why::DeploymentUnreadable {
                deployment_id: found.deployment_id.clone(),
                detail,
            };
            let Some(compiled) = self.deployment(store, api, &found.deployment_id)? else {
                return Ok(Some(Err(unreadable("the deployment is not stored".to_owned()))));
            };
            let mut served = match &*compiled {
                Ok(compiled) => self.served(store, &found, compiled.clone())?,
                Err(detail) => return Ok(Some(Err(unreadable(detail.clone())))),
            };
            if let Some((stage, percent, own_cache)) = canary(&found) {
                // A canary whose deployment is gone takes no calls.
                if let Some(compiled) = self.deployment(store, api, &stage.deployment_id)?
                    && let Ok(compiled) = &*compiled
                {
                    let mut second = self.served(store, &stage, compiled.clone())?;
                    // Guide, "API Gateway canary release": the canary has a log group of its own.
                    second.log_group.push_str("/Canary");
                    second.cache_area = if own_cache { "canary" } else { served.cache_area };
                    second.is_canary = true;
                    served.canary = Some((percent, Box::new(second)));
                }
            }
            Ok(Some(Ok(served)))
        })
    }

    /// A stage with its deployment.
    fn served(&self, store: &Store, stage: &Stage, compiled: Arc<Compiled>) -> Result<Served, StoreError> {
        let facts = &compiled.facts;
        let id = stage.rest.get("clientCertificateId").and_then(Value::as_str);
        let certificate = match id.filter(|id| !id.is_empty()) {
            Some(id) => certificate(store, &facts.account, &facts.region, id)?,
            None => None,
        };
        Ok(Served::new(stage, compiled, certificate, &self.metrics))
    }

    fn deployment(
        &self,
        store: &Store,
        api: &str,
        deployment: &str,
    ) -> Result<Option<Arc<Deployed>>, StoreError> {
        let key = [api, "/", deployment].concat();
        self.deployments.get(store, &key, || {
            store.read(|r| {
                let snapshot: Snapshot = match r.get("snapshots", &key) {
                    Ok(Some(snapshot)) => snapshot,
                    Ok(None) => return Ok(None),
                    Err(unreadable) => return Ok(Some(Err(unreadable.to_string()))),
                };
                let made: Option<Deployment> = r.get("deployments", &key)?;
                let changes = made.map_or(snapshot.api.change_count, |d| d.change_count);
                Ok(Some(Ok(Arc::new(Compiled::new(&snapshot, deployment, changes)))))
            })
        })
    }

    /// The API as it is now.
    pub fn api(&self, store: &Store, api: &str) -> Result<Option<Arc<RestApi>>, StoreError> {
        self.apis.get(store, api, || store.read(|r| r.get("apis", api)))
    }

    /// The API's paths and methods as they are now.
    pub fn present(&self, store: &Store, api: &str) -> Result<Option<Arc<Routes>>, StoreError> {
        self.present.get(store, api, || {
            let resources = resources(store, api)?;
            let mut routes = Routes::new();
            for resource in &resources {
                routes.insert(&resource.path, None);
                for method in resource.resource_methods.keys() {
                    routes.insert(&resource.path, Some((method, 0)));
                }
            }
            Ok(Some(routes))
        })
    }

    /// Why an API has no stage of this name.
    pub fn no_stage(&self, store: &Store, api: &str, stage: &str) -> Result<Why, StoreError> {
        if self.api(store, api)?.is_none() {
            return Ok(Why::NoSuchApi);
        }
        let prefix = [api, "/"].concat();
        let names = self.names.get(store, api, || {
            let stages: Vec<(String, Value)> = store.read(|r| r.list("stages", &prefix, None, 100))?;
            Ok::<_, StoreError>(Some(
                stages.into_iter().filter_map(|(k, _)| Some(k.strip_prefix(&prefix)?.to_owned())).collect(),
            ))
        })?;
        let stages: Vec<String> =
            names.into_iter().flat_map(|n| n.iter().take(20).cloned().collect::<Vec<_>>()).collect();
        let deployments: Vec<(String, Value)> = store.read(|r| r.list("deployments", &prefix, None, 100))?;
        Ok(Why::NoSuchStage {
            stage: stage.to_owned(),
            nearest: arn::nearest(stage, stages.iter().map(String::as_str)).map(str::to_owned),
            stages,
            deployments: deployments.len(),
        })
    }
}

/// An API's resources, as they are now.
pub(super) fn resources(store: &Store, api: &str) -> Result<Vec<Resource>, StoreError> {
    let prefix = [api, "/"].concat();
    let found: Vec<(String, Resource)> = store.read(|r| r.list("resources", &prefix, None, MAX_RESOURCES))?;
    Ok(found.into_iter().map(|(_, resource)| resource).collect())
}

/// A client certificate by its id. It never changes, and cannot be deleted while a stage has it.
pub(super) fn certificate(
    store: &Store,
    account: &str,
    region: &str,
    id: &str,
) -> Result<Option<Arc<ClientCertificate>>, StoreError> {
    let found: Option<Certificate> =
        store.read(|r| r.get("clientCertificates", &format!("{account}/{region}/{id}")))?;
    let whole =
        |c: Certificate| ClientCertificate { id: c.id, pem: c.pem, private_key_pem: c.private_key_pem };
    Ok(found.map(|c| Arc::new(whole(c))))
}

impl Served {
    /// Whether the canary serves, where there is one.
    pub fn for_canary(&self) -> Option<bool> {
        self.has_canary.then_some(self.is_canary)
    }

    /// What has not been told yet of the access log.
    pub fn untold(&self) -> Option<&str> {
        let (told, why) = self.undelivered.as_ref()?;
        (!told.swap(true, Relaxed)).then_some(why)
    }

    fn new(
        stage: &Stage,
        api: Arc<Compiled>,
        certificate: Option<Arc<ClientCertificate>>,
        metrics: &Metrics,
    ) -> Self {
        let everywhere = stage.method_settings.get("*/*");
        let settings: Vec<Settings> =
            api.methods.iter().map(|route| settings(stage, everywhere, route)).collect();
        let labels = |method| Labels {
            api_id: api.facts.api_id.clone(),
            api_name: api.facts.api_name.clone(),
            stage: stage.stage_name.clone(),
            method,
        };
        let of_method = |(route, settings): (&Route, &Settings)| {
            let facts = &route.facts;
            let name = || (facts.configured_method.clone(), facts.resource_path.clone());
            settings.metrics.then(|| metrics.series(labels(Some(name()))))
        };
        let method_metrics = api.methods.iter().zip(&settings).map(of_method).collect();
        let (api_id, name) = (&api.facts.api_id, &stage.stage_name);
        let mut halves = [0u64; 2];
        for (i, half) in halves.iter_mut().enumerate() {
            let mut hasher = DefaultHasher::new();
            (i, api_id, name, &api.facts.deployment_id).hash(&mut hasher);
            *half = hasher.finish();
        }
        let (access_log, undelivered) = match AccessLog::compile(stage, &api.facts.account) {
            Ok(log) => (log, None),
            Err(why) => {
                (None, Some(format!("the access log of {api_id}, stage {name}, is not delivered to {why}")))
            }
        };
        Self {
            stage: name.as_str().into(),
            variables: stage.variables.clone(),
            certificate,
            method_metrics,
            metrics: metrics.series(labels(None)),
            access_log,
            undelivered: undelivered.map(|why| (AtomicBool::new(false), why)),
            settings,
            default_level: everywhere.map(|e| level(e, None)).unwrap_or_default(),
            log_group: format!("API-Gateway-Execution-Logs_{api_id}/{name}"),
            traced: stage.rest.get("tracingEnabled") == Some(&Value::Bool(true)),
            cache_area: "stage",
            has_canary: stage.rest.contains_key("canarySettings"),
            is_canary: false,
            canary: None,
            log_stream: format!("{:016x}{:016x}", halves[0], halves[1]),
            api,
        }
    }
}

/// The stage as its canary serves it, the share of its calls, and whether it has a cache of its own.
fn canary(stage: &Stage) -> Option<(Stage, f64, bool)> {
    let settings = stage.rest.get("canarySettings")?;
    let deployment = settings.get("deploymentId").and_then(Value::as_str)?;
    let percent = settings.get("percentTraffic").and_then(Value::as_f64).filter(|p| *p > 0.0)?;
    let mut second = stage.clone();
    second.deployment_id = deployment.to_owned();
    let overrides = settings.get("stageVariableOverrides").and_then(Value::as_object);
    for (name, value) in overrides.into_iter().flatten() {
        second.variables.insert(name.clone(), value.as_str().unwrap_or_default().to_owned());
    }
    Some((second, percent, settings.get("useStageCache") != Some(&Value::Bool(true))))
}

type Members = Map<String, Value>;

/// A method's own settings, and for members that it does not have those of `*/*`.
fn settings(stage: &Stage, everywhere: Option<&Members>, route: &Route) -> Settings {
    let own = stage.method_settings.iter().find(|(key, _)| {
        let decoded = key.replace("~1", "/");
        decoded.rsplit_once('/').is_some_and(|(path, method)| {
            method == route.facts.configured_method
                && path.trim_matches('/') == route.facts.resource_path.trim_matches('/')
        })
    });
    let own = own.map(|(_, members)| members);
    let (first, second) = match (own, everywhere) {
        (Some(own), everywhere) => (own, everywhere),
        (None, Some(everywhere)) => (everywhere, None),
        (None, None) => return Settings::default(),
    };
    let member = |name: &str| first.get(name).or_else(|| second?.get(name));
    let number = |name: &str| member(name).and_then(Value::as_f64);
    // A limit below zero is none: Terraform writes -1 for a method that is not throttled.
    let limit = match (number("throttlingRateLimit"), number("throttlingBurstLimit")) {
        (Some(rate), Some(burst)) if rate >= 0.0 && burst >= 0.0 => Some(Limit { rate, burst }),
        _ => None,
    };
    // Settings for all methods cache GET alone (guide, "Enabling API caching").
    let cached = stage.rest.get("cacheClusterEnabled") == Some(&Value::Bool(true))
        && member("cachingEnabled") == Some(&Value::Bool(true))
        && (own.is_some() || route.facts.configured_method == "GET");
    let ttl_s = number("cacheTtlInSeconds").unwrap_or(300.0).clamp(0.0, 3600.0);
    let caching = (cached && ttl_s > 0.0).then(|| Caching {
        ttl_ms: (ttl_s * 1000.0) as i64,
        guarded: member("requireAuthorizationForCacheControl") != Some(&Value::Bool(false)),
        unauthorized: match member("unauthorizedCacheControlHeaderStrategy").and_then(Value::as_str) {
            Some("FAIL_WITH_403") => Unauthorized::Fail,
            Some("SUCCEED_WITHOUT_RESPONSE_HEADER") => Unauthorized::Ignore,
            _ => Unauthorized::Warn,
        },
    });
    let metrics = member("metricsEnabled") == Some(&Value::Bool(true));
    Settings { level: level(first, second), limit, caching, metrics }
}

fn level(first: &Members, second: Option<&Members>) -> Level {
    let member = |name: &str| first.get(name).or_else(|| second?.get(name));
    match member("loggingLevel").and_then(Value::as_str) {
        Some("ERROR") => Level::Error,
        Some("INFO") if member("dataTraceEnabled") == Some(&Value::Bool(true)) => Level::Trace,
        Some("INFO") => Level::Info,
        _ => Level::Off,
    }
}
