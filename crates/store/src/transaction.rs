use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use redb::{ReadOnlyTable, ReadTransaction, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::StoreError;
use crate::generations::part;

/// `(collection, key) -> JSON`.
const DOCUMENTS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("documents");

/// A snapshot.
pub struct Reader {
    table: ReadOnlyTable<(&'static str, &'static str), &'static [u8]>,
}

/// A write transaction; it reads what it wrote.
pub struct Writer<'t> {
    table: Table<'t, (&'static str, &'static str), &'static [u8]>,
    touched: RefCell<Touched>,
}

/// Collections, and which parts of each.
type Touched = BTreeMap<String, BTreeSet<usize>>;

/// Reading, the same in a snapshot and in a write transaction: for what is looked up in both.
pub trait Read {
    /// As [`Reader::get`].
    ///
    /// # Errors
    /// As [`Reader::get`].
    fn one<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>, StoreError>;

    /// Every document whose key begins with `prefix`, in key order.
    ///
    /// # Errors
    /// As [`Reader::list`].
    fn all<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError>;
}

impl Read for Reader {
    fn one<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>, StoreError> {
        get(&self.table, collection, key)
    }

    fn all<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        list(&self.table, collection, prefix, None, usize::MAX)
    }
}

impl Read for Writer<'_> {
    fn one<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>, StoreError> {
        get(&self.table, collection, key)
    }

    fn all<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
    ) -> Result<Vec<(String, T)>, StoreError> {
        list(&self.table, collection, prefix, None, usize::MAX)
    }
}

pub(crate) fn create_table(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(DOCUMENTS).map(|_| ()).map_err(|e| StoreError::new("cannot make the table", e))
}

impl Reader {
    pub(crate) fn open(transaction: &ReadTransaction) -> Result<Self, StoreError> {
        let table =
            transaction.open_table(DOCUMENTS).map_err(|e| StoreError::new("cannot open the table", e))?;
        Ok(Self { table })
    }

    /// The document at `key`, or `None`.
    ///
    /// # Errors
    /// When the store cannot be read or the document is not a `T`.
    pub fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>, StoreError> {
        get(&self.table, collection, key)
    }

    /// Up to `limit` documents whose key begins with `prefix` and comes after `after`, in key order.
    ///
    /// # Errors
    /// When the store cannot be read or a document is not a `T`.
    pub fn list<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        list(&self.table, collection, prefix, after, limit)
    }
}

impl<'t> Writer<'t> {
    pub(crate) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        let table =
            transaction.open_table(DOCUMENTS).map_err(|e| StoreError::new("cannot open the table", e))?;
        Ok(Self { table, touched: RefCell::default() })
    }

    pub(crate) fn close(self) -> Touched {
        self.touched.into_inner()
    }

    fn touch(&self, collection: &str, key: &str) {
        self.touched.borrow_mut().entry(collection.to_owned()).or_default().insert(part(key));
    }

    /// As [`Reader::get`].
    ///
    /// # Errors
    /// As [`Reader::get`].
    pub fn get<T: DeserializeOwned>(&self, collection: &str, key: &str) -> Result<Option<T>, StoreError> {
        get(&self.table, collection, key)
    }

    /// As [`Reader::list`].
    ///
    /// # Errors
    /// As [`Reader::list`].
    pub fn list<T: DeserializeOwned>(
        &self,
        collection: &str,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<(String, T)>, StoreError> {
        list(&self.table, collection, prefix, after, limit)
    }

    /// Writes `document` at `key`, replacing what was there.
    ///
    /// # Errors
    /// When the document cannot be turned into JSON or the store cannot be written.
    pub fn put<T: Serialize>(&mut self, collection: &str, key: &str, document: &T) -> Result<(), StoreError> {
        let bytes =
            serde_json::to_vec(document).map_err(|e| StoreError::new("cannot store a document", e))?;
        self.table
            .insert((collection, key), bytes.as_slice())
            .map_err(|e| StoreError::new("cannot write to the store", e))?;
        self.touch(collection, key);
        Ok(())
    }

    /// Removes the document at `key`; tells whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn delete(&mut self, collection: &str, key: &str) -> Result<bool, StoreError> {
        let removed = self
            .table
            .remove((collection, key))
            .map_err(|e| StoreError::new("cannot write to the store", e))?
            .is_some();
        if removed {
            self.touch(collection, key);
        }
        Ok(removed)
    }

    /// Removes every document whose key begins with `prefix`; tells how many there were.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub fn delete_prefix(&mut self, collection: &str, prefix: &str) -> Result<usize, StoreError> {
        let found: Vec<(String, serde_json::Value)> = self.list(collection, prefix, None, usize::MAX)?;
        for (key, _) in &found {
            self.delete(collection, key)?;
        }
        Ok(found.len())
    }
}

fn get<T: DeserializeOwned>(
    table: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    collection: &str,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let found = table.get((collection, key)).map_err(|e| StoreError::new("cannot read the store", e))?;
    found.map(|bytes| decode(collection, key, bytes.value())).transpose()
}

fn list<T: DeserializeOwned>(
    table: &impl ReadableTable<(&'static str, &'static str), &'static [u8]>,
    collection: &str,
    prefix: &str,
    after: Option<&str>,
    limit: usize,
) -> Result<Vec<(String, T)>, StoreError> {
    let from = after.map_or(prefix, |a| a.max(prefix));
    let mut found = Vec::new();
    for row in table.range((collection, from)..).map_err(|e| StoreError::new("cannot read the store", e))? {
        let (key, bytes) = row.map_err(|e| StoreError::new("cannot read the store", e))?;
        let (in_collection, key) = key.value();
        if found.len() == limit || in_collection != collection || !key.starts_with(prefix) {
            break;
        }
        if after.is_none_or(|a| key > a) {
            found.push((key.to_owned(), decode(collection, key, bytes.value())?));
        }
    }
    Ok(found)
}

fn decode<T: DeserializeOwned>(collection: &str, key: &str, bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes)
        .map_err(|e| StoreError::new(&format!("the stored document {collection}/{key} cannot be read"), e))
}
