//! Python and Node environments that are made ahead of need.

use super::super::process::lock;
use super::super::spec::InvokeError;
use super::{Starter, node, python};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// After a start that took a spare: the environment that was just started needs the processor first.
pub(super) const REFILL_DELAY: Duration = Duration::from_millis(8);

/// What is in stock, by version.
#[derive(Default)]
pub(super) struct Stocks {
    pub pythons: Mutex<HashMap<u8, Arc<python::Stock>>>,
    pub nodes: Mutex<HashMap<u8, Arc<node::Stock>>>,
}

impl Stocks {
    /// Ends spares and zygotes, and with them every environment.
    pub async fn end(&self) {
        let stocks: Vec<_> = lock(&self.pythons).drain().map(|(_, stock)| stock).collect();
        for (_, stock) in lock(&self.nodes).drain() {
            stock.clear();
        }
        for stock in stocks {
            lock(&stock.spares).clear();
            if let Some(zygote) = stock.zygote.lock().await.take() {
                zygote.kill();
            }
        }
    }
}

impl Starter {
    pub(super) async fn ready_python(self: &Arc<Self>, minor: u8) -> Result<(), InvokeError> {
        let (stock, _) = self.stock(minor)?;
        self.refill(&stock).await
    }

    pub(super) async fn ready_node(self: &Arc<Self>, major: u8) -> Result<(), InvokeError> {
        let (stock, _) = self.node_stock(major).await?;
        self.refill_nodes(&stock).await
    }
}
