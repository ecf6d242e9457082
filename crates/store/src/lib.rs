//! Documents in transactions: JSON values under a collection and a key, in one embedded redb file or in memory.
//!
//! A write transaction is serial and durable: [`Store::write`] returns after the commit, so what a client is
//! told is stored is stored. Readers see a consistent snapshot and never wait for a writer.

#![forbid(unsafe_code)]

mod cache;
mod generations;
mod open;
mod transaction;

pub use cache::Cache;
pub use open::OpenError;
pub use transaction::{Read, Reader, Writer};

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use generations::Generations;
use redb::{Database, ReadableDatabase};

/// The store could not be read or written: the disk is full, the file damaged, or a document is not of the
/// shape that this version expects.
#[derive(Debug)]
pub struct StoreError(String);

impl StoreError {
    fn new(what: &str, cause: impl std::fmt::Display) -> Self {
        Self(format!("{what}: {cause}"))
    }
}

impl std::fmt::Display for StoreError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StoreError {}

/// A set of collections of documents. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    database: Database,
    directory: PathBuf,
    generations: RwLock<HashMap<String, Arc<Generations>>>,
    // Keeps the directory's lock until the last clone is gone.
    _lock: Option<std::fs::File>,
}

impl Store {
    /// Opens, or makes, the store in `directory` and locks the directory for this process.
    ///
    /// # Errors
    /// [`OpenError::Held`] names the process that has the directory open; [`OpenError::Failed`] is anything else.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        open::durable(directory)
    }

    /// A store that lives as long as the process. `directory` is for the files that go with it.
    ///
    /// # Errors
    /// [`OpenError::Failed`] when memory or the directory cannot be had.
    pub fn in_memory(directory: &Path) -> Result<Self, OpenError> {
        open::in_memory(directory)
    }

    /// Where files that belong to this store are kept, such as function packages.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// Runs `read` on a snapshot of everything committed so far.
    ///
    /// # Errors
    /// What `read` returns, or a [`StoreError`] turned into `E`.
    pub fn read<T, E: From<StoreError>>(&self, read: impl FnOnce(&Reader) -> Result<T, E>) -> Result<T, E> {
        let transaction =
            self.inner.database.begin_read().map_err(|e| StoreError::new("cannot read the store", e))?;
        read(&Reader::open(&transaction)?)
    }

    /// Runs `write` as one transaction: all of it is committed, or, when `write` fails, nothing of it.
    /// Blocks for as long as another writer is at work and until the commit is on disk.
    ///
    /// # Errors
    /// What `write` returns, or a [`StoreError`] turned into `E`.
    pub fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(&mut Writer<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction =
            self.inner.database.begin_write().map_err(|e| StoreError::new("cannot write to the store", e))?;
        let mut writer = Writer::open(&transaction)?;
        let result = write(&mut writer)?;
        let touched = writer.close();
        transaction.commit().map_err(|e| StoreError::new("cannot commit to the store", e))?;
        for (collection, parts) in touched {
            self.generations(&collection).advance(&parts);
        }
        Ok(result)
    }

    /// A number that grows with every commit that touched `collection`: what was compiled from it is out of
    /// date when the number differs.
    #[must_use]
    pub fn generation(&self, collection: &str) -> u64 {
        self.generations(collection).whole()
    }

    fn generations(&self, collection: &str) -> Arc<Generations> {
        let known = self.inner.generations.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(counter) = known.get(collection) {
            return counter.clone();
        }
        drop(known);
        let mut known = self.inner.generations.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(collection.to_owned()).or_default().clone()
    }
}
