//! The fixture by which this provider proves itself, and its tests.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use duroxide::clock::ManualClock;
use duroxide::providers::Provider;
use duroxide_memory::conformance::MemoryFixture;
use duroxide_provider_tests::{
    Ending, Fixture, Store, Subject, TestClock, Unavailable, copy_as_killed,
};
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::options::FileOptions;
use crate::provider::FileProvider;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// The provider, and the one that it is compared with.
pub(crate) fn subject() -> Subject {
    Subject::new(FileFixture).with_reference(MemoryFixture)
}

/// Makes empty files, each in a new folder that goes away with it.
pub(crate) struct FileFixture;

struct FileStore {
    clock: ManualClock,
    folder: Mutex<TempDir>,
}

fn new_folder() -> Result<TempDir, Unavailable> {
    TempDir::new().map_err(|error| {
        Unavailable::new(format!(
            "make the folder for temporary files usable: {error}"
        ))
    })
}

async fn open_in(folder: &Path, options: FileOptions) -> Result<Arc<dyn Provider>, Unavailable> {
    let opened = FileProvider::open(&folder.join("store"), options).await;
    let provider = opened.map_err(|error| Unavailable::new(error.to_string()))?;
    Ok(Arc::new(provider))
}

#[async_trait]
impl Fixture for FileFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        Ok(Box::new(FileStore {
            clock: ManualClock::at_ms(NOW_MS),
            folder: Mutex::new(new_folder()?),
        }))
    }

    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        open_in(folder, FileOptions::default()).await
    }
}

#[async_trait]
impl Store for FileStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let options = FileOptions {
            clock: Arc::new(self.clock.clone()),
            ..FileOptions::default()
        };
        let folder = self.folder.lock().await.path().to_owned();
        open_in(&folder, options).await
    }

    async fn crash(&self) -> Result<Ending, Unavailable> {
        let copy = new_folder()?;
        let mut folder = self.folder.lock().await;
        copy_as_killed(folder.path(), copy.path())
            .map_err(|error| Unavailable::new(format!("the file cannot be copied: {error}")))?;
        *folder = copy;
        Ok(Ending::ProcessKilled)
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
