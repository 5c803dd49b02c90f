//! The lock file beside a database: who may work on it, while others may still read it.

use std::ffi::OsString;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;
use std::time::Duration;

use duroxide_core::providers::ProviderError;

use crate::error::config;
use crate::options::SqliteMode;

const RETRY_EVERY: Duration = Duration::from_millis(10);

/// Held until it is dropped, or its process ends.
#[derive(Debug)]
pub(crate) struct StoreLock {
    _file: File,
}

impl StoreLock {
    /// Takes the lock, alone or together with others of the same mode. A predecessor may be just
    /// closing, so it waits for `patience`.
    pub(crate) fn acquire(
        database: &Path,
        mode: SqliteMode,
        patience: Duration,
    ) -> Result<Self, ProviderError> {
        let mut name = OsString::from(database);
        name.push("-lock");
        let path = Path::new(&name);
        let unusable = |cause: std::io::Error| {
            config(format!(
                "the lock file `{}` cannot be used; check the rights to the directory",
                path.display()
            ))
            .with_source(cause)
        };
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(unusable)?;
        let mut waited = Duration::ZERO;
        loop {
            let outcome = match mode {
                SqliteMode::SingleProcess => file.try_lock(),
                SqliteMode::MultiProcess => file.try_lock_shared(),
            };
            match outcome {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
                Err(TryLockError::WouldBlock) if waited >= patience => {
                    return Err(in_use(database, mode));
                }
                // This is a thread of its own, so that nothing but the opening waits.
                Err(TryLockError::WouldBlock) => std::thread::park_timeout(RETRY_EVERY),
            }
            waited += RETRY_EVERY;
        }
    }
}

fn in_use(database: &Path, mode: SqliteMode) -> ProviderError {
    let database = database.display();
    config(match mode {
        SqliteMode::SingleProcess => format!(
            "another process has the database `{database}` open, or a provider of this one that is \
             set up for several; close it there first, or let every process open it with \
             `SqliteOptions::default().mode(SqliteMode::MultiProcess)`"
        ),
        SqliteMode::MultiProcess => format!(
            "another process has the database `{database}` open in `SqliteMode::SingleProcess`, the \
             default; let every process open it with \
             `SqliteOptions::default().mode(SqliteMode::MultiProcess)`"
        ),
    })
}
