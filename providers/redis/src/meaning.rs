//! What the errors of the driver and of the server mean, and what to do about each.

use std::io;
use std::sync::Arc;

use duroxide_core::providers::ErrorKind;
use redis::RedisError;

/// What the system reported, if that is the cause.
pub(crate) fn of_system(cause: &RedisError) -> Option<&io::Error> {
    // The driver hands its cause out in the box that it keeps it in.
    let boxed = std::error::Error::source(cause)?;
    let cause: &Arc<dyn std::error::Error + Send + Sync> = boxed.downcast_ref()?;
    cause.downcast_ref()
}

/// What went wrong with the encryption, if that did.
fn of_tls(cause: &RedisError) -> Option<&rustls::Error> {
    of_system(cause)?.get_ref()?.downcast_ref()
}

/// Whether an answer ended in its middle, as it does where the connection is lost.
pub(crate) fn is_torn_answer(cause: &RedisError) -> bool {
    cause.kind() == redis::ErrorKind::Parse && cause.to_string().contains("end of input")
}

pub(crate) const UNREACHABLE: &str = "the server cannot be reached; see that it runs, and that the host and the port of the URL \
    are its own";

pub(crate) const UNREACHABLE_SOCKET: &str = "the server cannot be reached by its socket; see that it runs, that its setting \
    `unixsocket` is the path in the URL, and that the user of this process may write to that";

pub(crate) const CLOSED_AT_GREETING: &str = "the server cannot be reached: it closed the connection before it answered; see that \
    the URL begins with rediss:// if the server wants TLS, and that the host and the port are its own";

/// What an error of the driver or of the server means.
/// `unreachable` is what is said where there is no connection.
pub(crate) fn meaning(cause: &RedisError, unreachable: &'static str) -> (ErrorKind, &'static str) {
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
    if is_torn_answer(cause) {
        return (Unavailable, unreachable);
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
        return (Unavailable, unreachable);
    }
    (
        Unexpected,
        "the driver reported a misuse; report this as a bug",
    )
}

pub(crate) const LACKS_RIGHTS: &str = "the user's ACL lacks a command, the keys of the prefix or its \
    channel; grant what § Rights of providers/redis/docs.md lists";

pub(crate) const ONE_DATABASE: &str = "a Redis Cluster has no database but 0; leave the number out of the URL, and tell \
    stores apart by their key prefix";

pub(crate) const UNCOVERED: &str = "the Cluster is down, or has slots that no server serves; see `redis-cli --cluster check`, and \
    try again";

pub(crate) const UNCONFIRMED: &str = "the commit is stored, and fewer replicas than `replicas_min` have it; see that they run and \
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

const NO_PASSWORD: &str = "the server wants a password, and the URL has none; a password without a user follows a \
    colon, as in redis://:PASSWORD@HOST";

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
        "NOAUTH" => (Config, NO_PASSWORD),
        "WRONGPASS" => (Config, WRONG_PASSWORD),
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
