//! The locks of a database file and of its shared memory, as SQLite's manual describes them.

use std::collections::{BTreeMap, BTreeSet};

use sqlite_plugin::flags::{LockLevel, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::VfsResult;

/// The number of an open file.
pub(crate) type Holder = u64;

/// Who holds which level on a file.
#[derive(Debug, Default)]
pub(crate) struct FileLocks(BTreeMap<Holder, LockLevel>);

impl FileLocks {
    pub(crate) fn lock(&mut self, holder: Holder, level: LockLevel) -> VfsResult<()> {
        let others = || self.0.iter().filter(|(other, _)| **other != holder);
        let highest = others()
            .map(|(_, level)| *level)
            .max()
            .unwrap_or(LockLevel::Unlocked);
        let held = self.0.get(&holder).copied().unwrap_or(LockLevel::Unlocked);
        if held >= level {
            return Ok(());
        }
        let is_free = match level {
            LockLevel::Unlocked => true,
            LockLevel::Shared => highest < LockLevel::Pending,
            LockLevel::Reserved | LockLevel::Pending => highest < LockLevel::Reserved,
            LockLevel::Exclusive => highest == LockLevel::Unlocked,
        };
        if is_free {
            self.0.insert(holder, level);
            return Ok(());
        }
        if level == LockLevel::Exclusive && highest < LockLevel::Reserved {
            // New readers have to wait until this one has had its turn.
            self.0.insert(holder, LockLevel::Pending);
        }
        Err(vars::SQLITE_BUSY)
    }

    pub(crate) fn unlock(&mut self, holder: Holder, level: LockLevel) {
        if level == LockLevel::Unlocked {
            self.0.remove(&holder);
        } else {
            self.0.insert(holder, level);
        }
    }

    pub(crate) fn is_reserved(&self) -> bool {
        self.0.values().any(|level| *level >= LockLevel::Reserved)
    }
}

const SLOT_COUNT: usize = 8;

/// One of the locks of the shared memory.
#[derive(Debug, Default)]
struct Slot {
    exclusive: Option<Holder>,
    shared: BTreeSet<Holder>,
}

/// The locks of the shared memory of one file.
#[derive(Debug, Default)]
pub(crate) struct MemoryLocks([Slot; SLOT_COUNT]);

impl MemoryLocks {
    /// Locks or unlocks slots that follow each other: all or none.
    pub(crate) fn change(
        &mut self,
        holder: Holder,
        offset: u32,
        count: u32,
        mode: ShmLockMode,
    ) -> VfsResult<()> {
        let first = usize::try_from(offset).map_err(|_| vars::SQLITE_IOERR_SHMLOCK)?;
        let count = usize::try_from(count).map_err(|_| vars::SQLITE_IOERR_SHMLOCK)?;
        let slots = self.0.get_mut(first..first + count);
        let slots = slots.ok_or(vars::SQLITE_IOERR_SHMLOCK)?;
        let is_foreign = |slot: &Slot| slot.exclusive.is_some_and(|other| other != holder);
        let is_shared = |slot: &Slot| slot.shared.iter().any(|other| *other != holder);
        let is_busy = match mode {
            ShmLockMode::LockShared => slots.iter().any(is_foreign),
            ShmLockMode::LockExclusive => {
                slots.iter().any(|slot| is_foreign(slot) || is_shared(slot))
            }
            ShmLockMode::UnlockShared | ShmLockMode::UnlockExclusive => false,
        };
        if is_busy {
            return Err(vars::SQLITE_BUSY);
        }
        for slot in slots {
            match mode {
                ShmLockMode::LockShared => {
                    slot.shared.insert(holder);
                }
                ShmLockMode::LockExclusive => slot.exclusive = Some(holder),
                ShmLockMode::UnlockShared => {
                    slot.shared.remove(&holder);
                }
                ShmLockMode::UnlockExclusive => slot.exclusive = None,
            }
        }
        Ok(())
    }

    /// Gives up whatever a file that is closed still holds.
    pub(crate) fn forget(&mut self, holder: Holder) {
        for slot in &mut self.0 {
            slot.shared.remove(&holder);
            if slot.exclusive == Some(holder) {
                slot.exclusive = None;
            }
        }
    }
}
