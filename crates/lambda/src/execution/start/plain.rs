//! Python and Node environments where there is no jail: started when they are needed, as plain processes.

use super::super::environment::{Environment, Owner};
use super::super::nodes::{self, Node};
use super::super::runtimes::{self, Python};
use super::super::spec::{FunctionSpec, InvokeError};
use super::Starter;
use std::sync::Arc;

/// Nothing is made ahead of need.
#[derive(Default)]
pub(super) struct Stocks {}

impl Stocks {
    pub async fn end(&self) {}
}

impl Starter {
    async fn python(&self, minor: u8) -> Result<(Python, Option<String>), InvokeError> {
        self.found(move |strict| runtimes::choose(minor, strict)).await
    }

    async fn node(&self, major: u8) -> Result<(Node, Option<String>), InvokeError> {
        self.found(move |strict| nodes::choose(major, strict)).await
    }

    pub(super) async fn ready_python(&self, minor: u8) -> Result<(), InvokeError> {
        self.python(minor).await.map(|_| ())
    }

    pub(super) async fn ready_node(&self, major: u8) -> Result<(), InvokeError> {
        self.node(major).await.map(|_| ())
    }

    pub(super) async fn start_python(
        self: &Arc<Self>,
        minor: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (python, warning) = self.python(minor).await?;
        let runtime = self.python_runtime(&python, warning)?;
        self.start_executed(spec, owner, runtime, None).await
    }

    pub(super) async fn start_node(
        self: &Arc<Self>,
        major: u8,
        spec: &Arc<FunctionSpec>,
        owner: Arc<dyn Owner>,
    ) -> Result<Arc<Environment>, InvokeError> {
        let (node, warning) = self.node(major).await?;
        let runtime = self.node_runtime(&node, warning);
        self.start_executed(spec, owner, runtime, None).await
    }
}
