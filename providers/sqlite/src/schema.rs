//! The schema, and what a file must be to be opened.

use duroxide_core::providers::ProviderError;
use rusqlite::Connection;

use crate::error::{config, of_store};

/// `drox`, so that tools and other programs can tell whose file this is.
const APPLICATION_ID: i64 = 0x6472_6f78;

/// Each brings the schema to the version of its number.
const MIGRATIONS: [&str; 1] = [include_str!("../migrations/0001.sql")];

/// The version that this program reads and writes.
pub(crate) const VERSION: usize = MIGRATIONS.len();

/// Brings an empty or older database to the current schema, and refuses every other.
pub(crate) fn migrate(connection: &Connection) -> Result<(), ProviderError> {
    if version(connection)? == VERSION {
        return Ok(());
    }
    let failed = |cause| of_store("open", cause);
    connection
        .execute_batch("BEGIN IMMEDIATE")
        .map_err(failed)?;
    let outcome = migrate_locked(connection);
    let end = if outcome.is_ok() {
        "COMMIT"
    } else {
        "ROLLBACK"
    };
    connection.execute_batch(end).map_err(failed)?;
    outcome
}

fn migrate_locked(connection: &Connection) -> Result<(), ProviderError> {
    let failed = |cause| of_store("open", cause);
    // Another process may have been faster.
    let from = version(connection)?;
    for migration in MIGRATIONS.iter().skip(from) {
        connection.execute_batch(migration).map_err(failed)?;
    }
    connection
        .pragma_update(None, "application_id", APPLICATION_ID)
        .and_then(|()| connection.pragma_update(None, "user_version", VERSION))
        .map_err(failed)
}

/// The version of the schema, 0 for an empty file. Reads only, so that another program's file is
/// left as it is.
pub(crate) fn version(connection: &Connection) -> Result<usize, ProviderError> {
    let number = |sql: &str| {
        connection
            .query_row(sql, [], |row| row.get::<_, i64>(0))
            .map_err(|cause| of_store("open", cause))
    };
    let application_id = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let table_count = number("SELECT count(*) FROM sqlite_schema")?;
    if application_id == 0 && version == 0 && table_count == 0 {
        return Ok(0);
    }
    if application_id != APPLICATION_ID {
        return Err(config(
            "the database belongs to another program; choose another file",
        ));
    }
    match usize::try_from(version) {
        Ok(version) if (1..=VERSION).contains(&version) => Ok(version),
        _ => Err(config(format!(
            "the database was written by a newer duroxide: its schema has version {version}, this \
             program knows {VERSION}; update duroxide"
        ))),
    }
}
