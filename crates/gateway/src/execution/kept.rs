//! Answers kept for a while, in bounded memory: of authorizers, and of integrations.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Values by key, each with its end and its size.
pub(super) struct Kept<T> {
    /// How many values, and bytes in all, are kept at most.
    entries: usize,
    bytes: usize,
    inner: Mutex<Inner<T>>,
}

struct Inner<T> {
    held: HashMap<String, Held<T>>,
    bytes: usize,
}

struct Held<T> {
    value: Arc<T>,
    until_ms: i64,
    bytes: usize,
}

impl<T> Kept<T> {
    pub fn new(entries: usize, bytes: usize) -> Self {
        Self { entries, bytes, inner: Mutex::new(Inner { held: HashMap::new(), bytes: 0 }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The value, while it is not over.
    pub fn get(&self, key: &str, now_ms: i64) -> Option<Arc<T>> {
        self.lock().held.get(key).filter(|held| now_ms < held.until_ms).map(|held| held.value.clone())
    }

    /// Keeps a value of `bytes` bytes until `until_ms`. What is over goes first; when that is not enough, everything
    /// does. A value that alone is larger than the bound is not kept.
    pub fn put(&self, key: String, value: Arc<T>, bytes: usize, now_ms: i64, until_ms: i64) {
        let bytes = bytes + key.len();
        if bytes > self.bytes {
            return;
        }
        let inner = &mut *self.lock();
        if let Some(before) = inner.held.remove(&key) {
            inner.bytes -= before.bytes;
        }
        if inner.held.len() >= self.entries || inner.bytes + bytes > self.bytes {
            inner.held.retain(|_, held| now_ms < held.until_ms);
            inner.bytes = inner.held.values().map(|held| held.bytes).sum();
            if inner.held.len() >= self.entries || inner.bytes + bytes > self.bytes {
                inner.forget(|_| true);
            }
        }
        inner.bytes += bytes;
        inner.held.insert(key, Held { value, until_ms, bytes });
    }

    /// Forgets every value whose key begins so.
    pub fn flush(&self, prefix: &str) {
        self.lock().forget(|key| key.starts_with(prefix));
    }
}

impl<T> Inner<T> {
    fn forget(&mut self, which: impl Fn(&str) -> bool) {
        self.held.retain(|key, _| !which(key));
        self.bytes = self.held.values().map(|held| held.bytes).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_and_are_flushed_by_prefix() {
        let kept = Kept::new(10, 1000);
        kept.put("a/1".to_owned(), Arc::new(1), 1, 0, 100);
        kept.put("b/1".to_owned(), Arc::new(2), 1, 0, 200);
        assert_eq!(kept.get("a/1", 99).as_deref(), Some(&1));
        assert_eq!(kept.get("a/1", 100), None);
        kept.flush("b/");
        assert_eq!(kept.get("b/1", 0), None);
    }

    #[test]
    fn neither_more_entries_nor_more_bytes_than_the_bounds_are_kept() {
        let kept = Kept::new(4, 100);
        for i in 0..100 {
            kept.put(format!("k{i}"), Arc::new(()), 20, 0, 10);
            let inner = kept.lock();
            assert!(inner.held.len() <= 4 && inner.bytes <= 100);
            assert_eq!(inner.bytes, inner.held.values().map(|h| h.bytes).sum::<usize>());
        }
        kept.put("k99".to_owned(), Arc::new(()), 30, 0, 10);
        let sum = |inner: &Inner<()>| inner.held.values().map(|h| h.bytes).sum::<usize>();
        let consistent = kept.lock();
        assert_eq!(consistent.bytes, sum(&consistent), "put again");
        drop(consistent);
        kept.put("large".to_owned(), Arc::new(()), 101, 0, 10);
        assert!(kept.get("large", 0).is_none() && kept.get("k99", 0).is_some());
    }
}
