//! What the server's codes mean when nothing was committed, and what to do about it.

use duroxide_core::providers::ErrorKind::{
    self, Config, Corrupt, InvalidInput, LimitExceeded, Unavailable, Unexpected,
};

type Meaning = (ErrorKind, &'static str);

/// The codes that can be expected (PostgreSQL manual, appendix A).
const CODES: &[(&[&str], ErrorKind, &str)] = &[
    (
        &["28000", "28P01"],
        Config,
        "the server refuses the role or its password; see the user and the password of the URL, \
             and the server's pg_hba.conf",
    ),
    (
        &["3D000"],
        Config,
        "there is no such database; create it, or name another one in the URL",
    ),
    (
        &["42501"],
        Config,
        "the role lacks a right; grant it the schema, its tables and its functions, or have \
             somebody else apply the migrations and choose `Migrations::Verify`",
    ),
    (
        &["3F000", "42P01", "42883"],
        Config,
        "the schema lacks what belongs to it; see the option `schema`, and apply the migrations",
    ),
    (
        &["42P07", "42710", "42723", "42703"],
        Config,
        "the schema holds something that is called like a part of the store and is none; choose \
             another schema by the option `schema`, or remove it",
    ),
    (
        &["25006"],
        Unavailable,
        "the server is a standby, or read-only; let the URL lead to the primary",
    ),
    (
        &["53300"],
        Unavailable,
        "the server has no connection left; lower `write_connections`, or raise the server's \
             max_connections",
    ),
    (
        &["53100"],
        Unavailable,
        "the server's disk is full; free some space and try again",
    ),
    (
        &["53200", "53000", "53400"],
        Unavailable,
        "the server lacks memory or another resource; try again later",
    ),
    (
        &["54000", "54001", "54011", "54023"],
        LimitExceeded,
        "something is larger than the server can hold; commit less, or use shorter names",
    ),
    (
        &["55P03"],
        Unavailable,
        "another transaction has a row locked for longer than `lock_timeout`; try again",
    ),
    (
        &["57014"],
        Unavailable,
        "the statement took longer than `statement_timeout`, or was cancelled; try again, or \
             raise that option",
    ),
    (
        &["40001", "40P01"],
        Unavailable,
        "another transaction was in the way again and again; try again",
    ),
    (
        &["0A000", "26000"],
        Unavailable,
        "the schema has changed meanwhile; try again",
    ),
    (
        &["58030"],
        Unavailable,
        "the server's disk failed; look at the server's log, then try again",
    ),
    (
        &["XX001", "XX002"],
        Corrupt,
        "the server found its data damaged; restore the database from a backup",
    ),
];

const TAKEN: Meaning = (
    InvalidInput,
    "a new activity has the id of another one; number them by their events",
);
const AWAY: Meaning = (
    Unavailable,
    "the server is shutting down, starting or has ended the connection; try again later",
);
const UNKNOWN: Meaning = (
    Unexpected,
    "the server reported an error that should not happen; report this as a bug",
);

/// What a code means; a unique violation may be one of the keys of activities.
pub(crate) fn meaning(code: &str, is_activity_key: bool) -> Meaning {
    if code == "23505" && is_activity_key {
        return TAKEN;
    }
    let mut listed = CODES.iter();
    if let Some((_, kind, message)) = listed.find(|(codes, ..)| codes.contains(&code)) {
        return (*kind, message);
    }
    // Operator intervention, and connection exceptions.
    if code.starts_with("57P") || code.starts_with("08") {
        return AWAY;
    }
    UNKNOWN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_says_what_to_do() {
        for (code, kind, says) in [
            ("28P01", Config, "password of the URL"),
            ("42501", Config, "Migrations::Verify"),
            ("42P07", Config, "another schema"),
            ("53300", Unavailable, "write_connections"),
            ("25006", Unavailable, "primary"),
            ("55P03", Unavailable, "lock_timeout"),
            ("57014", Unavailable, "statement_timeout"),
            ("57P01", Unavailable, "try again later"),
            ("08006", Unavailable, "try again later"),
            ("XX000", Unexpected, "bug"),
        ] {
            let (found, message) = meaning(code, false);
            assert_eq!(found, kind, "{code}");
            assert!(message.contains(says), "{code}: {message}");
        }
    }
}
