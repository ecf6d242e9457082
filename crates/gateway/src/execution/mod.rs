//! Calls to deployed APIs.
//!
//! A call finds its stage in a cache ([`served`]), its method in the stage's compiled deployment ([`compile`],
//! [`route`]), is let in ([`entrance`]) and goes to its integration ([`integrate`]). What goes wrong becomes a gateway
//! response and a [`Why`].

mod access_log;
mod answer;
mod authorizer;
mod authorizer_answer;
mod backend;
mod binary;
mod body_model;
mod call;
mod client;
mod compile;
mod compression;
mod content;
mod custom_domain;
mod custom_response;
mod endpoint;
mod endpoint_log;
mod entrance;
mod event;
mod front_door;
mod gateway_response;
mod handle;
mod headers;
mod http;
mod http_parameters;
mod http_uri;
mod integrate;
mod journal;
mod kept;
mod key;
mod lambda_authorizer;
mod lambda_failure;
mod lambda_stream;
mod log;
mod mapping;
mod metrics;
mod misfit;
mod proxy_answer;
mod random;
mod response_cache;
mod route;
mod served;
mod service;
mod stream;
mod template;
mod test_authorizer;
mod test_invoke;
mod throttle;
mod trace;
mod uri;
mod usage;
mod usage_data;
mod usage_plan;
mod user_pool;
mod validate;

#[cfg(test)]
mod tests;

pub use backend::{
    Backend, BackendError, BackendErrorKind, BoxFuture, CallAs, Cut, LambdaAnswer, LambdaInvocation,
    LambdaStream, Pieces,
};
pub use client::{ClientRequest, ClientResponse, MAX_BODY};
pub use custom_domain::{CustomDomain, DomainTarget, PrivateDomain};
pub use endpoint::{
    ClientCertificate, EndpointAnswer, EndpointError, EndpointRequest, EndpointStream, MAX_ANSWER,
    ServiceCall,
};
pub use front_door::{
    Access, AuthError, AuthorizerPolicy, Caller, FrontDoor, Refusal, TokenError, UserPoolTokens,
};
pub use gateway_response::ResponseType;
pub use handle::Handled;
pub use log::LogSink;
pub use stream::Stream;
pub use trace::{AuthorizerFacts, CacheResult, DeploymentFacts, GatewayTrace, RouteFacts, StreamFacts, Why};

use std::sync::{Arc, OnceLock};

use store::Store;

/// Executes calls to deployed APIs. Cheap to clone.
#[derive(Clone)]
pub struct Execution {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    backend: Arc<dyn Backend>,
    logs: Arc<dyn LogSink>,
    stages: served::Stages,
    keys: key::Keys,
    /// What authorizers said.
    authorizers: kept::Kept<authorizer_answer::Answer>,
    /// What integrations answered.
    responses: kept::Kept<ClientResponse>,
    buckets: throttle::Buckets,
    /// What each account may call in a region, where that is bound.
    account_limit: OnceLock<throttle::Limit>,
    usage: Arc<usage::Usage>,
    domains: custom_domain::Domains,
}

impl Execution {
    /// Executes what `store` holds, reaches functions through `backend` and writes execution logs to `logs`.
    #[must_use]
    pub fn new(store: Store, backend: Arc<dyn Backend>, logs: Arc<dyn LogSink>) -> Self {
        let (stages, keys) = (served::Stages::new(), key::Keys::new());
        let (entries, bytes) = lambda_authorizer::KEPT;
        let authorizers = kept::Kept::new(entries, bytes);
        let (entries, bytes) = response_cache::KEPT;
        let responses = kept::Kept::new(entries, bytes);
        let (buckets, usage) = (throttle::Buckets::default(), usage::Usage::new(store.clone()));
        let domains = custom_domain::Domains::new();
        let account_limit = OnceLock::new();
        let inner = Inner {
            store,
            backend,
            logs,
            stages,
            keys,
            authorizers,
            responses,
            buckets,
            account_limit,
            usage,
            domains,
        };
        Self { inner: Arc::new(inner) }
    }

    /// Takes no more than `rate` calls a second and `burst` at once of an account in a region, over all its APIs. The
    /// first word counts.
    pub fn limit_accounts(&self, rate: f64, burst: f64) {
        let _ = self.inner.account_limit.set(throttle::Limit { rate, burst });
    }

    /// Answers a call. Every failure is an answer as well; the trace says what it was.
    pub fn handle<'a>(
        &'a self,
        request: Box<ClientRequest>,
        door: &'a dyn FrontDoor,
    ) -> impl Future<Output = Handled> + Send + 'a {
        handle::handle(&self.inner, request, door)
    }

    /// Runs the operations that need what is served, not documents alone: `TestInvokeMethod`, `TestInvokeAuthorizer`,
    /// `FlushStageAuthorizersCache`, `FlushStageCache`, `GetUsage` and `UpdateUsage`.
    ///
    /// # Errors
    /// API Gateway's own; [`wire::ApiError::not_implemented`] for any other operation.
    pub async fn operation(
        &self,
        call: &wire::Call,
        tokens: &(dyn UserPoolTokens + Sync),
    ) -> Result<wire::Reply, wire::ApiError> {
        match call.operation {
            "TestInvokeMethod" => self.test_invoke_method(call).await,
            "TestInvokeAuthorizer" => test_authorizer::run(&self.inner, call, tokens).await,
            "FlushStageAuthorizersCache" => test_authorizer::flush(&self.inner, call),
            "FlushStageCache" => test_authorizer::flush_responses(&self.inner, call),
            "GetUsage" => usage_data::get(&self.inner, call),
            "UpdateUsage" => usage_data::update(&self.inner, call),
            other => Err(wire::ApiError::not_implemented("apigateway", other)),
        }
    }

    /// Where a call to a custom domain goes; `None` when `host` (without its port) is none. `endpoint` is the VPC endpoint
    /// through which the client says to come.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn domain(
        &self,
        host: &str,
        path: &str,
        endpoint: Option<&str>,
    ) -> Result<Option<DomainTarget>, store::StoreError> {
        self.inner.domains.find(&self.inner.store, host, path, endpoint)
    }

    /// The counters of every stage that was called since the start, in Prometheus's text form.
    #[must_use]
    pub fn metrics(&self) -> String {
        self.inner.stages.metrics.render()
    }

    /// `TestInvokeMethod`: runs a method of the present resources as stage `test-invoke-stage`, with the log in the
    /// answer.
    ///
    /// # Errors
    /// `NotFoundException` when the API, resource or method does not exist.
    pub async fn test_invoke_method(&self, call: &wire::Call) -> Result<wire::Reply, wire::ApiError> {
        test_invoke::run(&self.inner, call).await
    }
}
