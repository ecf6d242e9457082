//! Calls to deployed APIs.
//!
//! A call finds its stage in a cache ([`served`]), its method in the stage's compiled deployment ([`compile`],
//! [`route`]), is let in ([`entrance`]) and goes to its integration ([`integrate`]). What goes wrong becomes a gateway
//! response and a [`Why`].

mod access_log;
mod answer;
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
mod entrance;
mod event;
mod front_door;
mod gateway_response;
mod handle;
mod http;
mod http_parameters;
mod http_uri;
mod integrate;
mod journal;
mod key;
mod log;
mod mapping;
mod metrics;
mod proxy_answer;
mod route;
mod served;
mod service;
mod template;
mod test_invoke;
mod trace;
mod trace_id;
mod uri;
mod validate;

#[cfg(test)]
mod tests;

pub use backend::{
    Backend, BackendError, BackendErrorKind, BoxFuture, CallAs, LambdaAnswer, LambdaInvocation,
};
pub use client::{ClientRequest, ClientResponse, MAX_BODY};
pub use custom_domain::{CustomDomain, DomainTarget};
pub use endpoint::{
    ClientCertificate, EndpointAnswer, EndpointError, EndpointRequest, MAX_ANSWER, ServiceCall,
};
pub use front_door::{Access, AuthError, Caller, FrontDoor, Refusal};
pub use gateway_response::ResponseType;
pub use log::LogSink;
pub use trace::{DeploymentFacts, GatewayTrace, RouteFacts, Why};

use std::sync::Arc;

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
    domains: custom_domain::Domains,
}

impl Execution {
    /// Executes what `store` holds, reaches functions through `backend` and writes execution logs to `logs`.
    #[must_use]
    pub fn new(store: Store, backend: Arc<dyn Backend>, logs: Arc<dyn LogSink>) -> Self {
        let (stages, keys) = (served::Stages::new(), key::Keys::new());
        let domains = custom_domain::Domains::new();
        Self { inner: Arc::new(Inner { store, backend, logs, stages, keys, domains }) }
    }

    /// Answers a call. Every failure is an answer as well; the trace says what it was.
    pub async fn handle(
        &self,
        request: ClientRequest,
        door: &dyn FrontDoor,
    ) -> (ClientResponse, GatewayTrace) {
        handle::handle(&self.inner, &request, door).await
    }

    /// Where a call to a custom domain goes; `None` when `host` (without its port) is none.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn domain(&self, host: &str, path: &str) -> Result<Option<DomainTarget>, store::StoreError> {
        self.inner.domains.find(&self.inner.store, host, path)
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
