//! Which services and actions each user and role was last allowed to use: a bounded record in memory.
//!
//! It is written after every allowed decision, so what is there already is found without taking a name apart or
//! allocating, and is written again once a minute at most. A restart empties it, as it does `LastUse`.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering::Relaxed};

use policy::Principal;

use crate::{Caller, Iam};

/// Entities times actions remembered; at the bound the record starts afresh.
const MOST: usize = 65_536;
/// Milliseconds for which an access counts as the one before.
const SAME_MS: i64 = 60_000;

/// The last time that an entity used an action.
#[derive(Debug)]
pub(crate) struct Access {
    at_ms: AtomicI64,
    region: String,
}

/// By unique id of the user or role, then by action as `service:Name`.
#[derive(Default)]
pub(crate) struct Accesses {
    by_entity: RwLock<HashMap<String, HashMap<String, Access>>>,
    count: AtomicUsize,
}

/// One action that an entity used.
#[derive(Clone, Debug)]
pub(crate) struct Used {
    pub(crate) action: String,
    pub(crate) at_ms: i64,
    pub(crate) region: String,
}

impl Accesses {
    fn note(&self, entity: &str, action: &str, region: &str, now_ms: i64) {
        {
            let there = self.by_entity.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(access) = there.get(entity).and_then(|actions| actions.get(action))
                && access.region == region
            {
                if now_ms - access.at_ms.load(Relaxed) >= SAME_MS {
                    access.at_ms.store(now_ms, Relaxed);
                }
                return;
            }
        }
        let mut there = self.by_entity.write().unwrap_or_else(PoisonError::into_inner);
        if self.count.load(Relaxed) >= MOST {
            there.clear();
            self.count.store(0, Relaxed);
        }
        let access = Access { at_ms: AtomicI64::new(now_ms), region: region.to_owned() };
        if there.entry(entity.to_owned()).or_default().insert(action.to_owned(), access).is_none() {
            self.count.fetch_add(1, Relaxed);
        }
    }

    fn of(&self, entity: &str) -> Vec<Used> {
        let there = self.by_entity.read().unwrap_or_else(PoisonError::into_inner);
        let used = |(action, access): (&String, &Access)| Used {
            action: action.clone(),
            at_ms: access.at_ms.load(Relaxed),
            region: access.region.clone(),
        };
        there.get(entity).into_iter().flatten().map(used).collect()
    }
}

impl Iam {
    /// Remembers that `caller` was allowed `action` (`service:Name`) in `region`, for last-accessed data
    /// (GenerateServiceLastAccessedDetails, RoleLastUsed). Only users and sessions of roles are remembered.
    pub fn note_access(&self, caller: &Caller, action: &str, region: &str, now_ms: i64) {
        let entity = match &caller.principal {
            Principal::User { id, .. } => id,
            Principal::RoleSession { role_id, .. } => role_id,
            _ => return,
        };
        self.inner.accesses.note(entity, action, region, now_ms);
    }

    /// What the entity with this unique id was allowed.
    pub(crate) fn accesses_of(&self, id: &str) -> Vec<Used> {
        self.inner.accesses.of(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_use_of_each_action_is_kept_and_the_record_is_bounded() {
        let accesses = Accesses::default();
        accesses.note("AIDA1", "lambda:InvokeFunction", "us-east-1", 1_000);
        accesses.note("AIDA1", "lambda:InvokeFunction", "us-east-1", 90_000);
        accesses.note("AIDA1", "logs:PutLogEvents", "us-east-1", 2_000);
        let mut used: Vec<(String, i64)> =
            accesses.of("AIDA1").into_iter().map(|used| (used.action, used.at_ms)).collect();
        used.sort();
        assert_eq!(used, [("lambda:InvokeFunction".into(), 90_000), ("logs:PutLogEvents".into(), 2_000)]);
        assert!(accesses.of("AIDA2").is_empty());
        for entity in 0..MOST + 10 {
            accesses.note(&entity.to_string(), "s3:GetObject", "us-east-1", 0);
        }
        assert!(accesses.by_entity.read().unwrap().len() <= MOST);
    }
}
