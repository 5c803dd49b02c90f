//! The memory that the connections to one database share for the index of its log.

use std::collections::BTreeSet;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::locks::{Holder, MemoryLocks};

/// Memory that SQLite writes to. It is never freed, but used again.
type Region = &'static [AtomicU64];

const WORD_BYTES: usize = size_of::<AtomicU64>();

/// Regions that nobody uses.
static SPARE: Mutex<Vec<Region>> = Mutex::new(Vec::new());

/// The shared memory of one database. It is no part of the disk: whoever comes first finds it empty.
#[derive(Debug, Default)]
pub(crate) struct SharedMemory {
    regions: Vec<Region>,
    users: BTreeSet<Holder>,
    pub(crate) locks: MemoryLocks,
}

impl SharedMemory {
    /// The region of this number, made if that is asked for.
    pub(crate) fn map(
        &mut self,
        holder: Holder,
        index: usize,
        bytes: usize,
        extend: bool,
    ) -> Option<NonNull<u8>> {
        self.users.insert(holder);
        while extend && self.regions.len() <= index {
            self.regions.push(take(bytes));
        }
        let region = self.regions.get(index)?;
        Some(NonNull::from(*region).cast())
    }

    /// Ends one connection's use; the memory goes with the last one.
    pub(crate) fn unmap(&mut self, holder: Holder) {
        self.locks.forget(holder);
        self.users.remove(&holder);
        if self.users.is_empty() {
            SPARE.lock().append(&mut self.regions);
        }
    }
}

/// A region of zeros.
fn take(bytes: usize) -> Region {
    let words = bytes.div_ceil(WORD_BYTES);
    let spare = {
        let mut spare = SPARE.lock();
        let found = spare.iter().position(|region| region.len() == words);
        found.map(|index| spare.swap_remove(index))
    };
    if let Some(region) = spare {
        for word in region {
            word.store(0, Ordering::Relaxed);
        }
        return region;
    }
    Box::leak((0..words).map(|_| AtomicU64::new(0)).collect())
}
