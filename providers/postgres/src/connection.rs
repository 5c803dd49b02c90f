//! How a connection is made, and what is asked of the server when a provider is opened.

use std::io;

use duroxide_core::providers::{Durability, ProviderError};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgRow};
use sqlx::{ConnectOptions as _, Row as _};
use tokio::time::timeout;

use crate::error::{self, Failure};
use crate::location;
use crate::options::PostgresOptions;

/// The oldest server that has what the functions use (gen_random_uuid without an extension).
const VERSION_MIN: i32 = 130_000;

pub(crate) async fn connect(
    to: &PgConnectOptions,
    options: &PostgresOptions,
) -> Result<PgConnection, sqlx::Error> {
    timeout(options.connect_timeout, to.connect())
        .await
        .unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// What kind of server this is.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    /// Its version, for people.
    pub(crate) version: String,
    pub(crate) durability: Durability,
}

/// Asks the server what it is, and refuses one that cannot carry a store. The level is the one that
/// commits will really have (DUR-02).
pub(crate) async fn inspect(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<Server, ProviderError> {
    let row = sqlx::query(
        "SELECT current_setting('server_version_num')::integer,
             current_setting('server_version'), pg_is_in_recovery(),
             current_setting('transaction_read_only') = 'on',
             current_setting('fsync') = 'on', current_setting('full_page_writes') = 'on',
             set_config('synchronous_commit',
                 coalesce($1, current_setting('synchronous_commit')), true)",
    )
    .bind(options.synchronous_commit.map(|level| level.value()))
    .fetch_one(connection)
    .await
    .map_err(|cause| error::of_store("open", cause))?;
    read_server(&row).map_err(|cause| error::of_store("open", cause))?
}

fn read_server(row: &PgRow) -> Result<Result<Server, ProviderError>, sqlx::Error> {
    let version: String = row.try_get(1)?;
    if row.try_get::<i32, _>(0)? < VERSION_MIN {
        return Ok(Err(error::config(format!(
            "the server is PostgreSQL {version}; let the URL lead to version 13 or later"
        ))));
    }
    if row.try_get(2)? {
        return Ok(Err(error::config(
            "the server is a standby, which takes no writes; let the URL lead to the primary",
        )));
    }
    if row.try_get(3)? {
        return Ok(Err(error::config(
            "the server takes no writes (default_transaction_read_only); let the URL lead to another \
             one, or change that setting",
        )));
    }
    let is_flushed = row.try_get(4)? && row.try_get(5)?;
    let level: String = row.try_get(6)?;
    Ok(Ok(Server {
        version,
        durability: if is_flushed && level != "off" {
            Durability::PowerLoss
        } else {
            Durability::ProcessCrash
        },
    }))
}

/// The first connection, by which a provider is opened.
pub(crate) async fn first(
    to: &PgConnectOptions,
    options: &PostgresOptions,
) -> Result<PgConnection, ProviderError> {
    connect(to, options).await.map_err(|cause| {
        // Of a socket it is the server that is not there.
        if is_missing_file(&cause) && location::socket(to).is_none() {
            return error::config(
                "a file is not there that `sslrootcert`, `sslcert` or `sslkey` in the URL names, or \
                 the option `tls_root_certificate`",
            )
            .with_source(cause);
        }
        Failure::connect(cause, to).error("open", false)
    })
}

fn is_missing_file(cause: &sqlx::Error) -> bool {
    matches!(cause, sqlx::Error::Io(io) if io.kind() == io::ErrorKind::NotFound)
}
