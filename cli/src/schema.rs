//! The statements that make a store, for somebody who looks after the database and runs them.

use clap::Args;
#[cfg(feature = "postgres")]
use duroxide_postgres::PostgresProvider;

#[cfg(not(feature = "postgres"))]
use crate::scheme::not_built_in;
use crate::scheme::{not_yet, unknown};

/// The schema that a program's store is in if it does not say otherwise.
#[cfg(feature = "postgres")]
const SCHEMA: &str = "duroxide";

/// Print the SQL that makes a store, for a database that programs may not change
#[derive(Debug, Args)]
#[command(after_help = "\
For example:
  duroxide schema --backend postgres: | psql --set ON_ERROR_STOP=1 postgres://admin@host/shop
and open the store with Migrations::Verify by a role without the right to create anything.")]
pub(crate) struct Schema {
    /// postgres:, with whatever follows: nothing is connected to
    #[arg(long, value_name = "URL")]
    backend: Option<String>,
    /// The schema that the store is in [default: duroxide]
    #[arg(long, value_name = "NAME")]
    schema: Option<String>,
}

impl Schema {
    /// The statements, or what is wrong with the question.
    pub(crate) fn sql(&self) -> Result<String, String> {
        let url = self.backend.as_deref();
        let url = url.ok_or("say for which backend, for example --backend postgres:")?;
        let scheme = url.split_once(':').map_or(url, |(scheme, _)| scheme);
        match scheme {
            "postgres" | "postgresql" => postgres(self.schema.as_deref()),
            "memory" | "sqlite" | "redis" | "rediss" | "redis+sentinel" | "rediss+sentinel" => Err(
                format!("{scheme}: needs no SQL from anybody: the store is made when it is opened"),
            ),
            "dynamodb" => Err(not_yet("DynamoDB")),
            other => Err(unknown(other)),
        }
    }
}

#[cfg(feature = "postgres")]
fn postgres(schema: Option<&str>) -> Result<String, String> {
    let schema = schema.unwrap_or(SCHEMA);
    let sql =
        PostgresProvider::migration_sql(schema).map_err(|error| error.message().to_owned())?;
    let version = env!("CARGO_PKG_VERSION");
    Ok(format!(
        "-- The store of duroxide {version} in the schema {schema}, all or nothing.\n\
         BEGIN;\n\n{sql}\nCOMMIT;\n"
    ))
}

#[cfg(not(feature = "postgres"))]
fn postgres(_schema: Option<&str>) -> Result<String, String> {
    Err(not_built_in("Postgres", "postgres"))
}
