//! Where a store and its ledger are, and how the store is opened.

use std::path::{Path, PathBuf};

use duroxide::providers::sqlite::{SqliteMode, SqliteOptions, SqliteProvider};

use crate::Failure;

/// How a store is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    SingleProcess,
    MultiProcess,
}

impl Mode {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleProcess => "single_process",
            Self::MultiProcess => "multi_process",
        }
    }
}

/// A folder with a store and its ledger.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    directory: PathBuf,
    mode: Mode,
}

impl Scene {
    pub(crate) fn new(directory: &Path, mode: Mode) -> Self {
        Self {
            directory: directory.to_owned(),
            mode,
        }
    }

    /// From the words of a command line, as [`arguments`](Self::arguments) gives them.
    pub(crate) fn parse(mode: &str, directory: &str) -> Option<Self> {
        let modes = [Mode::SingleProcess, Mode::MultiProcess];
        let mode = modes.into_iter().find(|it| it.name() == mode)?;
        Some(Self::new(Path::new(directory), mode))
    }

    pub(crate) fn arguments(&self) -> [String; 2] {
        let directory = self.directory.display().to_string();
        [self.mode.name().to_owned(), directory]
    }

    /// The file of the ledger.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.directory.join("ledger.txt")
    }

    /// The file of the store.
    pub(crate) fn database(&self) -> PathBuf {
        self.directory.join("torture.db")
    }

    pub(crate) async fn open(&self) -> Result<SqliteProvider, Failure> {
        let url = format!("sqlite:{}", self.database().display());
        let mode = match self.mode {
            Mode::SingleProcess => SqliteMode::SingleProcess,
            Mode::MultiProcess => SqliteMode::MultiProcess,
        };
        let options = SqliteOptions::default().mode(mode);
        Ok(SqliteProvider::new(&url, Some(options)).await?)
    }
}
