//! The errors, each made in one place.

use std::io;
use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, InstanceId, ProviderError};
use redis::RedisError;

use crate::meaning::{
    CLOSED_AT_GREETING, UNCONFIRMED, UNCOVERED, UNREACHABLE, UNREACHABLE_SOCKET, is_torn_answer,
    meaning, of_system,
};

/// How far a call came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It was not sent.
    Connect,
    /// The server answered that it refuses, and has changed nothing.
    Answered,
    /// It was sent, and there was no answer.
    Lost,
}

/// A call that failed, for each of those who had a part in it.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) stage: Stage,
    cause: Cause,
    /// Which server was meant.
    server: Arc<str>,
}

#[derive(Debug, Clone)]
enum Cause {
    Redis(RedisError),
    /// The answer is not what the script gives.
    Damaged(Arc<str>),
    /// The callback that knows the password failed.
    Credentials(Arc<str>),
    /// No server of the Cluster has the partition.
    Uncovered,
    /// A sentinel knows no primary of the name in the URL.
    UnknownPrimary,
    /// The URL names a server in the place of a sentinel.
    NotASentinel,
    /// A sentinel wants a password of its own.
    LockedSentinel,
    /// Fewer replicas have it than were asked for.
    Unconfirmed(Option<RedisError>),
    Closed,
    /// The thread ended.
    Abandoned,
}

impl Failure {
    pub(crate) fn connect(cause: RedisError, server: &Arc<str>) -> Self {
        let cause = Cause::Redis(without_arguments(cause));
        Self::new(Stage::Connect, cause, server)
    }

    /// The failure of a call that was sent.
    pub(crate) fn of_call(cause: RedisError, server: &Arc<str>) -> Self {
        let is_answer = matches!(
            cause.kind(),
            redis::ErrorKind::Server(_) | redis::ErrorKind::Extension
        );
        let stage = if is_answer && !is_of_running(&cause) {
            Stage::Answered
        } else {
            Stage::Lost
        };
        Self::new(stage, Cause::Redis(without_arguments(cause)), server)
    }

    #[expect(
        clippy::needless_pass_by_value,
        reason = "it is what a failed decoding is mapped by"
    )]
    pub(crate) fn damaged(why: impl ToString, server: &Arc<str>) -> Self {
        let cause = Cause::Damaged(why.to_string().into());
        Self::new(Stage::Lost, cause, server)
    }

    pub(crate) fn credentials(why: &impl ToString, server: &Arc<str>) -> Self {
        let cause = Cause::Credentials(why.to_string().into());
        Self::new(Stage::Connect, cause, server)
    }

    pub(crate) fn unanswered(server: &Arc<str>) -> Self {
        let cause = io::Error::from(io::ErrorKind::TimedOut);
        Self::connect(cause.into(), server)
    }

    pub(crate) fn uncovered(server: &Arc<str>) -> Self {
        Self::new(Stage::Connect, Cause::Uncovered, server)
    }

    pub(crate) fn unknown_primary(sentinel: &Arc<str>) -> Self {
        Self::new(Stage::Connect, Cause::UnknownPrimary, sentinel)
    }

    pub(crate) fn not_a_sentinel(server: &Arc<str>) -> Self {
        Self::new(Stage::Connect, Cause::NotASentinel, server)
    }

    pub(crate) fn locked_sentinel(sentinel: &Arc<str>) -> Self {
        Self::new(Stage::Connect, Cause::LockedSentinel, sentinel)
    }

    /// A commit that too few replicas have; `cause` is why that cannot be told, if it cannot.
    pub(crate) fn unconfirmed(cause: Option<RedisError>, server: &Arc<str>) -> Self {
        let cause = cause.map(without_arguments);
        Self::new(Stage::Lost, Cause::Unconfirmed(cause), server)
    }

    pub(crate) fn closed(server: &Arc<str>) -> Self {
        Self::new(Stage::Connect, Cause::Closed, server)
    }

    pub(crate) fn abandoned(server: &Arc<str>) -> Self {
        Self::new(Stage::Lost, Cause::Abandoned, server)
    }

    fn new(stage: Stage, cause: Cause, server: &Arc<str>) -> Self {
        Self {
            stage,
            cause,
            server: Arc::clone(server),
        }
    }

    /// The first word of the server's answer.
    fn code(&self) -> Option<&str> {
        match &self.cause {
            Cause::Redis(cause) => cause.code(),
            Cause::Damaged(_)
            | Cause::Credentials(_)
            | Cause::Uncovered
            | Cause::UnknownPrimary
            | Cause::NotASentinel
            | Cause::LockedSentinel
            | Cause::Unconfirmed(_)
            | Cause::Closed
            | Cause::Abandoned => None,
        }
    }

    /// Whether the connection must be replaced: it is gone, or leads to a server that does not write any
    /// more.
    pub(crate) fn breaks_connection(&self) -> bool {
        self.stage != Stage::Answered
            || matches!(
                self.code(),
                Some("READONLY" | "NOAUTH" | "MASTERDOWN" | "LOADING" | "WRONGPASS")
            )
    }

    /// Where a server says that the partition is: the host, which is its own where none is told, and the port.
    pub(crate) fn moved_to(&self) -> Option<(&str, u16)> {
        let Cause::Redis(cause) = &self.cause else {
            return None;
        };
        if self.stage != Stage::Answered || cause.code() != Some("MOVED") {
            return None;
        }
        let (address, _) = cause.redirect_node()?;
        let (host, port) = address.rsplit_once(':')?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Some((host, port.parse().ok()?))
    }

    /// Whether the partition's keys are on their way to another server. The script was not called: its only
    /// declared key never exists, which is all that the server looks at.
    pub(crate) fn is_being_moved(&self) -> bool {
        self.stage == Stage::Answered && matches!(self.code(), Some("ASK" | "TRYAGAIN"))
    }

    /// Whether the partition may be at another server by now.
    pub(crate) fn puts_place_in_doubt(&self) -> bool {
        const CODES: [&str; 5] = ["MOVED", "CLUSTERDOWN", "READONLY", "MASTERDOWN", "LOADING"];
        self.stage != Stage::Answered || self.code().is_some_and(|code| CODES.contains(&code))
    }

    /// Whether the server has not been told a password, which it wants.
    pub(crate) fn lacks_password(&self) -> bool {
        self.code() == Some("NOAUTH")
    }

    /// Whether the user may not use the key that was named.
    pub(crate) fn is_of_denied_key(&self) -> bool {
        matches!(&self.cause, Cause::Redis(cause) if cause.code() == Some("NOPERM")
            && cause.detail().is_some_and(|it| it.contains("key")))
    }

    /// Whether the server is reached by a socket of this machine: its name is a path.
    fn is_of_socket(&self) -> bool {
        self.server.starts_with('/')
    }

    /// Whether the connection ended before the server said a word.
    fn is_of_greeting(&self) -> bool {
        let Cause::Redis(cause) = &self.cause else {
            return false;
        };
        let is_closed = matches!(
            of_system(cause).map(io::Error::kind),
            Some(
                io::ErrorKind::UnexpectedEof
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::ConnectionAborted
                    | io::ErrorKind::BrokenPipe
            )
        );
        self.stage == Stage::Connect && (is_closed || is_torn_answer(cause))
    }

    /// What it means that there is no connection.
    fn unreachable(&self) -> &'static str {
        match (self.is_of_socket(), self.is_of_greeting()) {
            (true, _) => UNREACHABLE_SOCKET,
            (false, true) => CLOSED_AT_GREETING,
            (false, false) => UNREACHABLE,
        }
    }

    /// Whether the server has forgotten the script, which it does when it restarts.
    pub(crate) fn is_unknown_script(&self) -> bool {
        self.code() == Some("NOSCRIPT")
    }

    /// The error for one who had a part in the call; `is_durable` says whether repeating that part
    /// tells what became of it (ERR-02).
    pub(crate) fn error(&self, operation: &'static str, is_durable: bool) -> ProviderError {
        if matches!(self.cause, Cause::Closed) {
            return closed(operation);
        }
        let (kind, message) = if matches!(&self.cause, Cause::Redis(it) if is_of_running(it)) {
            let kind = if is_durable {
                ErrorKind::CommitUnknown
            } else {
                ErrorKind::Corrupt
            };
            (kind, BROKEN_SCRIPT)
        } else if matches!(self.cause, Cause::Unconfirmed(_)) && is_durable {
            (ErrorKind::CommitUnknown, UNCONFIRMED)
        } else if self.stage == Stage::Lost && is_durable {
            (
                ErrorKind::CommitUnknown,
                "the connection to the server was lost before it answered, so that the commit may \
                 or may not be stored; repeat it",
            )
        } else {
            self.meaning()
        };
        let error =
            ProviderError::new(kind, operation, message).with_context("server", &self.server);
        match &self.cause {
            Cause::Redis(cause) => {
                let error = match (cause.code(), cause.detail()) {
                    (Some(code), Some(detail)) => {
                        error.with_context("answer", format!("{code} {detail}"))
                    }
                    (Some(code), None) => error.with_context("answer", code),
                    // It tells of the system, and holds nothing of the URL.
                    (None, _) => match of_system(cause) {
                        Some(why) => error.with_context("cause", why),
                        None if self.is_of_greeting() => {
                            error.with_context("cause", "the connection was closed at the greeting")
                        }
                        None => error,
                    },
                };
                error.with_source(cause.clone())
            }
            Cause::Unconfirmed(Some(cause)) => error.with_source(cause.clone()),
            Cause::Damaged(why) | Cause::Credentials(why) => error.with_context("cause", why),
            Cause::Uncovered
            | Cause::UnknownPrimary
            | Cause::NotASentinel
            | Cause::LockedSentinel
            | Cause::Unconfirmed(None)
            | Cause::Closed
            | Cause::Abandoned => error,
        }
    }

    /// What it means when nothing was committed, and what to do about it.
    fn meaning(&self) -> (ErrorKind, &'static str) {
        match &self.cause {
            Cause::Redis(cause) => meaning(cause, self.unreachable()),
            Cause::Damaged(_) => (
                ErrorKind::Corrupt,
                "the answer cannot be understood: another program writes under this key prefix, or a \
                 newer version of this one; choose another prefix, or upgrade",
            ),
            Cause::Credentials(_) => (
                ErrorKind::Unavailable,
                "the callback that tells the user and the password failed; see its error",
            ),
            Cause::Uncovered => (ErrorKind::Unavailable, UNCOVERED),
            Cause::UnknownPrimary => (
                ErrorKind::Unavailable,
                "the sentinel knows no primary of the name in the URL; see `SENTINEL MASTERS`, and that all \
                 sentinels of the URL watch the same one",
            ),
            Cause::Unconfirmed(_) => (ErrorKind::Unavailable, UNCONFIRMED),
            Cause::NotASentinel => (
                ErrorKind::Config,
                "it is no sentinel, but a server; connect to that by redis://, or name the sentinels, whose port is \
                 26379 by default",
            ),
            Cause::LockedSentinel => (
                ErrorKind::Config,
                "the sentinel wants a password of its own, which is not supported; the login in the URL is that of \
                 the servers",
            ),
            Cause::Closed | Cause::Abandoned => (
                ErrorKind::Unavailable,
                "the thread of the provider ended without an answer; open another provider, and \
                 report this as a bug",
            ),
        }
    }
}

/// An error of the server that repeats none of the arguments: to a command that it does not know it
/// answers with them, and a password may be among them.
fn without_arguments(cause: RedisError) -> RedisError {
    const ARGUMENTS: &str = ", with args beginning with";
    let Some((before, _)) = cause.detail().and_then(|it| it.split_once(ARGUMENTS)) else {
        return cause;
    };
    let detail = Some(before.to_owned());
    redis::make_extension_error(cause.code().unwrap_or("ERR").to_owned(), detail)
}

/// Whether a script had begun: what it had written until then stays.
fn is_of_running(cause: &RedisError) -> bool {
    cause
        .detail()
        .is_some_and(|detail| detail.contains("user_script"))
        || cause.code() == Some("UNKILLABLE")
}

const BROKEN_SCRIPT: &str = "a script ended in its middle, since a key under the prefix is not what this \
    provider writes; see the answer, and restore the server from a backup";

pub(crate) use crate::meaning::{LACKS_RIGHTS, ONE_DATABASE};
pub(crate) use duroxide_core::providers::refusal::{
    activity_key_taken, activity_lease_lost, already_exists, closed, control_full, ended,
    limit_exceeded, mailbox_full, not_ended, not_found, position_conflict, turn_lease_lost,
};

pub(crate) fn config(message: impl Into<String>) -> ProviderError {
    ProviderError::new(ErrorKind::Config, "open", message.into())
}

/// The error of an operation that fails for what is stored of its instance.
pub(crate) fn damaged(operation: &'static str, instance: &InstanceId, why: &str) -> ProviderError {
    let message = "what is stored of the instance is damaged: a key was deleted, or is another \
                   program's; restore the server from a backup, or delete the instance by force";
    ProviderError::new(ErrorKind::Corrupt, operation, message)
        .with_context("instance", instance)
        .with_context("cause", why)
}

/// A cursor of another listing or another store.
pub(crate) fn foreign_cursor(operation: &'static str) -> ProviderError {
    let message = "the cursor is none of this listing; pass the one of the page before, with the same \
                   request";
    ProviderError::new(ErrorKind::InvalidInput, operation, message)
}

/// The error of something stored that cannot be understood.
pub(crate) fn corrupt(
    operation: &'static str,
    cause: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ProviderError {
    ProviderError::new(
        ErrorKind::Corrupt,
        operation,
        "what is stored cannot be understood; restore the server from a backup",
    )
    .with_source(cause)
}

/// An id that was stored.
pub(crate) fn stored_id(operation: &'static str, id: String) -> Result<InstanceId, ProviderError> {
    InstanceId::new(id).map_err(|cause| corrupt(operation, cause))
}

/// The error of a call for each of its members.
pub(crate) fn for_each<T>(
    failure: &Failure,
    operation: &'static str,
    is_durable: bool,
    count: usize,
) -> Vec<Result<T, ProviderError>> {
    (0..count)
        .map(|_| Err(failure.error(operation, is_durable)))
        .collect()
}
