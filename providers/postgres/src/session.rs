//! A connection that is made when it is needed, and made anew after it was lost.

use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnection, PgRow};
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
}

impl Session {
    /// One that connects at its first use.
    pub(crate) fn new(setup: &Arc<Setup>) -> Self {
        Self {
            setup: Arc::clone(setup),
            connection: None,
            answer_timeout: setup.answer_timeout(),
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
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let to = &self.setup.connect;
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
