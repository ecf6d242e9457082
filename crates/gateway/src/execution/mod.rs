//! Calls to deployed APIs.

mod backend;
mod client;
mod front_door;
mod gateway_response;
mod log;
mod trace;

pub use backend::{
    Backend, BackendError, BackendErrorKind, BoxFuture, CallAs, LambdaAnswer, LambdaInvocation,
};
pub use client::{ClientRequest, ClientResponse, MAX_BODY};
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
}

impl Execution {
    /// Executes what `store` holds, reaches functions through `backend` and writes execution logs to `logs`.
    #[must_use]
    pub fn new(store: Store, backend: Arc<dyn Backend>, logs: Arc<dyn LogSink>) -> Self {
        Self { inner: Arc::new(Inner { store, backend, logs }) }
    }

    /// Answers a call. Every failure is an answer as well; the trace says what it was.
    pub async fn handle(
        &self,
        _request: ClientRequest,
        _door: &dyn FrontDoor,
    ) -> (ClientResponse, GatewayTrace) {
        let _ = (&self.inner.store, &self.inner.backend, &self.inner.logs);
        todo!()
    }

    /// `TestInvokeMethod`: runs a method of the present resources as stage `test-invoke-stage`, with the log in the
    /// answer.
    ///
    /// # Errors
    /// `NotFoundException` when the API, resource or method does not exist.
    pub async fn test_invoke_method(&self, _call: &wire::Call) -> Result<wire::Reply, wire::ApiError> {
        todo!()
    }
}
