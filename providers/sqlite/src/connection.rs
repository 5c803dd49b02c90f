//! Opening connections, and reading back what their promises rest on.

use std::path::Path;
use std::time::Duration;

use duroxide_core::providers::{Durability, ProviderError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::{config, of_store};
use crate::location::Location;
use crate::options::{SqliteOptions, Synchronous};
use crate::schema;

/// The first version without the corruption by a WAL that is reset while another connection
/// writes.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

pub(crate) const PAGE_BYTES: u64 = 4_096;

/// Opens the connection that writes, creating and migrating the database if need be.
pub(crate) fn open_writer(
    location: &Location,
    options: &SqliteOptions,
) -> Result<Connection, ProviderError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(config(format!(
            "SQLite {} can damage databases of this kind; build with 3.51.3 or newer",
            rusqlite::version()
        )));
    }
    let failed = |cause| of_store("open", cause);
    let connection = connect(location, options).map_err(failed)?;
    schema::version(&connection)?;
    configure(&connection, location, options).map_err(failed)?;
    let journal_mode = journal_mode(&connection).map_err(failed)?;
    if location.path().is_some() && !journal_mode.eq_ignore_ascii_case("wal") {
        return Err(config(format!(
            "the file system of the database allows no write-ahead log but `{journal_mode}`; use \
             a local disk"
        )));
    }
    schema::migrate(&connection)?;
    Ok(connection)
}

/// Opens the connection that writes once more, after the first one has failed.
pub(crate) fn reopen_writer(
    location: &Location,
    options: &SqliteOptions,
) -> rusqlite::Result<Connection> {
    let connection = connect(location, options)?;
    configure(&connection, location, options)?;
    Ok(connection)
}

fn connect(location: &Location, options: &SqliteOptions) -> rusqlite::Result<Connection> {
    let connection = match location {
        Location::Memory => Connection::open_in_memory()?,
        Location::File { path, may_create } => {
            let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            flags.set(OpenFlags::SQLITE_OPEN_CREATE, *may_create);
            Connection::open_with_flags(path, flags)?
        }
    };
    connection.busy_timeout(options.busy_timeout)?;
    Ok(connection)
}

/// Sets everything a connection can be told.
fn configure(
    connection: &Connection,
    location: &Location,
    options: &SqliteOptions,
) -> rusqlite::Result<()> {
    keep_plans(connection)?;
    connection.execute_batch(&format!(
        "PRAGMA page_size = {PAGE_BYTES};
         PRAGMA foreign_keys = OFF;
         PRAGMA cache_size = -65536;
         PRAGMA temp_store = MEMORY;
         PRAGMA fullfsync = ON;
         PRAGMA checkpoint_fullfsync = ON;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA journal_size_limit = 67108864;
         {};",
        set_synchronous(options.synchronous)
    ))?;
    match location {
        Location::Memory => Ok(()),
        Location::File { .. } => use_log(connection),
    }
}

/// Lets each statement keep its plan, whatever values it is given. Otherwise one with a parameter as its
/// LIMIT is parsed again each time it runs, since its plan might depend on that value
/// (SQLITE_DBCONFIG_ENABLE_QPSG).
fn keep_plans(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA journal_mode = WAL")?;
    let mut rows = statement.query([])?;
    // The answer `wal` comes before the commit that makes it true and that can fail.
    while rows.next()?.is_some() {}
    Ok(())
}

fn journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))
}

/// Opens a connection that only reads. The writer's must be open.
pub(crate) fn open_reader(
    path: &Path,
    busy_timeout: Duration,
) -> Result<Connection, ProviderError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags)
        .and_then(|connection| {
            connection.busy_timeout(busy_timeout)?;
            keep_plans(&connection)?;
            connection.execute_batch(
                "PRAGMA cache_size = -8192;
                 PRAGMA temp_store = MEMORY;",
            )?;
            Ok(connection)
        })
        .map_err(|cause| of_store("open", cause))
}

/// The statement that chooses what a commit waits for. It must run outside a transaction.
pub(crate) fn set_synchronous(level: Synchronous) -> String {
    let level = match level {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
    };
    format!("PRAGMA synchronous = {level}")
}

/// What an acknowledged commit survives, as the connection itself says (DUR-02).
pub(crate) fn read_durability(
    connection: &Connection,
    location: &Location,
) -> Result<Durability, ProviderError> {
    const FULL: i64 = 2;
    if location.path().is_none() {
        return Ok(Durability::Volatile);
    }
    let level: i64 = connection
        .query_row("PRAGMA synchronous", [], |row| row.get(0))
        .map_err(|cause| of_store("open", cause))?;
    Ok(if level >= FULL {
        Durability::PowerLoss
    } else {
        Durability::ProcessCrash
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// How often a statement is parsed again when it runs with one limit after another.
    fn parsed_again(connection: &Connection) -> i32 {
        let sql = "SELECT ino FROM instance WHERE claim_at <= ?1 ORDER BY claim_at LIMIT ?2";
        let mut statement = connection.prepare(sql).unwrap();
        for limit in 1..4 {
            assert!(!statement.exists([7, limit]).unwrap());
        }
        statement.get_status(StatementStatus::RePrepare)
    }

    #[test]
    fn no_statement_is_parsed_again_for_its_values() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("plans.db");
        let location = Location::File {
            path: path.clone(),
            may_create: true,
        };
        let options = SqliteOptions::default();
        let writer = open_writer(&location, &options).unwrap();
        assert_eq!(parsed_again(&writer), 0);
        let reader = open_reader(&path, Duration::ZERO).unwrap();
        assert_eq!(parsed_again(&reader), 0);
        drop(writer);
        let reopened = reopen_writer(&location, &options).unwrap();
        assert_eq!(parsed_again(&reopened), 0);
    }

    fn number(connection: &Connection, pragma: &str) -> i64 {
        let sql = format!("PRAGMA {pragma}");
        connection.query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    #[test]
    fn the_pragmas_read_back_as_they_were_set() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::File {
            path: directory.path().join("pragmas.db"),
            may_create: true,
        };
        for (synchronous, level, durability) in [
            (Synchronous::Full, 2, Durability::PowerLoss),
            (Synchronous::Normal, 1, Durability::ProcessCrash),
        ] {
            let options = SqliteOptions::default().synchronous(synchronous);
            let connection = open_writer(&location, &options).unwrap();
            for (pragma, expected) in [
                ("synchronous", level),
                ("page_size", 4_096),
                ("foreign_keys", 0),
                ("cache_size", -65_536),
                ("temp_store", 2),
                ("wal_autocheckpoint", 0),
                ("journal_size_limit", 67_108_864),
                ("busy_timeout", 5_000),
                ("user_version", 1),
                ("fullfsync", 1),
            ] {
                assert_eq!(number(&connection, pragma), expected, "{pragma}");
            }
            assert_eq!(read_durability(&connection, &location).unwrap(), durability);
        }
    }
}
