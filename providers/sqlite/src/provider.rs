//! The provider itself: what callers hold.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    Durability, HistoryPage, InstanceHead, InstanceId, Lease, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, Release, Renewal, Turn, Watch,
};
use tokio::sync::oneshot;

use crate::clock::StoreClock;
use crate::error;
use crate::head;
use crate::history;
use crate::hub::Hub;
use crate::job::{Access, Batch, Member};
use crate::lease::Renew;
use crate::location::Location;
use crate::options::{SqliteMode, SqliteOptions};
use crate::reader::{Reach, Readers};
use crate::room::Rooms;
use crate::sql::Sql;
use crate::stats::{Counters, SqliteStats};
use crate::worker::Worker;
use crate::writer::{Order, Setup, Writer};

/// A provider that keeps everything in one SQLite database.
pub struct SqliteProvider {
    pub(crate) setup: Arc<Setup>,
    /// Dropped before the writer, so that the connection that writes is the last one.
    pub(crate) readers: Readers,
    pub(crate) writer: Worker<Order>,
    pub(crate) rooms: Rooms,
    durability: Durability,
}

impl SqliteProvider {
    /// Opens a database, and creates it if it does not exist.
    ///
    /// The url is `sqlite:data.db`, `sqlite:///an/absolute/path`, `sqlite::memory:` or a plain
    /// path. `?mode=rw` refuses to create it, `?mode=memory` keeps it in memory.
    ///
    /// # Errors
    /// `Config` for a url, a file or a setting that cannot work, or while the file is open in a
    /// mode that excludes this one; `Corrupt` for a damaged database; `Unavailable` where trying
    /// again can help.
    pub async fn new(url: &str, options: Option<SqliteOptions>) -> Result<Self, ProviderError> {
        let location = Location::parse(url)?;
        Self::open(location, options.unwrap_or_default()).await
    }

    /// A database of its own in memory, gone with the provider.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn new_in_memory() -> Result<Self, ProviderError> {
        Self::new_in_memory_with_options(None).await
    }

    /// A database of its own in memory, with these settings.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn new_in_memory_with_options(
        options: Option<SqliteOptions>,
    ) -> Result<Self, ProviderError> {
        Self::open(Location::Memory, options.unwrap_or_default()).await
    }

    /// What was asked of SQLite so far.
    #[must_use]
    pub fn stats(&self) -> SqliteStats {
        self.setup.counters.snapshot()
    }

    async fn open(location: Location, mut options: SqliteOptions) -> Result<Self, ProviderError> {
        let location = location.resolve()?;
        location.check_local()?;
        if location.path().is_none() {
            // Nobody else can reach what is in memory.
            options.mode = SqliteMode::SingleProcess;
        }
        let setup = Arc::new(Setup {
            clock: Arc::new(StoreClock::new(Arc::clone(&options.clock))),
            location,
            options,
            counters: Arc::new(Counters::default()),
            hub: Arc::new(Hub::default()),
        });
        let (reply, opened) = oneshot::channel();
        let writer = Worker::spawn("duroxide-sqlite-write", {
            let setup = Arc::clone(&setup);
            move |orders| write(&setup, reply, orders)
        })?;
        let durability = opened
            .await
            .unwrap_or_else(|_| Err(error::abandoned("open", false)))?;
        Ok(Self {
            readers: Readers::open(&setup)?,
            setup,
            writer,
            rooms: Rooms::new(),
            durability,
        })
    }

    /// Has the writer do operations, each answered in its place.
    pub(crate) async fn submit<M: Member>(
        &self,
        members: Vec<M>,
    ) -> Vec<Result<M::Answer, ProviderError>> {
        let count = members.len();
        if count == 0 {
            return Vec::new();
        }
        // Leases are few, and must not wait behind a flood of commits.
        let room = match M::ACCESS {
            Access::Lease => None,
            Access::Durable => {
                let bytes = members.iter().map(Member::bytes);
                let bytes = bytes.fold(0, usize::saturating_add);
                Some(self.rooms.for_writes(count, bytes).await)
            }
        };
        let (job, answers) = Batch::new(members, room);
        let sent = self.writer.send(Order::Write(Box::new(job)));
        let fail_each =
            |error: &dyn Fn() -> ProviderError| (0..count).map(|_| Err(error())).collect();
        if sent.is_err() {
            return fail_each(&|| error::closed(M::OPERATION));
        }
        let is_durable = M::ACCESS == Access::Durable;
        let abandoned = || error::abandoned(M::OPERATION, is_durable);
        answers.await.unwrap_or_else(|_| fail_each(&abandoned))
    }

    /// Has the writer do one operation.
    pub(crate) async fn submit_one<M: Member>(
        &self,
        member: M,
    ) -> Result<M::Answer, ProviderError> {
        let is_durable = M::ACCESS == Access::Durable;
        let answers = self.submit(vec![member]).await;
        let answer = answers.into_iter().next();
        answer.unwrap_or_else(|| Err(error::abandoned(M::OPERATION, is_durable)))
    }
}

/// The life of the writer's thread.
fn write(
    setup: &Arc<Setup>,
    reply: oneshot::Sender<Result<Durability, ProviderError>>,
    orders: &Receiver<Order>,
) {
    // Nobody may wait for a writer that is gone, even if it ended by a panic.
    struct CloseAtEnd<'a>(&'a Hub);
    impl Drop for CloseAtEnd<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    let _close_at_end = CloseAtEnd(&setup.hub);
    match Writer::open(Arc::clone(setup)) {
        Ok((writer, durability)) => {
            // If the caller has gone away, there are no orders and this ends at once.
            reply.send(Ok(durability)).ok();
            writer.serve(orders);
        }
        Err(error) => {
            reply.send(Err(error)).ok();
        }
    }
}

impl fmt::Debug for SqliteProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteProvider")
            .field("location", &self.setup.location)
            .field("options", &self.setup.options)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for SqliteProvider {
    fn about(&self) -> ProviderInfo {
        ProviderInfo {
            name: "sqlite",
            version: env!("CARGO_PKG_VERSION"),
            backend: format!("SQLite {}", rusqlite::version()),
            contract: ProviderInfo::CONTRACT,
        }
    }

    fn capabilities(&self) -> Capabilities {
        let is_shared = self.setup.options.mode == SqliteMode::MultiProcess;
        let mut capabilities = Capabilities::volatile();
        capabilities.durability = self.durability;
        capabilities.multi_process = is_shared;
        capabilities.push_wakeups = !is_shared;
        capabilities.limits = self.setup.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.submit_one(request.clone()).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.submit_one(request.clone()).await
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
        leases: &[Lease],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let renewals = leases.iter().map(|lease| Renew {
            lease: lease.clone(),
            extend_by,
        });
        self.submit(renewals.collect()).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        self.submit(releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let request = request.clone();
        let read = move |sql: &Sql| history::read(sql, &request);
        self.query("read_history", Reach::Narrow, read).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let instance = instance.clone();
        let read = move |sql: &Sql| head::read(sql, &instance);
        self.query("read_head", Reach::Narrow, read).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.wait_until_changed(watched, max_wait).await
    }

    async fn maintain(&self, _budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.tend().await
    }

    async fn close(&self) {
        self.setup.hub.close();
        // The writer's connection is the last one, which leaves a single file behind.
        self.readers.close().await;
        self.writer.close().await;
    }

    fn admin(&self) -> Option<&dyn ProviderAdmin> {
        Some(self)
    }
}
