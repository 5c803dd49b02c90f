//! A PostgreSQL server, and a schema on it.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide::providers::Provider;
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection as _, Row as _};
use tokio::sync::Mutex;

use super::{Counts, Failure, Server};

struct PostgresServer {
    url: String,
    schema: String,
    beside: Mutex<PgConnection>,
    /// The server counts statements (the extension pg_stat_statements).
    has_statements: bool,
}

pub(super) async fn find(url: String, schema: String) -> Result<Box<dyn Server>, Failure> {
    let mut beside = PgConnection::connect(&url).await?;
    let installed = sqlx::query("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        .execute(&mut beside)
        .await;
    let counted = sqlx::query("SELECT count(*) FROM pg_stat_statements")
        .execute(&mut beside)
        .await;
    Ok(Box::new(PostgresServer {
        url,
        schema,
        beside: Mutex::new(beside),
        has_statements: installed.is_ok() && counted.is_ok(),
    }))
}

#[async_trait]
impl Server for PostgresServer {
    fn url(&self) -> &str {
        &self.url
    }

    fn place(&self) -> &str {
        &self.schema
    }

    /// The statements that were run, but for those that count them.
    async fn counts(&self) -> Result<Counts, Failure> {
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

    async fn remove(self: Box<Self>) {
        let drop = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.schema);
        let mut beside = self.beside.into_inner();
        // A schema that is left behind does no harm.
        sqlx::query(AssertSqlSafe(drop))
            .execute(&mut beside)
            .await
            .ok();
    }
}

pub(super) async fn open(url: &str, schema: &str) -> Result<Arc<dyn Provider>, Failure> {
    let options = PostgresOptions::default().schema(schema);
    Ok(Arc::new(PostgresProvider::new(url, Some(options)).await?))
}
