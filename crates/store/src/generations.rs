use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};

/// Parts of a collection that are counted apart. More owners than this share some: one's commit then makes what was
/// compiled for another be loaded again, which costs time and nothing else.
const PARTS: usize = 1024;

/// How often a collection was committed to, in all and by the part of its keys before the first `/`: what belongs to
/// one API is not out of date because another one was written.
pub(crate) struct Generations {
    whole: AtomicU64,
    parts: Box<[AtomicU64]>,
}

impl Default for Generations {
    fn default() -> Self {
        Self { whole: AtomicU64::default(), parts: (0..PARTS).map(|_| AtomicU64::default()).collect() }
    }
}

impl Generations {
    pub fn whole(&self) -> u64 {
        self.whole.load(Acquire)
    }

    /// Of the part that `key` belongs to.
    pub fn of(&self, key: &str) -> u64 {
        self.parts.get(part(key)).map_or_else(|| self.whole(), |counter| counter.load(Acquire))
    }

    /// Counts a commit to `parts`.
    pub fn advance(&self, parts: &BTreeSet<usize>) {
        self.whole.fetch_add(1, Release);
        for counter in parts.iter().filter_map(|at| self.parts.get(*at)) {
            counter.fetch_add(1, Release);
        }
    }
}

/// The number of a key's part, by FNV-1a: whoever makes names fall together makes their own requests slower.
pub(crate) fn part(key: &str) -> usize {
    let name = key.bytes().take_while(|byte| *byte != b'/');
    let hash = name
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    hash as usize % PARTS
}
