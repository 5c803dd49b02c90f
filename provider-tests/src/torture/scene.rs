//! Where a store and its ledger are, and how the store is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use duroxide_core::providers::Provider;

use super::Failure;
use crate::fixture::Fixture;
use crate::suite::Subject;

/// A folder with a ledger, and the store that belongs to it.
#[derive(Clone)]
pub(super) struct Scene {
    folder: PathBuf,
    fixture: Arc<dyn Fixture>,
}

impl Scene {
    pub(super) fn new(folder: PathBuf, subject: &Subject) -> Self {
        Self {
            folder,
            fixture: Arc::clone(&subject.fixture),
        }
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What is tested, for people.
    pub(super) fn mode(&self) -> &str {
        self.fixture.mode()
    }

    /// The file of the ledger.
    pub(super) fn ledger(&self) -> PathBuf {
        self.folder.join("ledger.txt")
    }

    pub(super) async fn open(&self) -> Result<Arc<dyn Provider>, Failure> {
        Ok(self.fixture.open_in(&self.folder).await?)
    }

    /// Checks that the files of the store are sound, where they are of this machine.
    pub(super) fn check_files(&self) -> Result<(), Failure> {
        Ok(self.fixture.check_files_in(&self.folder)?)
    }

    /// Removes the store, and the folder with it.
    pub(super) fn remove(&self) -> Result<(), Failure> {
        let runtime = super::worker::runtime()?;
        runtime.block_on(self.fixture.remove_from(&self.folder))?;
        Ok(std::fs::remove_dir_all(&self.folder)?)
    }
}
