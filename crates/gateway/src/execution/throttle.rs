//! Token buckets (guide, "Throttle requests to your REST APIs"): a burst fills the bucket, the rate refills it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// How much may come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Limit {
    /// Requests a second.
    pub rate: f64,
    /// Requests at once.
    pub burst: f64,
}

/// Buckets that are not full.
#[derive(Default)]
pub(super) struct Buckets(Mutex<HashMap<String, Bucket>>);

struct Bucket {
    tokens: f64,
    at_ms: i64,
    limit: Limit,
}

/// Buckets held at once; full ones are forgotten first, for a forgotten bucket is a full one.
const BOUND: usize = 20_000;

impl Bucket {
    fn level(&self, now_ms: i64) -> f64 {
        let seconds = (now_ms - self.at_ms).max(0) as f64 / 1000.0;
        (self.tokens + seconds * self.limit.rate).min(self.limit.burst)
    }
}

impl Buckets {
    /// Takes one token; `false` when there is none.
    pub fn take(&self, key: &str, limit: Limit, now_ms: i64) -> bool {
        if limit.rate <= 0.0 || limit.burst < 1.0 {
            return false;
        }
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= BOUND && !buckets.contains_key(key) {
            buckets.retain(|_, bucket| bucket.level(now_ms) < bucket.limit.burst);
            if buckets.len() >= BOUND {
                buckets.clear();
            }
        }
        let full = Bucket { tokens: limit.burst, at_ms: now_ms, limit };
        let bucket = buckets.entry(key.to_owned()).or_insert(full);
        bucket.limit = limit;
        let level = bucket.level(now_ms);
        // A call that came late does not turn the clock back.
        bucket.at_ms = bucket.at_ms.max(now_ms);
        let taken = level >= 1.0;
        bucket.tokens = if taken { level - 1.0 } else { level };
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_the_rate() {
        let buckets = Buckets::default();
        let limit = Limit { rate: 10.0, burst: 3.0 };
        let took = |at| buckets.take("k", limit, at);
        assert_eq!([took(0), took(0), took(0), took(0)], [true, true, true, false]);
        assert!(!took(99) && took(100) && !took(100));
        assert!(took(10_000) && took(10_000) && took(10_000) && !took(10_000), "no more than the burst");
        assert!(buckets.take("other", limit, 0), "each key has its own");
    }

    #[test]
    fn nothing_passes_where_nothing_may_and_memory_is_bounded() {
        let buckets = Buckets::default();
        for limit in [Limit { rate: 0.0, burst: 5.0 }, Limit { rate: 5.0, burst: 0.0 }] {
            assert!(!buckets.take("k", limit, 0));
        }
        let slow = Limit { rate: 0.001, burst: 5.0 };
        for i in 0..BOUND * 2 {
            buckets.take(&i.to_string(), slow, 0);
        }
        assert!(buckets.0.lock().unwrap().len() <= BOUND);
    }
}
