use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Collections in the store.
pub(crate) const GROUPS: &str = "logs-groups";
pub(crate) const STREAMS: &str = "logs-streams";
pub(crate) const BATCHES: &str = "logs-events";
pub(crate) const METRIC_FILTERS: &str = "logs-metric-filters";
pub(crate) const SUBSCRIPTIONS: &str = "logs-subscription-filters";
pub(crate) const RESOURCE_POLICIES: &str = "logs-resource-policies";
pub(crate) const DESTINATIONS: &str = "logs-destinations";
pub(crate) const DEFINITIONS: &str = "logs-query-definitions";

/// A log group, at [`crate::names::group_key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Group {
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) class: String,
    pub(crate) retention_days: Option<i64>,
    pub(crate) kms_key: Option<String>,
    pub(crate) deletion_protected: bool,
    pub(crate) stored_bytes: u64,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Group {
    pub(crate) fn new(created: i64) -> Self {
        Self { created, class: "STANDARD".to_owned(), ..Self::default() }
    }

    /// Events before this time are no longer shown.
    pub(crate) fn earliest(&self, now_ms: i64) -> i64 {
        self.retention_days.map_or(0, |days| now_ms.saturating_sub(days.saturating_mul(DAY_MS)))
    }
}

/// A log stream, at [`crate::names::stream_key`].
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Stream {
    /// Milliseconds since 1970.
    pub(crate) created: i64,
    pub(crate) first_event: Option<i64>,
    pub(crate) last_event: Option<i64>,
    pub(crate) last_ingestion: Option<i64>,
}

/// One event; the names are short because there are many.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Event {
    /// When it happened, milliseconds since 1970.
    #[serde(rename = "t")]
    pub(crate) time: i64,
    /// When it came here.
    #[serde(rename = "i")]
    pub(crate) ingested: i64,
    #[serde(rename = "m")]
    pub(crate) message: String,
}

pub(crate) const DAY_MS: i64 = 86_400_000;
