//! The errors, each made in one place, and what SQLite's errors mean.

use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, ProviderError};
use rusqlite::{ErrorCode, ffi};

/// Why an operation within a transaction ended.
#[derive(Debug)]
pub(crate) enum Fault {
    /// A guard refused it before it wrote anything.
    Refused(ProviderError),
    /// SQLite failed, and the transaction with it.
    Store(rusqlite::Error),
}

/// What an operation within a transaction answers.
pub(crate) type Applied<T> = Result<T, Fault>;

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error)
    }
}

impl From<ProviderError> for Fault {
    fn from(error: ProviderError) -> Self {
        Self::Refused(error)
    }
}

/// How far a transaction came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It did not begin.
    Begin,
    /// One of its statements failed.
    Statement,
    /// It was complete, and its commit failed.
    Commit,
}

/// A transaction that failed, for each of those who had a part in it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    cause: Arc<rusqlite::Error>,
}

impl Failure {
    pub(crate) fn new(stage: Stage, cause: rusqlite::Error) -> Self {
        Self {
            stage,
            cause: Arc::new(cause),
        }
    }

    /// Whether the connection must be replaced.
    pub(crate) fn breaks_connection(&self) -> bool {
        breaks_connection(&self.cause)
    }

    /// The error for one part; `is_durable` says whether repeating that part tells what became of
    /// it (ERR-02).
    pub(crate) fn error(&self, operation: &'static str, is_durable: bool) -> ProviderError {
        // These come before the record of the commit is written. After any other error the next
        // opener may find it whole.
        let is_certain = matches!(
            self.cause.sqlite_error_code(),
            Some(ErrorCode::DiskFull | ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
        );
        if self.stage == Stage::Commit && is_durable && !is_certain {
            return ProviderError::new(
                ErrorKind::CommitUnknown,
                operation,
                "the commit failed, and may or may not be stored; repeat it",
            )
            .with_source(Arc::clone(&self.cause));
        }
        let (kind, message) = meaning(&self.cause);
        ProviderError::new(kind, operation, message).with_source(Arc::clone(&self.cause))
    }
}

/// Whether the connection may have lost track of its files: after a failed synchronisation the
/// operating system may report success for data that it has dropped.
pub(crate) fn breaks_connection(cause: &rusqlite::Error) -> bool {
    matches!(
        cause.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// The error of an operation outside a transaction.
pub(crate) fn of_store(operation: &'static str, cause: rusqlite::Error) -> ProviderError {
    Failure::new(Stage::Statement, cause).error(operation, false)
}

/// What an error of SQLite means when nothing was committed, and what to do about it.
fn meaning(cause: &rusqlite::Error) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Corrupt, InvalidInput, LimitExceeded, Unavailable, Unexpected};
    let Some(code) = cause.sqlite_error_code() else {
        return if matches!(cause, rusqlite::Error::ToSqlConversionFailure(_)) {
            (InvalidInput, "a number is beyond what SQLite can hold")
        } else {
            (
                Corrupt,
                "a row cannot be understood; restore the database from a backup",
            )
        };
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every code that is not listed means a bug"
    )]
    match code {
        ErrorCode::DatabaseBusy
        | ErrorCode::DatabaseLocked
        | ErrorCode::FileLockingProtocolFailed => (
            Unavailable,
            "another process has the database locked; try again, or raise `busy_timeout`",
        ),
        ErrorCode::DiskFull => (
            Unavailable,
            "the disk is full; free some space and try again",
        ),
        ErrorCode::SystemIoFailure => (
            Unavailable,
            "the disk failed; look at the system's log, then try again",
        ),
        ErrorCode::OutOfMemory | ErrorCode::OperationInterrupted | ErrorCode::OperationAborted => {
            (Unavailable, "SQLite gave up; try again")
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => (
            Config,
            "the database cannot be opened; check the path and the rights to it",
        ),
        ErrorCode::ReadOnly if is_moved(cause) => (
            Unavailable,
            "the database was deleted, moved or replaced while it was open; put it back, or close \
             the provider and open it again",
        ),
        ErrorCode::ReadOnly => (
            Config,
            "the database cannot be written; check the rights to the file and its directory",
        ),
        ErrorCode::NotADatabase => (Config, "the file is no SQLite database; choose another one"),
        ErrorCode::DatabaseCorrupt => (
            Corrupt,
            "the database is damaged; restore it from a backup, or run `.recover` of sqlite3",
        ),
        ErrorCode::ConstraintViolation => (
            InvalidInput,
            "a new activity has the id of another one; number them by their events",
        ),
        ErrorCode::TooBig => (
            LimitExceeded,
            "a value is larger than SQLite stores; commit less",
        ),
        _ => (Unexpected, "SQLite reported a misuse; report this as a bug"),
    }
}

/// Whether the file is another one than was opened.
fn is_moved(cause: &rusqlite::Error) -> bool {
    let error = cause.sqlite_error();
    error.is_some_and(|error| error.extended_code == ffi::SQLITE_READONLY_DBMOVED)
}

pub(crate) use duroxide_core::providers::refusal::{
    activity_key_taken, activity_lease_lost, already_exists, closed, control_full, ended, invalid,
    mailbox_full, not_found, position_conflict, turn_lease_lost,
};

pub(crate) fn config(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Config, "open", message.into())
}

/// The thread that had the request ended without an answer, which it does only by a bug.
pub(crate) fn abandoned(operation: &'static str, is_durable: bool) -> ProviderError {
    let kind = if is_durable {
        ErrorKind::CommitUnknown
    } else {
        ErrorKind::Unavailable
    };
    ProviderError::new(
        kind,
        operation,
        "the database thread ended without an answer; open another provider, and report this as \
         a bug",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(stage: Stage, code: i32) -> Failure {
        let cause = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
        Failure::new(stage, cause)
    }

    #[test]
    fn only_an_error_of_the_commit_itself_leaves_a_doubt() {
        let synchronise = ffi::SQLITE_IOERR_FSYNC;
        for (stage, code, is_durable, expected) in [
            (Stage::Commit, synchronise, true, ErrorKind::CommitUnknown),
            (Stage::Commit, synchronise, false, ErrorKind::Unavailable),
            (
                Stage::Commit,
                ffi::SQLITE_NOMEM,
                true,
                ErrorKind::CommitUnknown,
            ),
            (Stage::Statement, synchronise, true, ErrorKind::Unavailable),
            (
                Stage::Commit,
                ffi::SQLITE_FULL,
                true,
                ErrorKind::Unavailable,
            ),
            (Stage::Begin, ffi::SQLITE_BUSY, true, ErrorKind::Unavailable),
            (
                Stage::Statement,
                ffi::SQLITE_CORRUPT,
                true,
                ErrorKind::Corrupt,
            ),
            (Stage::Begin, ffi::SQLITE_READONLY, true, ErrorKind::Config),
        ] {
            let error = failure(stage, code).error("commit", is_durable);
            assert_eq!(error.kind(), expected, "{stage:?} {code}");
        }
    }

    #[test]
    fn a_failed_synchronisation_breaks_the_connection_and_a_full_disk_does_not() {
        assert!(failure(Stage::Commit, ffi::SQLITE_IOERR_FSYNC).breaks_connection());
        assert!(!failure(Stage::Commit, ffi::SQLITE_FULL).breaks_connection());
    }
}
