//! A connection that is made when it is needed, and made anew after it was lost.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Executor as _};
use tokio::time::timeout;

use crate::connection;
use crate::error::Failure;
use crate::schema::Statement;
use crate::setup::Setup;

/// A connection of one lane.
pub(crate) struct Session {
    pub(crate) setup: Arc<Setup>,
    connection: Option<PgConnection>,
    answer_timeout: Duration,
    /// Since when the server has made plans on this connection.
    planned_at: Duration,
}

impl Session {
    /// One that connects at its first use.
    pub(crate) fn new(setup: &Arc<Setup>) -> Self {
        Self {
            setup: Arc::clone(setup),
            connection: None,
            answer_timeout: setup.answer_timeout(),
            planned_at: SystemClock.elapsed(),
        }
    }

    /// Takes the connection to be dead sooner, for what cannot wait.
    pub(crate) fn for_leases(setup: &Arc<Setup>) -> Self {
        Self {
            answer_timeout: setup.lease_answer_timeout(),
            ..Self::new(setup)
        }
    }

    pub(crate) fn connected(setup: &Arc<Setup>, connection: PgConnection) -> Self {
        Self {
            connection: Some(connection),
            ..Self::new(setup)
        }
    }

    /// Runs a statement and returns its rows.
    pub(crate) async fn fetch(&mut self, statement: Statement<'_>) -> Result<Vec<PgRow>, Failure> {
        // It is put back only if it can be used again: whoever drops this future half-way drops the
        // connection with it.
        let mut connection = match self.usable().await {
            Some(connection) => connection,
            None => {
                let to = &self.setup.connect;
                self.planned_at = SystemClock.elapsed();
                let connected = connection::connect(to, &self.setup.options).await;
                connected.map_err(|cause| Failure::connect(cause, to))?
            }
        };
        self.setup.count_statement();
        let answer = timeout(self.answer_timeout, statement.fetch_all(&mut connection));
        let answer = answer.await.unwrap_or(Err(sqlx::Error::PoolTimedOut));
        let answer = answer.map_err(Failure::of_call);
        if !answer.as_ref().is_err_and(Failure::breaks_connection) {
            self.connection = Some(connection);
        }
        answer
    }

    /// The connection, if there is one, without plans that may be out of date. The server keeps a plan until
    /// its tables are analysed, and one that reads all of a small table is far too dear for one that has grown
    /// in the meantime. One that cannot forget them is dead, and replaced before anything depends on it.
    async fn usable(&mut self) -> Option<PgConnection> {
        let mut connection = self.connection.take()?;
        let now = SystemClock.elapsed();
        if now.saturating_sub(self.planned_at) < self.setup.options.plan_age_max {
            return Some(connection);
        }
        self.planned_at = now;
        let forgotten = timeout(self.answer_timeout, connection.execute("DISCARD PLANS")).await;
        matches!(forgotten, Ok(Ok(_))).then_some(connection)
    }

    /// The same for what can be repeated: a connection that has died since its last use is replaced,
    /// and nobody notices.
    pub(crate) async fn fetch_again<'q>(
        &mut self,
        statement: impl Fn() -> Statement<'q>,
    ) -> Result<Vec<PgRow>, Failure> {
        let was_connected = self.connection.is_some();
        match self.fetch(statement()).await {
            Err(failure) if was_connected && self.connection.is_none() => {
                tracing::debug!(
                    target: "duroxide::postgres",
                    ?failure,
                    "a connection was lost and is replaced"
                );
                self.fetch(statement()).await
            }
            answer => answer,
        }
    }

    pub(crate) async fn close(self) {
        if let Some(connection) = self.connection {
            // The server notices by itself if this fails.
            connection.close().await.ok();
        }
    }
}
