//! The [`Executor`].

use super::{ExecutorConfig, FunctionSpec, Invocation, InvokeContext, InvokeError};
use bytes::Bytes;
use std::sync::Arc;

/// Runs functions. Cheap to clone; all clones are one executor.
#[derive(Clone)]
pub struct Executor {
    inner: Arc<ExecutorConfig>,
}

impl Executor {
    /// Makes an executor; starts nothing yet. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// `state_dir` cannot be made, or the sandbox policy is `Require` and a layer is missing.
    pub fn new(config: ExecutorConfig) -> Result<Executor, InvokeError> {
        Ok(Executor { inner: Arc::new(config) })
    }

    /// Runs one invocation to its end.
    ///
    /// # Errors
    /// Only when the function did not run; a failed function is an [`Invocation`] with `function_error`.
    pub async fn invoke(
        &self,
        spec: &Arc<FunctionSpec>,
        payload: Bytes,
        context: InvokeContext,
    ) -> Result<Invocation, InvokeError> {
        let _ = (&self.inner, spec, payload, context);
        Err(InvokeError::Internal("execution is not built yet".into()))
    }

    /// Ends the environments of `key`: idle ones now, busy ones after their invocation. For code and
    /// configuration changes.
    pub fn retire(&self, key: &str) {
        let _ = key;
    }

    /// Ends all environments and zygotes.
    pub async fn shutdown(&self) {}
}
