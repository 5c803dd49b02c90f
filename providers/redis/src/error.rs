//! The errors, each made in one place, and what the server's errors mean.

use std::sync::Arc;

use duroxide_core::providers::{ErrorKind, InstanceId, ProviderError};
use redis::RedisError;

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
        let cause = std::io::Error::from(std::io::ErrorKind::TimedOut);
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
                    (None, _) => error,
                };
                error.with_source(cause.clone())
            }
            Cause::Unconfirmed(Some(cause)) => error.with_source(cause.clone()),
            Cause::Damaged(why) | Cause::Credentials(why) => error.with_context("cause", why),
            Cause::Uncovered
            | Cause::UnknownPrimary
            | Cause::NotASentinel
            | Cause::Unconfirmed(None)
            | Cause::Closed
            | Cause::Abandoned => error,
        }
    }

    /// What it means when nothing was committed, and what to do about it.
    fn meaning(&self) -> (ErrorKind, &'static str) {
        match &self.cause {
            Cause::Redis(cause) => meaning(cause),
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
            Cause::Closed | Cause::Abandoned => (
                ErrorKind::Unavailable,
                "the thread of the provider ended without an answer; open another provider, and \
                 report this as a bug",
            ),
        }
    }
}

/// What went wrong with the encryption, if that did.
fn of_tls(cause: &RedisError) -> Option<&rustls::Error> {
    // The driver hands its cause out in the box that it keeps it in.
    let boxed = std::error::Error::source(cause)?;
    let cause: &Arc<dyn std::error::Error + Send + Sync> = boxed.downcast_ref()?;
    let inner = cause.downcast_ref::<std::io::Error>()?.get_ref()?;
    inner.downcast_ref()
}

/// Whether an answer ended in its middle, as it does where the connection is lost.
fn is_torn(cause: &RedisError) -> bool {
    cause.to_string().contains("end of input")
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

const UNREACHABLE: &str = "the server cannot be reached; see that it runs, that the host and the port of \
    the URL are its own, and that the URL begins with rediss:// if it wants TLS";

/// What an error of the driver or of the server means.
fn meaning(cause: &RedisError) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Unavailable, Unexpected};
    if let Some(code) = cause.code() {
        return meaning_of_code(code, cause.detail().unwrap_or_default());
    }
    if cause.is_timeout() {
        return (
            Unavailable,
            "the server did not answer in time; see that it runs and is reachable, that it speaks TLS \
             if the URL begins with rediss://, and that no other client keeps it busy, or raise \
             `connect_timeout` or `answer_timeout`",
        );
    }
    if cause.kind() == redis::ErrorKind::AuthenticationFailed {
        return (Config, WRONG_PASSWORD);
    }
    if cause.kind() == redis::ErrorKind::RESP3NotSupported {
        return (Config, TOO_OLD);
    }
    if cause.kind() == redis::ErrorKind::Parse && is_torn(cause) {
        return (Unavailable, UNREACHABLE);
    }
    if cause.kind() == redis::ErrorKind::Parse {
        return (
            Config,
            "what answers is no Redis: it does not speak that protocol; see that the host and the \
             port of the URL are those of a Redis or Valkey server",
        );
    }
    if let Some(why) = of_tls(cause) {
        if matches!(why, rustls::Error::InvalidCertificate(_)) {
            return (Config, UNTRUSTED);
        }
        return (
            Config,
            "no connection with TLS can be made; see that the server speaks TLS at this port",
        );
    }
    if cause.kind() == redis::ErrorKind::InvalidClientConfig {
        return (
            Config,
            "no connection can be set up; see the URL, and for rediss:// that the file of \
             `tls_root_certificate` holds certificates (PEM)",
        );
    }
    if cause.is_io_error() || cause.is_connection_dropped() {
        return (Unavailable, UNREACHABLE);
    }
    (
        Unexpected,
        "the driver reported a misuse; report this as a bug",
    )
}

pub(crate) const LACKS_RIGHTS: &str = "the user's ACL lacks a command, the keys of the prefix or its \
    channel; grant what the guide of this provider lists";

pub(crate) const ONE_DATABASE: &str = "a Redis Cluster has no database but 0; leave the number out of the URL, and tell \
    stores apart by their key prefix";

const UNCOVERED: &str = "the Cluster is down, or has slots that no server serves; see `redis-cli --cluster check`, and \
    try again";

const UNCONFIRMED: &str = "the commit is stored, and fewer replicas than `replicas_min` have it; see that they run and \
    follow the server, repeat the commit, or lower that option";

const UNTRUSTED: &str = "the server's certificate is not for this host, is out of date, or leads to \
    none that is trusted; name the host as the certificate does, or the right file as \
    `tls_root_certificate`";

const TOO_OLD: &str = "the server is too old, or a command of it is disabled; Redis 7.0 or newer, or \
    Valkey, is needed";

const DECLARED_KEYS_ONLY: &str = "the server forbids scripts the keys that they compute; allow them (Dragonfly: start it with \
    `--default_lua_flags=allow-undeclared-keys`), or use Redis or Valkey, which do";

const WRONG_PASSWORD: &str = "the server refuses the user or the password; correct them in the URL, or \
    in what the credentials callback answers";

const NEWER_STORE: &str = "the store is of a newer version of this provider, whose form this one cannot \
    read (`answer` has both numbers); upgrade this process as the others on the store, or choose \
    another key prefix for a store of its own";

const OLDER_STORE: &str = "the store is of an older version of this provider, whose form this one cannot \
    read (`answer` has both numbers); run the version that made the store until its instances have \
    ended, or choose another key prefix for a new store";

/// What to do about a store of another form: the numbers are those of the store and of this provider.
fn meaning_of_format(detail: &str) -> &'static str {
    let number = |word: Option<&str>| word.and_then(|it| it.parse::<u64>().ok());
    let mut words = detail.split(' ');
    if number(words.next()) > number(words.next_back()) {
        NEWER_STORE
    } else {
        OLDER_STORE
    }
}

fn meaning_of_code(code: &str, detail: &str) -> (ErrorKind, &'static str) {
    use ErrorKind::{Config, Unavailable, Unexpected};
    match code {
        "NOAUTH" | "WRONGPASS" => (Config, WRONG_PASSWORD),
        "NOPERM" => (Config, LACKS_RIGHTS),
        "READONLY" => (
            Unavailable,
            "the server is a replica, which cannot be written to; connect to the primary, by \
             Sentinel or by the name that follows it",
        ),
        "FORMAT" => (Config, meaning_of_format(detail)),
        "PARTITIONS" => (
            Config,
            "the store has another number of partitions than it was opened with: it was made anew meanwhile, or a \
             server has lost its data; see the answer, and open it by `partitions` with the right number",
        ),
        "OOM" => (
            Unavailable,
            "the server has reached its `maxmemory`; raise it, or delete instances that have ended",
        ),
        "MISCONF" => (
            Unavailable,
            "the server takes no writes since it cannot save to its disk; see its log",
        ),
        "NOREPLICAS" => (
            Unavailable,
            "the server takes no writes while it has fewer replicas than `min-replicas-to-write`",
        ),
        "ASK" | "TRYAGAIN" => (
            Unavailable,
            "its keys are being moved to another server of the Cluster; try again",
        ),
        "MOVED" => (
            Unavailable,
            "the servers of the Cluster do not agree which one of them has it; try again",
        ),
        "CLUSTERDOWN" => (Unavailable, UNCOVERED),
        "LOADING" | "BUSY" | "MASTERDOWN" => (
            Unavailable,
            "the server takes no commands for the moment: it starts, fails over, or is busy with \
             another client's script; try again",
        ),
        _ if detail.contains("SELECT is not allowed in cluster mode") => (Config, ONE_DATABASE),
        _ if detail.contains("DB index is out of range") => (
            Config,
            "the server has no database of the number in the URL; see its setting `databases`, or tell stores \
             apart by their key prefix",
        ),
        _ if detail.contains("undeclared key") => (Config, DECLARED_KEYS_ONLY),
        _ if detail.contains("unknown command") || detail.contains("#!") => (Config, TOO_OLD),
        _ if detail.contains("max number of clients") => (
            Unavailable,
            "the server has as many clients as its `maxclients` allows; raise it",
        ),
        _ => (
            Unexpected,
            "the server answered with an error that is not expected; report this as a bug, with the \
             error's source",
        ),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_forbids_computed_keys_is_told_from_an_old_one() {
        // As Dragonfly says it.
        let detail = "script tried accessing undeclared key";
        assert_eq!(
            meaning_of_code("ERR", detail),
            (ErrorKind::Config, DECLARED_KEYS_ONLY)
        );
    }
}
