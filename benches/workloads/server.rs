//! A PostgreSQL server to measure, and a schema on it for one workload.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::Mutex;

use super::Failure;
use super::meter::Counts;

/// Where the server is.
pub(crate) const URL_VARIABLE: &str = "DUROXIDE_BENCH_POSTGRES_URL";

/// A schema on a server, and a connection beside it that counts.
pub(crate) struct Server {
    url: String,
    schema: String,
    beside: Mutex<PgConnection>,
    /// The server counts statements (the extension pg_stat_statements).
    has_statements: bool,
}

impl Server {
    /// A schema that nobody else has.
    pub(crate) async fn from_environment() -> Result<Self, Failure> {
        let url = std::env::var(URL_VARIABLE)
            .map_err(|_| format!("set {URL_VARIABLE} to the URL of a server"))?;
        let mut beside = PgConnection::connect(&url).await?;
        let installed = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
            .execute(&mut beside)
            .await;
        let counted = sqlx::query("SELECT count(*) FROM pg_stat_statements")
            .execute(&mut beside)
            .await;
        Ok(Self {
            schema: format!("duroxide_bench_{}", std::process::id()),
            url,
            beside: Mutex::new(beside),
            has_statements: installed.is_ok() && counted.is_ok(),
        })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn schema(&self) -> &str {
        &self.schema
    }

    pub(crate) async fn open(&self) -> Result<Arc<dyn Provider>, Failure> {
        open(&self.url, &self.schema).await
    }

    /// The statements that the server has run for anybody, but for those that count them.
    pub(crate) async fn counts(&self) -> Result<Counts, Failure> {
        if !self.has_statements {
            return Err("load pg_stat_statements (shared_preload_libraries) to count".into());
        }
        let row = sqlx::query(
            "SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements
             WHERE query NOT LIKE '%pg_stat_statements%'",
        )
        .fetch_one(&mut *self.beside.lock().await)
        .await?;
        Ok(Counts {
            statements: row.try_get::<i64, _>(0)?.try_into()?,
            durable_commits: None,
        })
    }

    pub(crate) async fn remove(self) {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let mut beside = self.beside.into_inner();
        // A schema that is left behind does no harm.
        sqlx::query(AssertSqlSafe(drop))
            .execute(&mut beside)
            .await
            .ok();
    }
}

pub(crate) async fn open(url: &str, schema: &str) -> Result<Arc<dyn Provider>, Failure> {
    let options = PostgresOptions::default().schema(schema);
    Ok(Arc::new(PostgresProvider::new(url, Some(options)).await?))
}
