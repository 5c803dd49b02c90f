//! How the schema comes to be, and who may work with which version of it.

use duroxide_core::providers::ProviderError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use crate::error;
use crate::options::Migrations;
use crate::schema::{BODY_QUOTE, Schema, fingerprint};

/// One step from one version of the schema to the next.
struct Migration {
    version: i32,
    /// The oldest version of this crate's schema that may go on working when this step is done. It is
    /// raised only when the functions of older versions are removed, so that during a deployment
    /// processes of both versions work side by side.
    compatible_from: i32,
    parts: &'static [&'static str],
}

const MIGRATIONS: &[Migration] = &[Migration {
    version: 1,
    compatible_from: 1,
    parts: &[
        include_str!("../migrations/0001/tables.sql"),
        include_str!("../migrations/0001/due.sql"),
        include_str!("../migrations/0001/claim.sql"),
        include_str!("../migrations/0001/commit.sql"),
        include_str!("../migrations/0001/lease.sql"),
        include_str!("../migrations/0001/read.sql"),
        include_str!("../migrations/0001/admin.sql"),
        include_str!("../migrations/0001/look.sql"),
    ],
}];

/// The version that this crate works with.
const VERSION: i32 = 1;

/// How the functions plan: by indexes, however small a table was when a plan was made. A plan that reads
/// a whole table, made while that was empty, would be kept until the table is analysed. The path of
/// names is fixed, so that what a caller has set changes nothing.
const SETTINGS: &str = "SET search_path = {schema}, pg_temp SET plan_cache_mode = force_generic_plan \
     SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off";

/// Sees that the schema is there and of a version that this crate can work with.
pub(crate) async fn run(
    connection: &mut PgConnection,
    schema: &Schema,
    mode: Migrations,
) -> Result<(), ProviderError> {
    let found = read(connection, schema).await.map_err(failed)?;
    if found.is_some_and(|it| it.version >= VERSION) || mode == Migrations::Verify {
        return check(found, schema);
    }
    let mut transaction = connection.begin().await.map_err(failed)?;
    // Processes that start at once come one after the other. The key tells this lock from others of
    // this database.
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(lock_key(schema))
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let found = read(&mut transaction, schema).await.map_err(failed)?;
    check_not_newer(found, schema)?;
    let from = found.map_or(0, |it| it.version);
    if from < VERSION {
        tracing::info!(
            target: "duroxide::postgres",
            schema = schema.name(),
            from,
            to = VERSION,
            "the schema is migrated"
        );
        sqlx::raw_sql(AssertSqlSafe(sql(schema, from)))
            .execute(&mut *transaction)
            .await
            .map_err(failed)?;
    }
    transaction.commit().await.map_err(failed)
}

/// The statements from this version on, to be run in one transaction.
pub(crate) fn sql(schema: &Schema, from: i32) -> String {
    let quoted = schema.quoted();
    let mut sql = String::new();
    if from == 0 {
        // Asking first spares the owner of a schema that is there the right to make another one, which
        // IF NOT EXISTS alone would need.
        let literal = schema.name().replace('\\', "\\\\").replace('\'', "''");
        sql += &format!(
            "DO {BODY_QUOTE} BEGIN\n    \
                 IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = E'{literal}') THEN\n        \
                     CREATE SCHEMA IF NOT EXISTS {quoted};\n    \
                 END IF;\n\
             END {BODY_QUOTE};\n\
             SET LOCAL search_path = {quoted}, pg_temp;\n\n\
             CREATE TABLE migration (\n    \
                 version integer PRIMARY KEY,\n    \
                 compatible_from integer NOT NULL,\n    \
                 applied_at timestamptz NOT NULL DEFAULT now()\n);\n\n"
        );
    } else {
        sql += &format!("SET LOCAL search_path = {quoted}, pg_temp;\n\n");
    }
    for migration in MIGRATIONS.iter().filter(|it| it.version > from) {
        for part in migration.parts {
            // The name comes last: it may hold anything, a place in braces too.
            sql += &part
                .replace("{settings}", SETTINGS)
                .replace("{schema}", quoted);
            sql += "\n";
        }
        sql += &format!(
            "INSERT INTO migration (version, compatible_from) VALUES ({}, {});\n",
            migration.version, migration.compatible_from
        );
    }
    sql
}

/// What a schema says of itself.
#[derive(Debug, Clone, Copy)]
struct Found {
    version: i32,
    compatible_from: i32,
}

async fn read(
    connection: &mut PgConnection,
    schema: &Schema,
) -> Result<Option<Found>, sqlx::Error> {
    let table = format!("{}.migration", schema.quoted());
    // A query of the catalog and not to_regclass, which answers from a cache: who has waited for another
    // process's migration would not see it there.
    let is_there: bool = sqlx::query(
        "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c
             JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
             WHERE n.nspname = $1 AND c.relname = 'migration')",
    )
    .bind(schema.name())
    .fetch_one(&mut *connection)
    .await?
    .try_get(0)?;
    if !is_there {
        return Ok(None);
    }
    let statement = format!("SELECT max(version), max(compatible_from) FROM {table}");
    let row = sqlx::query(AssertSqlSafe(statement))
        .fetch_one(connection)
        .await?;
    let version: Option<i32> = row.try_get(0)?;
    let compatible_from: Option<i32> = row.try_get(1)?;
    Ok(version
        .zip(compatible_from)
        .map(|(version, compatible_from)| Found {
            version,
            compatible_from,
        }))
}

fn check(found: Option<Found>, schema: &Schema) -> Result<(), ProviderError> {
    let name = schema.name();
    let remedy = "apply `PostgresProvider::migration_sql`, or choose `Migrations::Apply`";
    match found {
        None => Err(error::config(format!(
            "there is no store in the schema {name:?}; {remedy}"
        ))),
        Some(Found { version, .. }) if version < VERSION => Err(error::config(format!(
            "the schema {name:?} has version {version}, and this program needs {VERSION}; {remedy}"
        ))),
        found => check_not_newer(found, schema),
    }
}

fn check_not_newer(found: Option<Found>, schema: &Schema) -> Result<(), ProviderError> {
    match found {
        Some(it) if it.compatible_from > VERSION => Err(error::config(format!(
            "the schema {:?} has version {}, which needs a later version of this program (schema {} \
             and up, this one has {VERSION})",
            schema.name(),
            it.version,
            it.compatible_from,
        ))),
        _ => Ok(()),
    }
}

fn failed(cause: sqlx::Error) -> ProviderError {
    error::of_store("open", cause)
}

fn lock_key(schema: &Schema) -> i64 {
    i64::from_ne_bytes(fingerprint(&format!("duroxide {}", schema.name())).to_ne_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::FUNCTIONS;

    #[test]
    fn the_versions_follow_one_another_and_no_body_ends_early() {
        let versions = MIGRATIONS.iter().map(|it| it.version);
        assert!(versions.eq(1..=VERSION));
        for migration in MIGRATIONS {
            assert!((1..=migration.version).contains(&migration.compatible_from));
            for part in migration.parts {
                assert_eq!(part.matches(BODY_QUOTE).count() % 2, 0);
            }
        }
    }

    #[test]
    fn the_functions_have_the_arguments_that_they_are_called_with() {
        let sql = sql(&Schema::new("s").unwrap(), 0);
        for &(name, expected) in FUNCTIONS {
            let begin = format!("CREATE FUNCTION {name}(");
            let (_, rest) = sql.split_once(&begin).expect(name);
            let (arguments, _) = rest.split_once(')').expect(name);
            let arguments = arguments.split(',').filter(|it| !it.trim().is_empty());
            assert_eq!(arguments.count(), expected, "{name}");
        }
    }

    #[test]
    fn what_is_printed_is_complete() {
        let schema = Schema::new("it's \"mine\"").unwrap();
        let sql = sql(&schema, 0);
        assert!(sql.contains("CREATE SCHEMA IF NOT EXISTS \"it's \"\"mine\"\"\";"));
        for left in ["{schema}", "{settings}"] {
            assert!(!sql.contains(left), "{left}");
        }
    }
}
