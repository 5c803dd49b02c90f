//! The fixture by which this provider proves itself.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{Provider, ProviderError};
use duroxide_provider_tests::{Fixture, Store, TestClock, Unavailable};
use tempfile::TempDir;

use crate::location::Location;
use crate::{SqliteMode, SqliteOptions, SqliteProvider};

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// Makes empty databases, each in a new directory that goes away with it.
#[derive(Debug, Clone)]
pub struct SqliteFixture {
    /// None for a database in memory.
    mode: Option<SqliteMode>,
    directory: PathBuf,
}

impl SqliteFixture {
    /// Databases in files for providers of this mode, in the system's folder for temporary files.
    #[must_use]
    pub fn on_disk(mode: SqliteMode) -> Self {
        Self {
            mode: Some(mode),
            directory: std::env::temp_dir(),
        }
    }

    /// Databases in memory.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            mode: None,
            directory: std::env::temp_dir(),
        }
    }

    /// Makes the databases below this folder, to test the file system it is on.
    #[must_use]
    pub fn below(mut self, directory: &Path) -> Self {
        self.directory = directory.to_owned();
        self
    }
}

/// The file that the URL of a database names, which is not looked at; none for one in memory.
///
/// # Errors
/// `Config` when the URL is none of a SQLite database.
pub fn path_of(url: &str) -> Result<Option<PathBuf>, ProviderError> {
    Ok(Location::parse(url)?.path().map(Path::to_owned))
}

struct SqliteStore {
    mode: Option<SqliteMode>,
    clock: ManualClock,
    directory: TempDir,
}

#[async_trait]
impl Fixture for SqliteFixture {
    fn mode(&self) -> &str {
        match self.mode {
            Some(SqliteMode::SingleProcess) => "single_process",
            Some(SqliteMode::MultiProcess) => "multi_process",
            None => "in_memory",
        }
    }

    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let directory = tempfile::Builder::new()
            .prefix("duroxide-conformance-")
            .tempdir_in(&self.directory)
            .map_err(|error| {
                Unavailable::new(format!(
                    "no folder for a database can be made in {}: {error}",
                    self.directory.display()
                ))
            })?;
        Ok(Box::new(SqliteStore {
            mode: self.mode,
            clock: ManualClock::at_ms(NOW_MS),
            directory,
        }))
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let options = SqliteOptions::default().clock(Arc::new(self.clock.clone()));
        let opened = match self.mode {
            Some(mode) => {
                let file = self.directory.path().join("conformance.db");
                let url = format!("sqlite:{}", file.display());
                SqliteProvider::new(&url, Some(options.mode(mode))).await
            }
            None => SqliteProvider::new("sqlite::memory:", Some(options)).await,
        };
        match opened {
            Ok(provider) => Ok(Arc::new(provider)),
            Err(error) => Err(Unavailable::new(format!(
                "the database cannot be opened: {error}"
            ))),
        }
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
