//! The fixture by which this provider proves itself.

mod meter;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{Limits, Provider, ProviderError};
use duroxide_provider_tests::{
    Ending, Fixture, MeteredStore, Store, TestClock, Unavailable, copy_as_killed,
};
use parking_lot::Mutex;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use self::meter::SqliteMeter;
use crate::location::Location;
use crate::{SqliteMode, SqliteOptions, SqliteProvider, Synchronous};

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// How much mail a topic of these databases holds: more than the cases need, and filled in no time.
const TOPIC_MESSAGES_MAX: usize = 1_500;
/// And all topics together.
const MAIL_MESSAGES_MAX: usize = 2_000;

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

    async fn open_file_in(&self, folder: &Path) -> Result<SqliteProvider, Unavailable> {
        let mode = self.mode.ok_or_else(|| {
            Unavailable::new(
                "a database in memory is gone with its process; give the URL of a file",
            )
        })?;
        let options = SqliteOptions::default().mode(mode);
        let opened = SqliteProvider::new(&url_in(folder), Some(options)).await;
        opened.map_err(cannot_be_opened)
    }
}

/// The file that the URL of a database names, which is not looked at; none for one in memory.
///
/// # Errors
/// `Config` when the URL is none of a SQLite database.
pub fn path_of(url: &str) -> Result<Option<PathBuf>, ProviderError> {
    Ok(Location::parse(url)?.path().map(Path::to_owned))
}

/// The name of a database in its folder.
const FILE: &str = "conformance.db";

struct SqliteStore {
    mode: Option<SqliteMode>,
    clock: ManualClock,
    /// Where folders are made.
    below: PathBuf,
    folders: Mutex<Folders>,
}

struct Folders {
    living: TempDir,
    /// Those that processes which were killed have open.
    dead: Vec<TempDir>,
}

impl SqliteStore {
    async fn open(&self, options: SqliteOptions) -> Result<Arc<dyn Provider>, Unavailable> {
        let mut limits = Limits::default();
        limits.topic_messages_max = TOPIC_MESSAGES_MAX;
        limits.mail_messages_max = MAIL_MESSAGES_MAX;
        let options = options.clock(Arc::new(self.clock.clone())).limits(limits);
        let opened = match self.mode {
            Some(mode) => {
                let url = url_in(self.folders.lock().living.path());
                SqliteProvider::new(&url, Some(options.mode(mode))).await
            }
            None => SqliteProvider::new("sqlite::memory:", Some(options)).await,
        };
        opened.map(shared).map_err(cannot_be_opened)
    }

    /// Goes on with a copy of the files, whatever those still do that have them open.
    fn go_on_with_a_copy(&self) -> Result<(), Unavailable> {
        let copy = folder_below(&self.below)?;
        let mut folders = self.folders.lock();
        copy_as_killed(folders.living.path(), copy.path())
            .map_err(|error| Unavailable::new(format!("the database cannot be copied: {error}")))?;
        let killed = std::mem::replace(&mut folders.living, copy);
        folders.dead.push(killed);
        Ok(())
    }
}

fn folder_below(below: &Path) -> Result<TempDir, Unavailable> {
    let mut named = tempfile::Builder::new();
    let folder = named.prefix("duroxide-conformance-").tempdir_in(below);
    folder.map_err(|error| {
        Unavailable::new(format!(
            "no folder for a database can be made in {}: {error}",
            below.display()
        ))
    })
}

fn url_in(folder: &Path) -> String {
    format!("sqlite:{}", folder.join(FILE).display())
}

fn shared(provider: SqliteProvider) -> Arc<dyn Provider> {
    Arc::new(provider)
}

#[expect(clippy::needless_pass_by_value, reason = "as `map_err` calls it")]
fn cannot_be_opened(error: ProviderError) -> Unavailable {
    Unavailable::new(format!("the database cannot be opened: {error}"))
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
        Ok(Box::new(SqliteStore {
            mode: self.mode,
            clock: ManualClock::at_ms(NOW_MS),
            folders: Mutex::new(Folders {
                living: folder_below(&self.directory)?,
                dead: Vec::new(),
            }),
            below: self.directory.clone(),
        }))
    }

    async fn open_in(&self, folder: &Path) -> Result<Arc<dyn Provider>, Unavailable> {
        self.open_file_in(folder).await.map(shared)
    }

    async fn open_to_measure(&self, folder: &Path) -> Result<MeteredStore, Unavailable> {
        let opened = if self.mode.is_some() {
            self.open_file_in(folder).await?
        } else {
            let opened = SqliteProvider::new_in_memory().await;
            opened.map_err(cannot_be_opened)?
        };
        let provider = Arc::new(opened);
        Ok(MeteredStore {
            meter: Some(Arc::new(SqliteMeter::new(Arc::clone(&provider)))),
            provider,
        })
    }

    /// SQLite's own check of its file.
    fn check_files_in(&self, folder: &Path) -> Result<(), String> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
        let checked = Connection::open_with_flags(folder.join(FILE), flags).and_then(|database| {
            database.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0))
        });
        match checked {
            Ok(verdict) if verdict == "ok" => Ok(()),
            Ok(verdict) => Err(format!("the database is damaged: {verdict}")),
            Err(error) => Err(format!("the database cannot be read: {error}")),
        }
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        self.open(SqliteOptions::default()).await
    }

    async fn crash(&self) -> Result<Ending, Unavailable> {
        // What was in memory is gone: there is nothing that could be copied.
        if self.mode.is_some() {
            self.go_on_with_a_copy()?;
        }
        Ok(Ending::ProcessKilled)
    }

    async fn connect_weakened(&self) -> Result<Option<Arc<dyn Provider>>, Unavailable> {
        let weakened = SqliteOptions::default().synchronous(Synchronous::Normal);
        self.open(weakened).await.map(Some)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
