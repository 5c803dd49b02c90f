//! Which file a path leads to: one that was deleted or replaced is still open, and what is written
//! to it is gone with the process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use rusqlite::ffi;

/// The files that a connection has open, the database and its log.
#[derive(Debug)]
pub(crate) struct OpenFiles {
    files: Vec<(PathBuf, Option<FileId>)>,
}

impl OpenFiles {
    /// Those that the database's path leads to now.
    pub(crate) fn of(database: Option<&Path>) -> Self {
        let paths = database.into_iter().flat_map(|database| {
            let mut log = OsString::from(database);
            log.push("-wal");
            [database.to_path_buf(), PathBuf::from(log)]
        });
        let files = paths.map(|path| {
            let id = FileId::of(&path);
            (path, id)
        });
        Self {
            files: files.collect(),
        }
    }

    /// Checks that the paths still lead to the same files.
    ///
    /// # Errors
    /// SQLite's own for a database that was moved, which it does not look for under a log.
    pub(crate) fn check(&self) -> rusqlite::Result<()> {
        let is_moved = |(path, id): &(PathBuf, Option<FileId>)| {
            id.is_some_and(|id| FileId::of(path) != Some(id))
        };
        if self.files.iter().any(is_moved) {
            let error = ffi::Error::new(ffi::SQLITE_READONLY_DBMOVED);
            return Err(rusqlite::Error::SqliteFailure(error, None));
        }
        Ok(())
    }
}

/// A file, whatever path leads to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    #[cfg(unix)]
    pub(crate) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
        })
    }

    /// Elsewhere a file that is open cannot be deleted or replaced.
    #[cfg(not(unix))]
    pub(crate) fn of(_path: &Path) -> Option<Self> {
        None
    }
}
