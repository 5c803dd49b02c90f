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
use tokio::sync::watch;

use crate::error;
use crate::head;
use crate::history;
use crate::job::{Access, Batch, Member};
use crate::lease::Extend;
use crate::location::Location;
use crate::mail;
use crate::options::{SqliteMode, SqliteOptions};
use crate::reader::Reach;
use crate::shared;
use crate::sql::Sql;
use crate::stats::SqliteStats;
use crate::store::Store;
use crate::value;
use crate::writer::Order;

/// A provider that keeps everything in one SQLite database.
///
/// In [`SqliteMode::SingleProcess`] all providers that a process opens on one file are handles on
/// the same store. Closing one ends its own calls; the file is closed with the last one.
pub struct SqliteProvider {
    pub(crate) store: Arc<Store>,
    /// Whether this handle was closed.
    closed: watch::Sender<bool>,
}

impl SqliteProvider {
    /// Opens a database, and creates it if it does not exist.
    ///
    /// The url is `sqlite:data.db`, `sqlite:///an/absolute/path`, `sqlite::memory:` or a plain
    /// path. `?mode=rw` refuses to create it, `?mode=memory` keeps it in memory.
    ///
    /// If this process has the file open already, with the same options, this is another handle on
    /// that store. Several processes open it with [`SqliteMode::MultiProcess`].
    ///
    /// # Errors
    /// `Config` for a url, a file or a setting that cannot work, or while the file is open in a
    /// mode that excludes this one, or in this process with other options; `Corrupt` for a damaged
    /// database; `Unavailable` where trying again can help.
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

    /// What was asked of SQLite so far, through all handles of this process.
    #[must_use]
    pub fn stats(&self) -> SqliteStats {
        self.store.setup.counters.snapshot()
    }

    async fn open(location: Location, mut options: SqliteOptions) -> Result<Self, ProviderError> {
        let location = location.resolve()?;
        location.check_local()?;
        if location.path().is_none() {
            // Nobody else can reach what is in memory.
            options.mode = SqliteMode::SingleProcess;
        }
        Ok(Self {
            store: shared::open(location, options).await?,
            closed: watch::Sender::new(false),
        })
    }

    pub(crate) fn check_open(&self, operation: &'static str) -> Result<(), ProviderError> {
        if *self.closed.borrow() {
            return Err(error::closed(operation));
        }
        self.store.setup.hub.check_open(operation)
    }

    /// Waits until this handle is closed, or its store is.
    pub(crate) async fn closed(&self) {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            // It fails only once the handle is gone, which its borrower excludes.
            _ = closed.wait_for(|closed| *closed) => {}
            () = self.store.setup.hub.closed() => {}
        }
    }

    /// Ends the calls of this handle.
    fn leave(&self) {
        if !self.closed.send_replace(true) {
            self.store.leave();
        }
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
        let fail_each =
            |error: &dyn Fn() -> ProviderError| (0..count).map(|_| Err(error())).collect();
        if self.check_open(M::OPERATION).is_err() {
            return fail_each(&|| error::closed(M::OPERATION));
        }
        // Leases are few, and must not wait behind a flood of commits.
        let room = match M::ACCESS {
            Access::Lease => None,
            Access::Durable => {
                let bytes = members.iter().map(Member::bytes);
                let bytes = bytes.fold(0, usize::saturating_add);
                Some(self.store.rooms.for_writes(count, bytes).await)
            }
        };
        let (job, answers) = Batch::new(members, room);
        let sent = self.store.writer.send(Order::Write(Box::new(job)));
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

impl Drop for SqliteProvider {
    fn drop(&mut self) {
        self.leave();
    }
}

impl fmt::Debug for SqliteProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteProvider")
            .field("location", &self.store.setup.location)
            .field("options", &self.store.setup.options)
            .field("durability", &self.store.durability)
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
        let is_shared = self.store.setup.options.mode == SqliteMode::MultiProcess;
        let mut capabilities = Capabilities::volatile();
        capabilities.durability = self.store.durability;
        capabilities.multi_process = is_shared;
        capabilities.push_wakeups = !is_shared;
        capabilities.limits = self.store.setup.options.limits;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        check::claim_queues("claim_turns", &request.queues)?;
        self.submit_one(request.clone()).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        check::claim_queues("claim_activities", &request.queues)?;
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
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let refusals = check::renewals(leases);
        let renewals = refusals.accepted(leases).map(|renew| Extend {
            renew: renew.clone(),
            by: extend_by,
        });
        let answers = self.submit(renewals.collect()).await;
        refusals.answers(answers)
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let refusals = check::releases(&releases);
        let accepted = refusals.accepted(releases).collect();
        let answers = self.submit(accepted).await;
        refusals.answers(answers)
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let request = request.clone();
        let read = move |sql: &Sql| history::read(sql, &request);
        self.query("read_history", Reach::Narrow, read).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let request = request.clone();
        let now_ms = self.store.setup.clock.now_ms();
        let read = move |sql: &Sql| mail::read(sql, &request, now_ms);
        self.query("read_mail", Reach::Narrow, read).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let request = request.clone();
        let now_ms = self.store.setup.clock.now_ms();
        let read = move |sql: &Sql| value::read(sql, &request, now_ms);
        self.query("read_values", Reach::Narrow, read).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let instance = instance.clone();
        let read = move |sql: &Sql| head::read_with_note(sql, &instance);
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
        self.leave();
        self.store.close_if_abandoned().await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}
