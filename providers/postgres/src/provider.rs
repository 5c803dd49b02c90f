//! The provider itself: what callers hold.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch, check,
};
use sqlx::postgres::PgRow;
use tokio::sync::oneshot;

use crate::connection::Server;
use crate::engine::Engine;
use crate::error::{self, Failure};
use crate::lease::LeaseJob;
use crate::migration;
use crate::options::{Listen, PostgresOptions};
use crate::read::{ReadJob, WideJob};
use crate::room::Rooms;
use crate::schema::{Schema, Statement};
use crate::setup::Setup;

/// How often `maintain` wants to be called while there is nothing for it to do.
const MAINTAIN_INTERVAL: Duration = Duration::from_secs(60);

/// A provider that keeps everything in one schema of a PostgreSQL database.
pub struct PostgresProvider {
    pub(crate) setup: Arc<Setup>,
    pub(crate) rooms: Rooms,
    engine: Engine,
    server: Server,
}

impl PostgresProvider {
    /// Opens a store, and creates it if there is none.
    ///
    /// The url is `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, with the parameters that `psql`
    /// knows: `sslmode`, `sslrootcert`, `application_name` and others.
    ///
    /// # Errors
    /// `Config` for a url, a server, a role or a setting that cannot work; `Unavailable` where trying
    /// again can help.
    pub async fn new(url: &str, options: Option<PostgresOptions>) -> Result<Self, ProviderError> {
        let setup = Arc::new(Setup::new(url, options.unwrap_or_default())?);
        let (engine, server) = Engine::start(&setup).await?;
        Ok(Self {
            rooms: Rooms::new(),
            setup,
            engine,
            server,
        })
    }

    /// The SQL that creates a store in this schema, for somebody who looks after the database: run it
    /// in one transaction, and open providers with
    /// [`Migrations::Verify`](crate::Migrations::Verify).
    ///
    /// # Errors
    /// `Config` for a name that no schema can have.
    pub fn migration_sql(schema: &str) -> Result<String, ProviderError> {
        Ok(migration::sql(&Schema::new(schema)?, 0))
    }

    /// Waits for the answer to something that was queued.
    async fn answered<T>(
        operation: &'static str,
        pushed: Result<(), impl Sized>,
        answer: oneshot::Receiver<Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        pushed.map_err(|_| error::closed(operation))?;
        let answer = answer.await;
        answer.unwrap_or_else(|_| Err(error::abandoned(operation, false)))
    }

    pub(crate) async fn read<T>(
        &self,
        operation: &'static str,
        job: ReadJob,
        answer: oneshot::Receiver<Result<T, ProviderError>>,
    ) -> Result<T, ProviderError> {
        Self::answered(operation, self.setup.reads.push(job), answer).await
    }

    pub(crate) async fn read_heads(
        &self,
        operation: &'static str,
        instances: Vec<InstanceId>,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let (reply, answer) = oneshot::channel();
        let job = ReadJob::Heads {
            operation,
            instances,
            reply,
            room: self.rooms.reads.take(1).await,
        };
        self.read(operation, job, answer).await
    }

    /// Runs a statement for management, whose rows are still to be understood.
    pub(crate) async fn query(
        &self,
        operation: &'static str,
        statement: impl Fn() -> Statement<'static> + Send + Sync + 'static,
    ) -> Result<Result<Vec<PgRow>, Failure>, ProviderError> {
        let (reply, answer) = oneshot::channel();
        let job = WideJob {
            work: Box::new(move |session| {
                Box::pin(async move {
                    let rows = session.fetch_again(&statement).await;
                    reply.send(Ok(rows)).ok();
                })
            }),
            _room: self.rooms.wide_reads.take(1).await,
        };
        Self::answered(operation, self.setup.wide_reads.push(job), answer).await
    }

    /// Ends everything as the kill of the process does: what is queued is not done, and the server is
    /// told nothing.
    #[cfg(feature = "conformance")]
    pub(crate) async fn kill(&self) {
        self.setup.death.notify_one();
        self.engine.ended().await;
    }

    async fn lease<T>(
        &self,
        operation: &'static str,
        job: impl FnOnce(oneshot::Sender<Result<T, ProviderError>>) -> LeaseJob,
    ) -> Result<T, ProviderError> {
        let (reply, answer) = oneshot::channel();
        Self::answered(operation, self.setup.leases.push(job(reply)), answer).await
    }
}

impl Drop for PostgresProvider {
    fn drop(&mut self) {
        self.setup.close();
    }
}

impl fmt::Debug for PostgresProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresProvider")
            .field("host", &self.setup.connect.get_host())
            .field("database", &self.setup.connect.get_database())
            .field("options", &self.setup.options)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}

/// The answer to a batch, whose error is that of each member.
fn each<T>(
    answer: Result<Vec<Result<T, ProviderError>>, ProviderError>,
    count: usize,
) -> Vec<Result<T, ProviderError>> {
    match answer {
        Ok(answers) => answers,
        Err(error) => error::for_each(error, count),
    }
}

#[async_trait]
impl Provider for PostgresProvider {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "postgres",
            version: env!("CARGO_PKG_VERSION"),
            backend: format!("PostgreSQL {}", self.server.version),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::volatile();
        capabilities.durability = self.server.durability;
        capabilities.multi_process = true;
        capabilities.push_wakeups = self.setup.options.listen != Listen::Never;
        capabilities.limits = self.setup.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        check::claim_queues("claim_turns", &request.queues)?;
        let request = request.clone();
        let job = |reply| LeaseJob::ClaimTurns(request, reply);
        self.lease("claim_turns", job).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        check::claim_queues("claim_activities", &request.queues)?;
        let request = request.clone();
        let job = |reply| LeaseJob::ClaimActivities(request, reply);
        self.lease("claim_activities", job).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        self.wait_until_claimable(queues, max_wait).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.commit_batch(operations).await
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let refusals = check::renewals(leases);
        let accepted: Vec<Renew> = refusals.accepted(leases).cloned().collect();
        let count = accepted.len();
        let job = |reply| LeaseJob::Renew(accepted, extend_by, reply);
        refusals.answers(each(self.lease("renew", job).await, count))
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let refusals = check::releases(&releases);
        let accepted: Vec<Release> = refusals.accepted(releases).collect();
        let count = accepted.len();
        let job = |reply| LeaseJob::Release(accepted, reply);
        refusals.answers(each(self.lease("release", job).await, count))
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let (reply, answer) = oneshot::channel();
        let job = ReadJob::History {
            request: request.clone(),
            reply,
            room: self.rooms.reads.take(1).await,
        };
        self.read("read_history", job, answer).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let (reply, answer) = oneshot::channel();
        let job = ReadJob::Mail {
            request: request.clone(),
            reply,
            room: self.rooms.reads.take(1).await,
        };
        self.read("read_mail", job, answer).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let (reply, answer) = oneshot::channel();
        let job = ReadJob::Values {
            request: request.clone(),
            reply,
            room: self.rooms.reads.take(1).await,
        };
        self.read("read_values", job, answer).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let heads = self.read_heads("read_head", vec![instance.clone()]).await?;
        Ok(heads.into_iter().next())
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.wait_until_changed(watched, max_wait).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let is_left = self.sweep("maintain", budget).await?;
        Ok(Some(if is_left {
            Duration::ZERO
        } else {
            MAINTAIN_INTERVAL
        }))
    }

    async fn close(&self) {
        self.setup.close();
        self.engine.ended().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}
