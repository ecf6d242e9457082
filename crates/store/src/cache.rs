use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::Store;

/// Values compiled from the documents of a collection, or of several, by key: request paths read these instead of the
/// store.
///
/// An entry is as old as its collections' generations when it was loaded; after any commit to one of them it is loaded
/// again when next asked for.
pub struct Cache<T> {
    collections: Box<[&'static str]>,
    /// Entries kept; at the bound all are dropped and filled again by use.
    bound: usize,
    entries: RwLock<HashMap<String, (u64, Arc<T>)>>,
}

impl<T> Cache<T> {
    /// A cache of at most `bound` values over `collection`.
    #[must_use]
    pub fn new(collection: &'static str, bound: usize) -> Self {
        Self::over(&[collection], bound)
    }

    /// The same over several collections.
    #[must_use]
    pub fn over(collections: &[&'static str], bound: usize) -> Self {
        Self { collections: collections.into(), bound, entries: RwLock::default() }
    }

    /// The value for `key`, loaded with `load` when there is none or it is out of date.
    ///
    /// # Errors
    /// What `load` returns.
    pub fn get<E>(
        &self,
        store: &Store,
        key: &str,
        load: impl FnOnce() -> Result<Option<T>, E>,
    ) -> Result<Option<Arc<T>>, E> {
        // Read before loading: a commit in between makes the entry out of date at once, never wrongly fresh.
        // Generations only grow, so that their sum is the same only while each of them is.
        let generation = self.collections.iter().map(|collection| store.generation(collection)).sum();
        if let Some((at, value)) = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key)
            && *at == generation
        {
            return Ok(Some(value.clone()));
        }
        let Some(value) = load()? else { return Ok(None) };
        let value = Arc::new(value);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.bound && !entries.contains_key(key) {
            entries.clear();
        }
        entries.insert(key.to_owned(), (generation, value.clone()));
        Ok(Some(value))
    }
}
