//! The fixture by which this provider proves itself, and its tests.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use duroxide::clock::ManualClock;
use duroxide::providers::Provider;
use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{Fixture, Store, Subject, TestClock, Unavailable};
use tempfile::TempDir;

use crate::options::FileOptions;
use crate::provider::FileProvider;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// The provider, and the one that it is compared with.
pub(crate) fn subject() -> Subject {
    Subject::new(FileFixture).with_reference(MemoryFixture)
}

/// Makes empty files, each in a new folder that goes away with it.
struct FileFixture;

struct FileStore {
    path: PathBuf,
    clock: ManualClock,
    _folder: TempDir,
}

#[async_trait]
impl Fixture for FileFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let folder = TempDir::new().map_err(|error| {
            Unavailable::new(format!(
                "make the folder for temporary files usable: {error}"
            ))
        })?;
        Ok(Box::new(FileStore {
            path: folder.path().join("store"),
            clock: ManualClock::at_ms(NOW_MS),
            _folder: folder,
        }))
    }
}

#[async_trait]
impl Store for FileStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let options = FileOptions {
            clock: Arc::new(self.clock.clone()),
            ..FileOptions::default()
        };
        let opened = FileProvider::open(&self.path, options).await;
        let provider = opened.map_err(|error| Unavailable::new(error.to_string()))?;
        Ok(Arc::new(provider))
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

#[cfg(test)]
mod tests {
    duroxide_provider_tests::conformance_tests! {
        subject = crate::conformance::subject(),
        profiles = [required, management, durable, end_to_end, random],
    }
}
