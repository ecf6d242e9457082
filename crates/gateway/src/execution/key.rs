//! API keys: a key opens a method when it is enabled and a usage plan joins it with the stage.

use std::sync::Arc;

use store::{Cache, Store, StoreError};

use crate::model::{ApiKey, UsagePlan};

/// A key that a client sent and that opens the stage.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub id: String,
    pub value: String,
    /// The usage plan that opens the stage; `None` for a key that the stage itself knows.
    pub plan: Option<UsagePlan>,
}

/// Keys that were found to be good. Others are looked up each time, so that guesses do not fill the cache.
pub(super) struct Keys(Cache<Key>);

/// Keys in use at once.
const BOUND: usize = 4096;
/// Usage plans read of one account; AWS's quota is 300.
const MAX_PLANS: usize = 1000;

/// Where a key is to be good.
pub(super) struct Place<'a> {
    pub account: &'a str,
    pub region: &'a str,
    pub api: &'a str,
    pub stage: &'a str,
}

impl Keys {
    pub fn new() -> Self {
        Self(Cache::new("usagePlanKeys", BOUND))
    }

    /// The key of this value, when it opens the stage.
    pub fn find(
        &self,
        store: &Store,
        place: &Place<'_>,
        value: &str,
    ) -> Result<Option<Arc<Key>>, StoreError> {
        let Place { account, region, api, stage } = place;
        // The cache knows when keys are joined to plans; the two other collections are in the key.
        let generations = (store.generation("apiKeys"), store.generation("usagePlans"));
        let entry = format!("{}/{}/{account}/{region}/{api}/{stage}/{value}", generations.0, generations.1);
        self.0.get(store, &entry, || look_up(store, place, value))
    }
}

fn look_up(store: &Store, place: &Place<'_>, value: &str) -> Result<Option<Key>, StoreError> {
    let prefix = format!("{}/{}/", place.account, place.region);
    store.read(|r| {
        let Some(id) = r.get::<String>("apiKeyValues", &format!("{prefix}{value}"))? else { return Ok(None) };
        let key: Option<ApiKey> = r.get("apiKeys", &format!("{prefix}{id}"))?;
        let Some(key) = key.filter(|k| k.enabled) else { return Ok(None) };
        let mut good = Key { id: id.clone(), value: value.to_owned(), plan: None };
        if key.stage_keys.contains(&format!("{}/{}", place.api, place.stage)) {
            return Ok(Some(good));
        }
        let plans: Vec<(String, UsagePlan)> = r.list("usagePlans", &prefix, None, MAX_PLANS)?;
        for (_, plan) in plans {
            let opens = plan.api_stages.iter().any(|s| s.api_id == place.api && s.stage == place.stage);
            if opens
                && r.get::<serde_json::Value>("usagePlanKeys", &format!("{prefix}{}/{id}", plan.id))?
                    .is_some()
            {
                good.plan = Some(plan);
                return Ok(Some(good));
            }
        }
        Ok(None)
    })
}
