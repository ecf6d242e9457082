//! Isolates one process.
