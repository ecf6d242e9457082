//! What API keys have used of their usage plans' quotas.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};

use crate::model::Quota;

/// Counts held in memory at once.
const BOUND: usize = 10_000;
/// Days that a count remembers (guide: usage data of the last 90 days is kept).
const DAYS: usize = 90;
/// How long counts wait to be written: a kill may lose as much.
const DELAY: Duration = Duration::from_millis(250);

/// What one key has used of one plan; the document of collection `usage`, by `{account}/{region}/{plan}/{key id}`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Count {
    /// The first day of the period.
    pub period: String,
    /// Whether the period is the first: the quota's offset counts.
    pub first: bool,
    /// Requests in the period.
    pub used: i64,
    /// Requests that UpdateUsage granted in the period besides the limit.
    pub granted: i64,
    /// Requests and what remained, by day.
    pub days: BTreeMap<String, [i64; 2]>,
}

impl Count {
    /// What remains of the quota.
    pub fn remaining(&self, quota: &Quota) -> i64 {
        let offset = if self.first { quota.offset } else { 0 };
        (quota.limit - offset + self.granted - self.used).max(0)
    }

    /// Begins a new period when `today` is not in the present one.
    fn turn(&mut self, quota: Option<&Quota>, today: Date) {
        let period = period(quota.map_or("DAY", |q| &q.period), today);
        if self.period != period {
            let first = self.period.is_empty();
            *self = Self { period, first, days: std::mem::take(&mut self.days), ..Self::default() };
        }
    }
}

/// The first day of a period. A month begins on its first day (AWS on re:Post); that a week begins on Sunday is
/// reasoning.
fn period(kind: &str, today: Date) -> String {
    let days = match kind {
        "WEEK" => i64::from(today.weekday().to_sunday_zero_offset()),
        "MONTH" => i64::from(today.day()) - 1,
        _ => 0,
    };
    today.checked_sub(days.days()).unwrap_or(today).to_string()
}

/// The day, UTC.
pub(super) fn day(now_ms: i64) -> Date {
    let now = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    now.to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// Every count, in memory while it is in use and written behind.
pub(super) struct Usage {
    store: Store,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    counts: HashMap<String, Count>,
    dirty: HashSet<String>,
}

impl Usage {
    pub fn new(store: Store) -> Arc<Self> {
        Arc::new(Self { store, held: Mutex::default() })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the count of `key`, whose period is the present one, and has it written.
    pub fn change<T>(
        self: &Arc<Self>,
        key: &str,
        quota: Option<&Quota>,
        now_ms: i64,
        change: impl FnOnce(&mut Count) -> T,
    ) -> Result<T, StoreError> {
        let stored = match self.lock().counts.contains_key(key) {
            true => None,
            false => self.store.read(|r| r.get("usage", key))?,
        };
        let mut held = self.lock();
        if held.counts.len() >= BOUND && !held.counts.contains_key(key) {
            let Held { counts, dirty } = &mut *held;
            counts.retain(|key, _| dirty.contains(key));
        }
        let count = held.counts.entry(key.to_owned()).or_insert_with(|| stored.unwrap_or_default());
        count.turn(quota, day(now_ms));
        let result = change(count);
        let today = day(now_ms).to_string();
        let remaining = quota.map_or(0, |quota| count.remaining(quota));
        count.days.entry(today).or_default()[1] = remaining;
        while count.days.len() > DAYS {
            count.days.pop_first();
        }
        let idle = held.dirty.is_empty();
        held.dirty.insert(key.to_owned());
        drop(held);
        if idle {
            let this = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(DELAY).await;
                let _ = tokio::task::spawn_blocking(move || this.write()).await;
            });
        }
        Ok(result)
    }

    /// Counts a request, unless the quota is used up; `false` then.
    pub fn count(
        self: &Arc<Self>,
        key: &str,
        quota: Option<&Quota>,
        now_ms: i64,
    ) -> Result<bool, StoreError> {
        self.change(key, quota, now_ms, |count| {
            if quota.is_some_and(|quota| count.remaining(quota) == 0) {
                return false;
            }
            count.used += 1;
            count.days.entry(day(now_ms).to_string()).or_default()[0] += 1;
            true
        })
    }

    /// Every count of a plan (`{account}/{region}/{plan}/`), by key id.
    pub fn of(&self, prefix: &str) -> Result<BTreeMap<String, Count>, StoreError> {
        let stored: Vec<(String, Count)> = self.store.read(|r| r.list("usage", prefix, None, BOUND))?;
        let mut all: BTreeMap<String, Count> = stored.into_iter().collect();
        let held = self.lock();
        all.extend(
            held.counts.iter().filter(|(k, _)| k.starts_with(prefix)).map(|(k, c)| (k.clone(), c.clone())),
        );
        Ok(all.into_iter().filter_map(|(k, c)| Some((k.strip_prefix(prefix)?.to_owned(), c))).collect())
    }

    /// Writes what has changed. What cannot be written stays and is tried again with the next change.
    fn write(&self) {
        let changed: Vec<(String, Count)> = {
            let mut held = self.lock();
            let dirty = std::mem::take(&mut held.dirty);
            dirty.into_iter().filter_map(|key| Some((key.clone(), held.counts.get(&key)?.clone()))).collect()
        };
        let written = self.store.write(|w| {
            for (key, count) in &changed {
                w.put("usage", key, count)?;
            }
            Ok::<_, StoreError>(())
        });
        if written.is_err() {
            self.lock().dirty.extend(changed.into_iter().map(|(key, _)| key));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(limit: i64, offset: i64, period: &str) -> Quota {
        Quota { limit, offset, period: period.to_owned() }
    }

    #[test]
    fn periods_begin_on_their_first_day() {
        let today = jiff::civil::date(2026, 11, 25);
        let of = |kind: &str| period(kind, today);
        assert_eq!([of("DAY"), of("WEEK"), of("MONTH")], ["2026-11-25", "2026-11-22", "2026-11-01"]);
    }

    #[tokio::test]
    async fn a_quota_is_used_up_outlives_a_restart_and_begins_anew() {
        let store = Store::in_memory(&std::env::temp_dir()).unwrap();
        let usage = Usage::new(store.clone());
        let quota = quota(3, 1, "DAY");
        let count = |usage: &Arc<Usage>, at| usage.count("a/r/p/k", Some(&quota), at).unwrap();
        assert_eq!([count(&usage, 0), count(&usage, 0), count(&usage, 0)], [true, true, false]);
        usage.write();
        let usage = Usage::new(store);
        assert!(!count(&usage, 1), "what was used stays used");
        usage.change("a/r/p/k", Some(&quota), 1, |count| count.granted += 1).unwrap();
        assert!(count(&usage, 1) && !count(&usage, 1));
        let tomorrow = 86_400_000;
        let taken: Vec<bool> = (0..4).map(|_| count(&usage, tomorrow)).collect();
        assert_eq!(taken, [true, true, true, false], "the offset is of the first period alone");
        let all = usage.of("a/r/p/").unwrap();
        assert_eq!(
            all["k"].days,
            BTreeMap::from([("1970-01-01".to_owned(), [3, 0]), ("1970-01-02".to_owned(), [3, 0]),])
        );
    }
}
