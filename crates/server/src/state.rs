//! Every service, composed.

use std::path::PathBuf;
use std::sync::Arc;

use gateway::execution::Execution;
use gateway::management::Management;
use gateway::model::RestApi;
use iam::Iam;
use lambda::Lambda;
use lambda::execution::Executor;
use logs::Logs;
use store::{Store, StoreError};

use crate::caller::Callers;
use crate::trace::Ring;

/// Everything that requests are answered from.
pub struct State {
    pub(crate) store: Store,
    pub(crate) callers: Callers,
    pub(crate) iam: Iam,
    pub(crate) lambda: Lambda,
    pub(crate) gateway: Management,
    pub(crate) execution: Execution,
    pub(crate) logs: Arc<Logs>,
    pub(crate) executor: Executor,
    pub(crate) ring: Arc<Ring>,
    /// Where packages for all functions lie or may be put; `None` when that would not outlive the server.
    pub(crate) runtime_layer: Option<PathBuf>,
    /// Opens `/_crossgate/` to clients that are not on loopback.
    pub(crate) admin_token: Option<String>,
}

impl State {
    /// The API with this id, whoever owns it, as it is now.
    pub(crate) fn api(&self, id: &str) -> Option<RestApi> {
        self.store.read::<_, StoreError>(|reader| reader.get("apis", id)).ok().flatten()
    }
}
