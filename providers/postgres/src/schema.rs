//! The schema that a store lives in, and the calls of its functions.

use std::sync::Arc;

use duroxide_core::providers::ProviderError;
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Postgres};

use crate::error;

/// The longest name that the server keeps whole (NAMEDATALEN).
const NAME_BYTES_MAX: usize = 63;

/// What the bodies of the functions are quoted with, so that no name may hold it.
pub(crate) const BODY_QUOTE: &str = "$duroxide$";

/// A statement with its arguments.
pub(crate) type Statement<'q> = Query<'q, Postgres, PgArguments>;

/// The schema that a store lives in.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    name: String,
    /// As it stands in a statement.
    quoted: String,
}

impl Schema {
    /// Checks a name, which may hold anything that the server takes, quotes included.
    pub(crate) fn new(name: &str) -> Result<Self, ProviderError> {
        let wrong = if name.is_empty() {
            "is empty"
        } else if name.len() > NAME_BYTES_MAX {
            "is longer than 63 bytes"
        } else if name.chars().any(char::is_control) || name.contains(BODY_QUOTE) {
            "holds what no name may hold"
        } else if name == "$user" {
            "is $user, which in a search path means another schema"
        } else if name.starts_with("pg_") {
            "begins with pg_, which is reserved"
        } else {
            return Ok(Self {
                name: name.to_owned(),
                quoted: format!("\"{}\"", name.replace('"', "\"\"")),
            });
        };
        Err(error::config(format!(
            "the option `schema` {wrong}; choose another name"
        )))
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The name as it stands in a statement.
    pub(crate) fn quoted(&self) -> &str {
        &self.quoted
    }

    /// The channel on which processes tell of their work. Names of channels are shorter than names of
    /// schemas may be.
    pub(crate) fn channel(&self) -> String {
        format!("duroxide_{:016x}", fingerprint(&self.name))
    }

    /// The statement that calls a function with so many arguments and returns its rows.
    pub(crate) fn function(&self, name: &str, arguments: usize) -> Function {
        let places: Vec<String> = (1..=arguments).map(|place| format!("${place}")).collect();
        let Self { quoted, .. } = self;
        Function {
            sql: format!("SELECT * FROM {quoted}.{name}({})", places.join(", ")).into(),
        }
    }
}

/// A function in the database.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    sql: Arc<str>,
}

impl Function {
    /// A call, to which the arguments are still to be bound.
    pub(crate) fn call<'q>(&self) -> Statement<'q> {
        // The name of the schema is the only part that comes from outside, and it is quoted.
        sqlx::query(AssertSqlSafe(Arc::clone(&self.sql)))
    }
}

/// Lists the functions once: the field of each, its name in the database and how many arguments it has.
macro_rules! functions {
    ($($field:ident: $name:literal($arguments:literal)),+ $(,)?) => {
        /// The functions that this version calls. Their names have versions, so that processes of
        /// different versions of this crate work on one schema side by side.
        #[derive(Debug)]
        pub(crate) struct Functions {
            $(pub(crate) $field: Function,)+
        }

        impl Functions {
            pub(crate) fn of(schema: &Schema) -> Self {
                Self {
                    $($field: schema.function($name, $arguments),)+
                }
            }
        }

        /// The name of each, and how many arguments it has.
        #[cfg(test)]
        pub(crate) const FUNCTIONS: &[(&str, usize)] = &[$(($name, $arguments)),+];
    };
}

functions! {
    claim: "claim_v1"(14),
    commit: "commit_v1"(94),
    renew: "renew_v1"(8),
    renew_with_details: "renew_with_details_v1"(7),
    release: "release_v1"(14),
    poll: "poll_v1"(6),
    leave: "leave_v1"(1),
    heads: "heads_v1"(1),
    history: "history_v1"(4),
    mail: "mail_v1"(7),
    values: "values_v1"(2),
    values_page: "values_page_v1"(4),
    versions: "versions_v1"(2),
    instances: "instances_v1"(15),
    inspect: "inspect_v1"(9),
    activities: "activities_v1"(6),
    executions: "executions_v1"(1),
    delete: "delete_v1"(3),
    prune: "prune_v1"(4),
    sweep: "sweep_v1"(1),
    metrics: "metrics_v1"(1),
    health: "health_v1"(0),
}

/// FNV-1a with 64 bits: the same in every version and on every machine. Two texts may share one.
pub(crate) fn fingerprint(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_and_those_that_cannot_be_are_refused() {
        let schema = Schema::new("it's \"mine\"").unwrap();
        assert_eq!(schema.quoted(), "\"it's \"\"mine\"\"\"");
        let call = schema.function("claim_v1", 2);
        assert_eq!(
            &*call.sql,
            "SELECT * FROM \"it's \"\"mine\"\"\".claim_v1($1, $2)"
        );
        let too_long = "x".repeat(64);
        for name in ["", "a\0b", "a$duroxide$b", "$user", "pg_mine", &too_long] {
            let error = Schema::new(name).unwrap_err();
            assert!(error.message().contains("`schema`"), "{error}");
        }
    }

    #[test]
    fn fingerprints_stay_as_they_are() {
        assert_eq!(fingerprint(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint("a"), 0xaf63_dc4c_8601_ec8c);
        assert!(Schema::new(&"x".repeat(63)).unwrap().channel().len() < 63);
    }
}
