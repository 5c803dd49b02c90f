//! Where the nodes' common store is.

use std::sync::Arc;

use duroxide::providers::Provider;
#[cfg(feature = "postgres")]
use duroxide::providers::postgres::{PostgresOptions, PostgresProvider};
use duroxide::providers::sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use tempfile::TempDir;

/// Where the nodes' common store is.
#[derive(Debug)]
pub(crate) enum Place {
    /// A file in this folder.
    Sqlite(TempDir),
    /// A schema of its own in this database.
    #[cfg(feature = "postgres")]
    Postgres { url: String, schema: String },
}

impl Place {
    pub(crate) fn on_sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    #[cfg(feature = "postgres")]
    pub(crate) async fn on_postgres() -> Self {
        use duroxide::entropy::Entropy;
        use duroxide_provider_tests::servers::{ServerKind, server};
        // The server may have to be started, which blocks.
        let found = tokio::task::spawn_blocking(|| server(ServerKind::Postgres)).await;
        let schema = format!("duroxide_upgrade_{}", Entropy.lease_token().0.simple());
        Self::Postgres {
            url: found.unwrap().unwrap().url().to_owned(),
            schema,
        }
    }

    /// One more handle on the store, as another process has it.
    pub(crate) async fn open(&self) -> Arc<dyn Provider> {
        match self {
            Self::Sqlite(folder) => {
                let url = format!("sqlite:{}", folder.path().join("shop.db").display());
                let options = SqliteOptions::default().mode(SqliteMode::MultiProcess);
                Arc::new(SqliteProvider::new(&url, Some(options)).await.unwrap())
            }
            #[cfg(feature = "postgres")]
            Self::Postgres { url, schema } => {
                let options = PostgresOptions::default().schema(schema.as_str());
                Arc::new(PostgresProvider::new(url, Some(options)).await.unwrap())
            }
        }
    }

    /// Removes what outlives this process.
    #[cfg(feature = "postgres")]
    pub(crate) async fn remove(self) {
        use sqlx::postgres::PgConnection;
        use sqlx::{AssertSqlSafe, Connection as _};
        if let Self::Postgres { url, schema } = self {
            let mut connection = PgConnection::connect(&url).await.unwrap();
            let drop = format!("DROP SCHEMA {schema} CASCADE");
            let dropped = sqlx::raw_sql(AssertSqlSafe(drop))
                .execute(&mut connection)
                .await;
            dropped.unwrap();
            connection.close().await.unwrap();
        }
    }
}
