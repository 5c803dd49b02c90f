//! A time that the cases move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock, ManualClock, millis_ceil};
use duroxide_provider_tests::{Pace, TestClock};
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::schema::Schema;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// Gives a schema that was just made a time that can be moved.
pub(super) fn movable_clock(schema: &Schema) -> String {
    let schema = schema.quoted();
    format!(
        "CREATE TABLE {schema}.test_clock (now_ms bigint NOT NULL);\n\
         INSERT INTO {schema}.test_clock VALUES ({NOW_MS});\n\
         CREATE OR REPLACE FUNCTION {schema}.now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS\n\
             $test$ SELECT now_ms FROM {schema}.test_clock $test$;\n"
    )
}

/// The time of a store and of the providers on it.
pub(super) struct MovableClock {
    clock: ManualClock,
    schema: Schema,
    connection: Mutex<PgConnection>,
}

impl MovableClock {
    pub(super) fn new(schema: Schema, connection: PgConnection) -> Self {
        Self {
            clock: ManualClock::at_ms(NOW_MS),
            schema,
            connection: Mutex::new(connection),
        }
    }
}

#[async_trait]
impl TestClock for MovableClock {
    async fn elapse(&self, by: Duration) {
        let mut connection = self.connection.lock().await;
        let now_ms = self.clock.now_ms() + millis_ceil(by);
        let statement = format!("UPDATE {}.test_clock SET now_ms = $1", self.schema.quoted());
        // The server first: whoever is woken by the clock asks there.
        let moved = sqlx::query(AssertSqlSafe(statement))
            .bind(i64::try_from(now_ms).unwrap_or(i64::MAX))
            .execute(&mut *connection)
            .await;
        match moved {
            Ok(_) => self.clock.set_ms(now_ms),
            Err(error) => {
                // Time stands still, and the case fails by that.
                tracing::error!(target: "duroxide::postgres", %error, "the clock cannot be moved");
            }
        }
    }

    fn pace(&self) -> Pace {
        Pace::Virtual
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }
}
