//! A SQLite file in the folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use rusqlite::{Connection, OpenFlags};

use crate::Failure;

pub(super) fn name(mode: SqliteMode) -> &'static str {
    match mode {
        SqliteMode::MultiProcess => "multi_process",
        _ => "single_process",
    }
}

fn database(directory: &Path) -> PathBuf {
    directory.join("torture.db")
}

pub(super) async fn open(directory: &Path, mode: SqliteMode) -> Result<Arc<dyn Provider>, Failure> {
    let url = format!("sqlite:{}", database(directory).display());
    let options = SqliteOptions::default().mode(mode);
    Ok(Arc::new(SqliteProvider::new(&url, Some(options)).await?))
}

/// The database itself is sound.
pub(super) fn check_file(directory: &Path) -> Result<(), Failure> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    let database = Connection::open_with_flags(database(directory), flags)?;
    let verdict: String = database.query_row("PRAGMA integrity_check", [], |row| row.get(0))?;
    if verdict == "ok" {
        Ok(())
    } else {
        Err(format!("the database is damaged: {verdict}").into())
    }
}
