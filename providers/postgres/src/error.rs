//! The errors, each made in one place, and what the server's errors mean.

use std::io;
use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, ProviderError};
use sqlx::postgres::{PgConnectOptions, PgDatabaseError, PgSeverity};

use crate::location;
use crate::read::Reply;
use crate::sqlstate;

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was not sent.
    Connect,
    /// The server answered that it failed, so that its transaction was rolled back.
    Answered,
    /// It was sent, and there was no answer.
    Lost,
}

/// A call that failed, for each of those who had a part in it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    cause: Arc<sqlx::Error>,
    /// To whom no connection could be made.
    server: Option<Arc<str>>,
}

impl Failure {
    pub(crate) fn connect(cause: sqlx::Error, to: &PgConnectOptions) -> Self {
        Self {
            stage: Stage::Connect,
            cause: Arc::new(cause),
            server: Some(location::server(to).into()),
        }
    }

    /// The failure of a call that was sent.
    pub(crate) fn of_call(cause: sqlx::Error) -> Self {
        let is_answer = matches!(
            cause,
            sqlx::Error::Database(_) | sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_)
        );
        Self {
            // A server that ends a connection, or itself, may have committed before.
            stage: if is_answer && !ends_connection(&cause) {
                Stage::Answered
            } else {
                Stage::Lost
            },
            cause: Arc::new(cause),
            server: None,
        }
    }

    fn code(&self) -> Option<&str> {
        code_of(&self.cause)
    }

    /// Whether the connection must be replaced.
    pub(crate) fn breaks_connection(&self) -> bool {
        self.stage != Stage::Answered
            // A former primary refuses writes; another connection may lead to the new one. Plans that
            // a migration has made stale go with their connection.
            || matches!(self.code(), Some("25006" | "0A000" | "26000"))
            || self.code().is_some_and(|code| code.starts_with("08"))
    }

    /// Whether the same call may succeed at once: two transactions were in each other's way.
    pub(crate) fn is_conflict(&self) -> bool {
        self.stage == Stage::Answered && matches!(self.code(), Some("40001" | "40P01" | "0A000"))
    }

    /// The error for one who had a part in the call; `is_durable` says whether repeating that part
    /// tells what became of it (ERR-02).
    pub(crate) fn error(&self, operation: &'static str, is_durable: bool) -> ProviderError {
        let (kind, message) = if self.stage == Stage::Lost && is_durable {
            (
                ErrorKind::CommitUnknown,
                "the connection to the server was lost before it answered, so that the commit may \
                 or may not be stored; repeat it",
            )
        } else if self.stage == Stage::Connect && is_damaged(&self.cause) {
            (ErrorKind::Config, NO_TLS)
        } else {
            meaning(&self.cause)
        };
        let mut error = ProviderError::new(kind, operation, message);
        if let Some(code) = self.code() {
            error = error.with_context("sqlstate", code);
        }
        if let Some(server) = &self.server {
            error = error.with_context("server", server);
            // What the system says of a connection, such as that it is refused.
            if let sqlx::Error::Io(cause) = &*self.cause {
                error = error.with_context("cause", cause);
            }
        }
        error.with_source(Arc::clone(&self.cause))
    }
}

/// What the driver makes of a certificate that is refused.
fn is_damaged(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::Io(cause) if cause.kind() == io::ErrorKind::InvalidData)
}

fn code_of(cause: &sqlx::Error) -> Option<&str> {
    Some(answer_of(cause)?.code())
}

fn answer_of(cause: &sqlx::Error) -> Option<&PgDatabaseError> {
    cause.as_database_error()?.try_downcast_ref()
}

/// Whether this answer is the last one of its connection. One of a server that cannot write its log
/// has the code of the full disk, and no other sign than its severity.
fn ends_connection(cause: &sqlx::Error) -> bool {
    answer_of(cause).is_some_and(|answer| {
        matches!(answer.severity(), PgSeverity::Fatal | PgSeverity::Panic)
            || answer.code().starts_with("57P")
    })
}

/// The error of a call that commits nothing.
pub(crate) fn of_store(operation: &'static str, cause: sqlx::Error) -> ProviderError {
    Failure::of_call(cause).error(operation, false)
}

/// The error of a row that cannot be understood.
pub(crate) fn of_row(operation: &'static str, cause: sqlx::Error) -> ProviderError {
    let (kind, message) = meaning(&cause);
    ProviderError::new(kind, operation, message).with_source(cause)
}

/// The error of a call in which several had a part.
pub(crate) fn send_each<T>(
    replies: impl IntoIterator<Item = Reply<T>>,
    error: &Arc<ProviderError>,
) {
    for reply in replies {
        reply.send(Err(again(error))).ok();
    }
}

/// The error of a call for each of its members.
pub(crate) fn for_each<T>(error: ProviderError, count: usize) -> Vec<Result<T, ProviderError>> {
    let error = Arc::new(error);
    (0..count).map(|_| Err(again(&error))).collect()
}

/// The same error once more.
fn again(error: &Arc<ProviderError>) -> ProviderError {
    let same = ProviderError::new(error.kind(), error.operation(), error.message().to_owned());
    same.with_source(Arc::clone(error))
}

const NO_TLS: &str = "no TLS connection can be made; see `sslmode` in the URL, and whether the \
    server's certificate is for this host and leads to `tls_root_certificate`";

/// What an error means when nothing was committed, and what to do about it.
fn meaning(cause: &sqlx::Error) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Corrupt, Unavailable, Unexpected};
    if let Some(code) = code_of(cause) {
        let is_key = cause.as_database_error().and_then(|it| it.constraint());
        return sqlstate::meaning(code, is_key == Some("activity_key"));
    }
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "every error that is not listed means a bug"
    )]
    match cause {
        sqlx::Error::Tls(_) => (Config, NO_TLS),
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => (
            Unavailable,
            "the server cannot be reached; see that it runs and that the host and the port of the \
             URL are its own",
        ),
        sqlx::Error::PoolTimedOut => (
            Unavailable,
            "the server did not answer in time; see that it runs and is reachable, or raise \
             `connect_timeout` or `statement_timeout`",
        ),
        sqlx::Error::Configuration(_) => (
            Config,
            "the connection is set up wrongly; see the URL and the files that it names",
        ),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => (
            Corrupt,
            "a row cannot be understood; restore the database from a backup",
        ),
        _ => (
            Unexpected,
            "the driver reported a misuse; report this as a bug",
        ),
    }
}

pub(crate) use duroxide_core::providers::refusal::{
    activity_key_taken, activity_lease_lost, already_exists, closed, control_full, ended, invalid,
    limit_exceeded, mailbox_full, not_ended, not_found, position_conflict, turn_lease_lost,
};

pub(crate) fn config(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Config, "open", message.into())
}

/// The task that had the request ended without an answer, which it does only by a bug.
pub(crate) fn abandoned(operation: &'static str, is_durable: bool) -> ProviderError {
    let kind = if is_durable {
        ErrorKind::CommitUnknown
    } else {
        ErrorKind::Unavailable
    };
    ProviderError::new(
        kind,
        operation,
        "the thread of the provider ended without an answer; open another provider, and report this \
         as a bug",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> sqlx::Error {
        sqlx::Error::Io(io::Error::from(io::ErrorKind::UnexpectedEof))
    }

    #[test]
    fn only_a_commit_that_was_sent_and_not_answered_is_in_doubt() {
        for (failure, is_durable, expected) in [
            (Failure::of_call(lost()), true, ErrorKind::CommitUnknown),
            (Failure::of_call(lost()), false, ErrorKind::Unavailable),
            (
                Failure::connect(lost(), &PgConnectOptions::new_without_pgpass()),
                true,
                ErrorKind::Unavailable,
            ),
        ] {
            let error = failure.error("commit", is_durable);
            assert_eq!(error.kind(), expected);
            assert!(error.is_retryable() && failure.breaks_connection());
        }
    }
}
