//! What is different about each backend.

mod postgres;
mod sqlite;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteMode;

use crate::Failure;

/// The variable with the URL of the database for workers and for `check`: arguments are seen by
/// everybody on the machine, and the URL may hold a password.
pub(crate) const URL_VARIABLE: &str = "DUROXIDE_TORTURE_POSTGRES_URL";

const POSTGRES: &str = "postgres";

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In a file of the folder.
    Sqlite(SqliteMode),
    /// In this database, in a schema with the name of the folder.
    Postgres { url: String },
}

impl Backend {
    /// The one with this [`name`](Self::name).
    pub(crate) fn parse(name: &str) -> Option<Self> {
        if name == POSTGRES {
            let url = std::env::var(URL_VARIABLE).ok()?;
            return Some(Self::Postgres { url });
        }
        let modes = [SqliteMode::SingleProcess, SqliteMode::MultiProcess];
        let mode = modes.into_iter().find(|it| sqlite::name(*it) == name)?;
        Some(Self::Sqlite(mode))
    }

    /// What it is called on a command line.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Sqlite(mode) => sqlite::name(*mode),
            Self::Postgres { .. } => POSTGRES,
        }
    }

    pub(crate) fn environment(&self) -> Option<(&'static str, &str)> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres { url } => Some((URL_VARIABLE, url)),
        }
    }

    pub(crate) async fn open(&self, directory: &Path) -> Result<Arc<dyn Provider>, Failure> {
        match self {
            Self::Sqlite(mode) => sqlite::open(directory, *mode).await,
            Self::Postgres { url } => postgres::open(directory, url).await,
        }
    }

    pub(crate) fn check_files(&self, directory: &Path) -> Result<(), Failure> {
        match self {
            Self::Sqlite(_) => sqlite::check_file(directory),
            // A server looks after its own.
            Self::Postgres { .. } => Ok(()),
        }
    }

    pub(crate) fn remove(&self, directory: &Path) -> Result<(), Failure> {
        match self {
            // It goes away with the folder.
            Self::Sqlite(_) => Ok(()),
            Self::Postgres { url } => postgres::remove(directory, url),
        }
    }
}

impl fmt::Debug for Backend {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
