//! In place of `processors` where a system deals its processors out by itself: the load and the servers share them, which
//! makes the figures worse than they are on Linux.

use crate::Failed;

/// There is no such kind of work.
pub fn become_batch() -> Result<(), Failed> {
    Ok(())
}

/// Everybody has all of them.
pub struct Parts;

impl Parts {
    pub fn new() -> Result<Self, Failed> {
        Ok(Self)
    }

    pub fn servers(&self) -> Result<(), Failed> {
        Ok(())
    }

    pub fn load(&self) -> Result<(), Failed> {
        Ok(())
    }
}
