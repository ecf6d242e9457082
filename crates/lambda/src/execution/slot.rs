//! Users and control groups for environments, used again and again.
//!
//! Making a control group and joining it for the first time costs up to 20 ms on some kernels, so groups are kept
//! with their limits and environments join them ahead of need.

use super::process::lock;
use jailer::cgroup::{Cgroups, Group, Limits};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// A place for one environment.
pub(crate) struct Slot {
    index: u32,
    /// The user the environment runs as (when the server is root).
    pub uid: u32,
    group: Option<Group>,
    home: Arc<Mutex<Free>>,
}

struct Free {
    indexes: BTreeSet<u32>,
    next: u32,
    groups: Vec<Group>,
}

/// All places.
pub(crate) struct Slots {
    cgroups: Option<Cgroups>,
    free: Arc<Mutex<Free>>,
    first_uid: u32,
}

impl Slots {
    pub fn new(use_cgroups: bool) -> Slots {
        let cgroups = use_cgroups.then(|| Cgroups::find().ok()?.for_this_process().ok()).flatten();
        let free = Free { indexes: BTreeSet::new(), next: 0, groups: Vec::new() };
        // A range per server, so that two servers on one machine do not share users.
        let first_uid = 1_500_000_000 + (std::process::id() % 100_000) * 2000;
        Slots { cgroups, free: Arc::new(Mutex::new(free)), first_uid }
    }

    /// The user of the slot with this index.
    pub fn uid(&self, index: u32) -> u32 {
        self.first_uid + index
    }

    /// Whether this is the user of a place that was ever given out.
    pub fn owns(&self, uid: u32) -> bool {
        uid.checked_sub(self.first_uid).is_some_and(|index| index < lock(&self.free).next)
    }

    /// A free place, with a group when there are groups.
    pub fn take(&self) -> Slot {
        let (index, group) = {
            let mut free = lock(&self.free);
            let index = free.indexes.pop_first().unwrap_or_else(|| {
                free.next += 1;
                free.next - 1
            });
            (index, free.groups.pop())
        };
        let make = || self.cgroups.as_ref()?.group(&format!("environment-{index}-{:x}", random())).ok();
        let group = group.or_else(make);
        Slot { index, uid: self.uid(index), group, home: Arc::clone(&self.free) }
    }

    /// Removes the groups; for shutdown. `false` while processes are left in them: try again.
    pub fn remove(&self) -> bool {
        lock(&self.free).groups.clear();
        self.cgroups.as_ref().is_none_or(Cgroups::remove)
    }
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

impl Slot {
    /// Descriptors to join by.
    pub fn entries(&self) -> Vec<std::fs::File> {
        self.group.as_ref().and_then(|g| g.entries().ok()).unwrap_or_default()
    }

    /// Sets the limits of the function that moves in.
    pub fn limit(&mut self, limits: Limits) -> std::io::Result<()> {
        match &mut self.group {
            Some(group) => {
                group.reset_peak();
                group.set(limits)
            }
            None => Ok(()),
        }
    }

    /// Its processes; none where there are no groups.
    pub fn processes(&self) -> Vec<i32> {
        self.group.as_ref().map(Group::processes).unwrap_or_default()
    }

    /// Bytes of memory that belong to no file.
    pub fn anonymous(&self) -> Option<u64> {
        self.group.as_ref()?.anonymous()
    }

    /// The file with the highest memory use.
    pub fn peak(&self) -> Option<std::fs::File> {
        self.group.as_ref()?.peak()
    }
}

impl Drop for Slot {
    /// The environment is dead: its place is free. A group that cannot be used again is dropped, which removes it.
    fn drop(&mut self) {
        let mut home = lock(&self.home);
        home.indexes.insert(self.index);
        if let Some(group) = self.group.take()
            && home.groups.len() < 64
        {
            home.groups.push(group);
        }
    }
}
