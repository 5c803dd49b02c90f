//! Opening a provider on a disk that is mounted at a directory.

use std::fs;
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::ManualClock;
use duroxide_core::providers::ProviderError;
use duroxide_sqlite::{SqliteOptions, SqliteProvider, Synchronous};
use parking_lot::Mutex;

use crate::Failure;
use crate::disk::{Disk, Image};
use crate::vfs::Mounts;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
pub(crate) const NOW_MS: u64 = 1_767_571_200_000;
/// Nobody but the provider's own connections has the file, and they work on memory.
const BUSY_TIMEOUT: Duration = Duration::from_millis(500);

/// A place where disks are mounted, one after the other. Each has a directory of its own, so that
/// whoever still works on an earlier one, by name or not, cannot touch the later ones.
#[derive(Debug)]
pub(crate) struct Bay {
    mounts: Mounts,
    root: tempfile::TempDir,
    mounted: Mutex<PathBuf>,
    mounted_count: AtomicU64,
}

impl Bay {
    pub(crate) fn new(mounts: &Mounts) -> Result<Self, Failure> {
        Ok(Self {
            mounts: mounts.clone(),
            root: tempfile::Builder::new()
                .prefix("duroxide-faults-")
                .tempdir()?,
            mounted: Mutex::default(),
            mounted_count: AtomicU64::new(0),
        })
    }

    /// Mounts a disk with these files in the place of the one before.
    pub(crate) fn mount(&self, image: &Image, seed: u64) -> Result<Arc<Disk>, Failure> {
        self.mount_disk(Disk::new(image, seed))
    }

    /// Mounts a disk in the place of the one before, which stays with those who have files open.
    pub(crate) fn mount_disk(&self, disk: Disk) -> Result<Arc<Disk>, Failure> {
        let disk = Arc::new(disk);
        let number = self.mounted_count.fetch_add(1, Ordering::Relaxed);
        let directory = self.root.path().join(number.to_string());
        // The provider asks the real file system for the real name, and for a file to lock.
        fs::create_dir(&directory)?;
        let directory = directory.canonicalize()?;
        self.mounts.mount(&directory, Arc::clone(&disk));
        let before = mem::replace(&mut *self.mounted.lock(), directory);
        if self.mounts.unmount(&before) {
            fs::remove_dir_all(before)?;
        }
        Ok(disk)
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.mounted.lock().join("store.db")
    }

    /// Opens the provider, with a clock of its own that stands at the usual time.
    pub(crate) async fn open(&self, synchronous: Synchronous) -> Result<Opened, Failure> {
        let clock = ManualClock::at_ms(NOW_MS);
        let provider = self.open_at(synchronous, &clock).await??;
        Ok(Opened { provider, clock })
    }

    /// Opens the provider with this clock. The outer error is no fault of the provider's.
    pub(crate) async fn open_at(
        &self,
        synchronous: Synchronous,
        clock: &ManualClock,
    ) -> Result<Result<SqliteProvider, ProviderError>, Failure> {
        let options = SqliteOptions::default()
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .clock(Arc::new(clock.clone()));
        let url = format!("sqlite:{}", self.database().display());
        Ok(SqliteProvider::new(&url, Some(options)).await)
    }
}

/// A provider and its clock.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) provider: SqliteProvider,
    pub(crate) clock: ManualClock,
}
