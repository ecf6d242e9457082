use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use foldhash::fast::RandomState;

use crate::Store;
use crate::generations::Generations;

/// Values compiled from the documents of a collection, or of several, by key: request paths read these instead of the
/// store. A cache is for one store.
///
/// An entry is as old as its collections' generations when it was loaded; after any commit to one of them it is loaded
/// again when next asked for.
pub struct Cache<T> {
    collections: Box<[&'static str]>,
    by_part: bool,
    /// Of `collections`, found at the first use.
    generations: OnceLock<Box<[Arc<Generations>]>>,
    /// Entries kept; at the bound an eighth is dropped, which use fills again.
    bound: usize,
    /// Only what is stored is in it, so that a request cannot choose what collides.
    entries: RwLock<HashMap<String, (u64, Arc<T>), RandomState>>,
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
        let (generations, entries) = (OnceLock::new(), RwLock::default());
        Self { collections: collections.into(), by_part: false, generations, bound, entries }
    }

    /// A cache over `collection` whose values are each made of documents whose keys are the same as the value's up to
    /// the first `/`: commits to others leave it alone.
    #[must_use]
    pub fn by_part(collection: &'static str, bound: usize) -> Self {
        Self { by_part: true, ..Self::new(collection, bound) }
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
        let of = |g: &Arc<Generations>| if self.by_part { g.of(key) } else { g.whole() };
        let generations =
            self.generations.get_or_init(|| self.collections.iter().map(|c| store.generations(c)).collect());
        let generation = generations.iter().map(of).sum();
        if let Some((at, value)) = self.entries.read().unwrap_or_else(PoisonError::into_inner).get(key)
            && *at == generation
        {
            return Ok(Some(value.clone()));
        }
        let Some(value) = load()? else { return Ok(None) };
        let value = Arc::new(value);
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= self.bound && !entries.contains_key(key) {
            let dropped: Vec<String> = entries.keys().take(self.bound / 8 + 1).cloned().collect();
            for key in dropped {
                entries.remove(&key);
            }
        }
        entries.insert(key.to_owned(), (generation, value.clone()));
        Ok(Some(value))
    }
}
