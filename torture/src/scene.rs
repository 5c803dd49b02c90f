//! Where a store and its ledger are, and how the store is opened.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use duroxide::providers::Provider;

use crate::Failure;
use crate::backend::Backend;

/// A folder with a ledger, and a store in it or on a server.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    directory: PathBuf,
    backend: Backend,
}

impl Scene {
    pub(crate) fn new(directory: &Path, backend: Backend) -> Self {
        Self {
            directory: directory.to_owned(),
            backend,
        }
    }

    /// From the words of a command line, as [`arguments`](Self::arguments) gives them.
    pub(crate) fn parse(mode: &str, directory: &str) -> Option<Self> {
        let backend = Backend::parse(mode)?;
        Some(Self::new(Path::new(directory), backend))
    }

    pub(crate) fn arguments(&self) -> [String; 2] {
        let directory = self.directory.display().to_string();
        [self.backend.name().to_owned(), directory]
    }

    /// What the environment of a worker needs beside the arguments: what others may not see.
    pub(crate) fn environment(&self) -> Option<(&'static str, &str)> {
        self.backend.environment()
    }

    /// The file of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.directory.join("ledger.txt")
    }

    pub(crate) async fn open(&self) -> Result<Arc<dyn Provider>, Failure> {
        self.backend.open(&self.directory).await
    }

    /// Checks that the files of the store are sound, where they are of this machine.
    pub(crate) fn check_files(&self) -> Result<(), Failure> {
        self.backend.check_files(&self.directory)
    }

    /// Removes what of the store is not in the folder.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        self.backend.remove(&self.directory)
    }
}
