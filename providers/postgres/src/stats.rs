//! What a provider tells of itself and of its database.

use std::time::Duration;

use duroxide_core::providers::ProviderError;
use sqlx::Row as _;

use crate::codes;
use crate::provider::PostgresProvider;
use crate::read::decoded;

/// What a provider tells of itself and of its database.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PostgresStats {
    /// The statements that this provider has sent since it was opened, without those of the
    /// connection that listens.
    pub statements: u64,
    /// Each table, as the server's statistics see it, which lag behind a little.
    pub tables: Vec<TableStats>,
    /// How long the oldest transaction of the database has been open. Rows that die meanwhile cannot
    /// be vacuumed, and claims slow down: see `idle_in_transaction_session_timeout` of the server.
    /// `None` where there is none, or the role may not see it.
    pub oldest_transaction: Option<Duration>,
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableStats {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub live_rows: u64,
    /// The rows that were removed or replaced and wait for the next vacuum.
    pub dead_rows: u64,
}

impl PostgresProvider {
    /// How many statements this provider has sent since it was opened, without those of the
    /// connection that listens.
    #[must_use]
    pub fn statements(&self) -> u64 {
        self.setup.statements()
    }

    /// What there is to know of the database.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn stats(&self) -> Result<PostgresStats, ProviderError> {
        let setup = std::sync::Arc::clone(&self.setup);
        let rows = self
            .query("stats", move || setup.functions.health.call())
            .await;
        let statements = self.statements();
        decoded("stats", rows?, |rows| {
            let mut stats = PostgresStats {
                statements,
                tables: Vec::new(),
                oldest_transaction: None,
            };
            for row in rows {
                let oldest_ms: Option<i64> = row.try_get("oldest_transaction_ms")?;
                stats.oldest_transaction = oldest_ms
                    .and_then(|ms| u64::try_from(ms).ok())
                    .map(Duration::from_millis);
                stats.tables.push(TableStats {
                    name: row.try_get("name")?,
                    live_rows: codes::unsigned(row.try_get("live_rows")?)?,
                    dead_rows: codes::unsigned(row.try_get("dead_rows")?)?,
                });
            }
            Ok(stats)
        })
    }
}
