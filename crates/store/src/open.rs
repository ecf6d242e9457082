use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use redb::backends::InMemoryBackend;
use redb::{Builder, Database};

use crate::{Inner, Store, StoreError, transaction};

/// Bytes that redb may keep of the file in memory.
const CACHE_BYTES: usize = 8 << 20;

/// Why a store did not open.
#[derive(Debug)]
pub enum OpenError {
    /// Another process has the directory open.
    Held {
        /// The directory.
        directory: PathBuf,
        /// What the other process wrote of itself: its process id.
        holder: String,
    },
    /// Anything else, in words.
    Failed(String),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held { directory, holder } => write!(
                f,
                "the data directory {} is in use by process {holder}: stop that server, or give this one \
                 another directory with --data",
                directory.display()
            ),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for OpenError {}

impl From<StoreError> for OpenError {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

pub(crate) fn durable(directory: &Path) -> Result<Store, OpenError> {
    let failed = |what: &str, e: &dyn std::fmt::Display| {
        OpenError::Failed(format!("{what} {}: {e}", directory.display()))
    };
    make_private(directory).map_err(|e| failed("cannot make the data directory", &e))?;
    let lock = take_lock(directory)?;
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create(directory.join("crossgate.redb"))
        .map_err(|e| failed("cannot open the store in", &e))?;
    finish(database, directory, Some(lock))
}

pub(crate) fn in_memory(directory: &Path) -> Result<Store, OpenError> {
    let database = Builder::new()
        .set_cache_size(CACHE_BYTES)
        .create_with_backend(InMemoryBackend::new())
        .map_err(|e| OpenError::Failed(format!("cannot make a store in memory: {e}")))?;
    finish(database, directory, None)
}

fn finish(database: Database, directory: &Path, lock: Option<File>) -> Result<Store, OpenError> {
    let transaction = database.begin_write().map_err(|e| OpenError::Failed(e.to_string()))?;
    transaction::create_table(&transaction)?;
    transaction.commit().map_err(|e| OpenError::Failed(e.to_string()))?;
    let directory = directory.to_owned();
    Ok(Store { inner: Arc::new(Inner { database, directory, generations: Default::default(), _lock: lock }) })
}

/// A new directory is for its owner only: it holds secret access keys. One that exists is left as it is.
fn make_private(directory: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(directory)
}

/// The lock goes with the process, so that a server killed with -9 leaves nothing to clean up.
fn take_lock(directory: &Path) -> Result<File, OpenError> {
    let path = directory.join("lock");
    let failed = |e: std::io::Error| OpenError::Failed(format!("cannot lock {}: {e}", path.display()));
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.rewind().map_err(failed)?;
            write!(file, "{}", std::process::id()).map_err(failed)?;
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            Err(OpenError::Held { directory: directory.to_owned(), holder })
        }
        Err(TryLockError::Error(e)) => Err(failed(e)),
    }
}
