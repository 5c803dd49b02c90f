//! What the parts of a provider share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::entropy::Entropy;
use duroxide_core::providers::ProviderError;
use sqlx::postgres::PgConnectOptions;
use uuid::Uuid;

use crate::commit::CommitJob;
use crate::hub::Hub;
use crate::lease::LeaseJob;
use crate::location;
use crate::options::{Listen, PostgresOptions};
use crate::queue::Queue;
use crate::read::{ReadJob, WideJob};
use crate::schema::{Functions, Schema};

/// How long a statement may take beyond the server's own limit before its connection is taken to be
/// dead.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// The same for a statement about leases, beyond the limit for a lock.
const LEASE_ANSWER_GRACE: Duration = Duration::from_secs(1);
/// How long a statement may take where the server has no limit from here.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// What the parts of a provider share.
pub(crate) struct Setup {
    pub(crate) options: PostgresOptions,
    pub(crate) schema: Schema,
    pub(crate) functions: Functions,
    pub(crate) connect: PgConnectOptions,
    /// Where to listen, if anywhere.
    pub(crate) listen: Option<PgConnectOptions>,
    /// Tells this process from others, anew each time.
    pub(crate) node: Uuid,
    pub(crate) hub: Hub,
    pub(crate) commits: Queue<CommitJob>,
    pub(crate) leases: Queue<LeaseJob>,
    pub(crate) reads: Queue<ReadJob>,
    pub(crate) wide_reads: Queue<WideJob>,
    statements: AtomicU64,
    /// Told when the process is to be as if it had been killed.
    #[cfg(feature = "conformance")]
    pub(crate) death: tokio::sync::Notify,
}

impl Setup {
    pub(crate) fn new(url: &str, options: PostgresOptions) -> Result<Self, ProviderError> {
        let schema = Schema::new(&options.schema)?;
        let connect = location::with_options(location::parse(url)?, &options);
        let listen = match &options.listen {
            Listen::SameUrl => Some(connect.clone()),
            // It waits for ever by design, so that no timeout is asked for.
            Listen::Url(url) => Some(location::with_identity(location::parse(url)?, &options)),
            Listen::Never => None,
        };
        Ok(Self {
            functions: Functions::of(&schema),
            schema,
            connect,
            listen,
            node: Entropy.lease_token().0,
            hub: Hub::new(Arc::clone(&options.clock)),
            commits: Queue::default(),
            leases: Queue::default(),
            reads: Queue::default(),
            wide_reads: Queue::default(),
            statements: AtomicU64::new(0),
            #[cfg(feature = "conformance")]
            death: tokio::sync::Notify::new(),
            options,
        })
    }

    /// How long to wait for the answer to a statement.
    pub(crate) fn answer_timeout(&self) -> Duration {
        let statement_timeout = self.options.statement_timeout;
        statement_timeout.map_or(ANSWER_TIMEOUT, |it| it.saturating_add(ANSWER_GRACE))
    }

    /// The same for what is done about leases, which run out meanwhile: little more than it may wait
    /// for a lock.
    pub(crate) fn lease_answer_timeout(&self) -> Duration {
        let lock_timeout = self.options.lock_timeout.unwrap_or(ANSWER_GRACE);
        let lease = lock_timeout.saturating_add(LEASE_ANSWER_GRACE);
        lease.min(self.answer_timeout())
    }

    pub(crate) fn count_statement(&self) {
        self.statements.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn statements(&self) -> u64 {
        self.statements.load(Ordering::Relaxed)
    }

    /// Never returns, unless the process is to be as if it had been killed.
    pub(crate) async fn killed(&self) {
        #[cfg(feature = "conformance")]
        self.death.notified().await;
        #[cfg(not(feature = "conformance"))]
        std::future::pending::<()>().await;
    }

    /// Takes on nothing more. What is queued is done, and then everything ends.
    pub(crate) fn close(&self) {
        self.hub.close();
        self.commits.close();
        self.leases.close();
        self.reads.close();
        self.wide_reads.close();
    }
}
