//! Handles on one in-memory store, as if it were durable and several processes worked on it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{
    ActivityPage, Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit,
    Committed, DeleteMode, Durability, ExecutionRecord, HistoryPage, Inspect, Inspection,
    InstanceFilter, InstanceHead, InstanceId, InstancePage, InstanceValue, ListActivities,
    MailPage, Provider, ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail,
    ReadValues, Release, Renew, Renewal, StoreMetrics, Turn, Watch, refusal,
};
use duroxide_memory::MemoryProvider;
use duroxide_provider_tests::{Ending, Store, TestClock, Unavailable};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::mutant::{How, Sharing};
use super::rewrite::{Rewrite, Rewritten};

/// A store that outlives its handles, and that several of them share.
pub(super) struct SharedStore {
    clock: ManualClock,
    how: How,
    data: Arc<Mutex<Data>>,
    handles: AtomicUsize,
}

#[derive(Debug)]
struct Data {
    provider: Arc<MemoryProvider>,
    /// What the processes have given to the operating system, where that is not everything.
    kept: MemoryProvider,
    open: Vec<Weak<Handle>>,
}

impl Data {
    /// Keeps what this handle sees, unless its process was killed before.
    fn keep(&mut self, provider: &Arc<MemoryProvider>) {
        if Arc::ptr_eq(provider, &self.provider) {
            self.kept = provider.fork();
        }
    }
}

impl SharedStore {
    pub(super) fn new(clock: ManualClock, provider: MemoryProvider, how: How) -> Self {
        Self {
            clock,
            how,
            data: Arc::new(Mutex::new(Data {
                kept: provider.fork(),
                provider: Arc::new(provider),
                open: Vec::new(),
            })),
            handles: AtomicUsize::new(0),
        }
    }

    fn rewrite(&self, handle: usize) -> Option<Rewrite> {
        match self.how {
            How::Outside(rewrite) => Some(rewrite),
            How::AfterReopening(rewrite) => (handle > 0).then_some(rewrite),
            How::Reference | How::Inside(_) | How::Shared(_) => None,
        }
    }

    fn sharing(&self) -> Option<Sharing> {
        match self.how {
            How::Shared(sharing) => Some(sharing),
            How::Reference | How::Inside(_) | How::Outside(_) | How::AfterReopening(_) => None,
        }
    }

    /// A handle on the data, read anew if nobody has it open.
    fn open(&self, durability: Durability) -> Arc<Handle> {
        let sharing = self.sharing();
        let mut data = self.data.lock();
        data.open.retain(|handle| handle.strong_count() > 0);
        if data.open.is_empty() || sharing == Some(Sharing::Apart) {
            data.provider = Arc::new(data.provider.fork());
        }
        let handle = Arc::new(Handle {
            inner: Arc::clone(&data.provider),
            closed: watch::Sender::new(false),
            sharing,
            durability,
            data: Arc::clone(&self.data),
        });
        data.open.push(Arc::downgrade(&handle));
        handle
    }
}

impl SharedStore {
    fn connect_with(&self, number: usize, durability: Durability) -> Arc<dyn Provider> {
        let handle = self.open(durability);
        match self.rewrite(number) {
            Some(rewrite) => Arc::new(Rewritten::new(handle, rewrite)),
            None => handle,
        }
    }
}

#[async_trait]
impl Store for SharedStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let number = self.handles.fetch_add(1, Ordering::Relaxed);
        Ok(self.connect_with(number, Durability::PowerLoss))
    }

    async fn crash(&self) -> Result<Ending, Unavailable> {
        let mut data = self.data.lock();
        let left = match self.sharing() {
            Some(Sharing::KeptAtTheEnd | Sharing::ClaimsAreKeptLater) => data.kept.fork(),
            Some(Sharing::Apart | Sharing::ClosedHandlesCommit) | None => data.provider.fork(),
        };
        data.provider = Arc::new(left);
        // Nobody asks the dead any more.
        data.open.clear();
        Ok(Ending::ProcessKilled)
    }

    async fn connect_weakened(&self) -> Result<Option<Arc<dyn Provider>>, Unavailable> {
        let number = self.handles.fetch_add(1, Ordering::Relaxed);
        Ok(Some(self.connect_with(number, Durability::ProcessCrash)))
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
/// One process's handle: closing it closes nobody else's.
#[derive(Debug)]
struct Handle {
    inner: Arc<MemoryProvider>,
    closed: watch::Sender<bool>,
    sharing: Option<Sharing>,
    /// What the setting of the store says.
    durability: Durability,
    data: Arc<Mutex<Data>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.data.lock().keep(&self.inner);
    }
}

impl Handle {
    /// Keeps what was done by now; whose fault lies elsewhere takes it from the living.
    fn keep(&self) {
        if self.sharing == Some(Sharing::ClaimsAreKeptLater) {
            self.data.lock().keep(&self.inner);
        }
    }

    fn enter(&self, operation: &'static str) -> Result<&MemoryProvider, ProviderError> {
        if *self.closed.borrow() {
            return Err(refusal::closed(operation));
        }
        Ok(&self.inner)
    }

    async fn until_closed(&self) {
        // The sender is in this handle, so that the wait does not end for another reason.
        self.closed
            .subscribe()
            .wait_for(|closed| *closed)
            .await
            .ok();
    }

    fn refuse_each<T>(operation: &'static str, members: usize) -> Vec<Result<T, ProviderError>> {
        let refused = (0..members).map(|_| Err(refusal::closed(operation)));
        refused.collect()
    }
}

#[async_trait]
impl Provider for Handle {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.inner.capabilities();
        capabilities.durability = self.durability;
        capabilities.multi_process = true;
        capabilities
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.enter("claim_turns")?.claim_turns(request).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let inner = self.enter("claim_activities")?;
        inner.claim_activities(request).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let inner = self.enter("wait_for_work")?;
        tokio::select! {
            () = self.until_closed() => Err(refusal::closed("wait_for_work")),
            waited = inner.wait_for_work(queues, max_wait) => waited,
        }
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let members = operations.len();
        match self.enter("commit") {
            Ok(inner) => {
                let answers = inner.commit(operations).await;
                self.keep();
                answers
            }
            Err(_) => {
                if self.sharing == Some(Sharing::ClosedHandlesCommit) {
                    self.inner.commit(operations).await;
                }
                Self::refuse_each("commit", members)
            }
        }
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        match self.enter("renew") {
            Ok(inner) => {
                let answers = inner.renew(leases, extend_by).await;
                self.keep();
                answers
            }
            Err(_) => Self::refuse_each("renew", leases.len()),
        }
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        match self.enter("release") {
            Ok(inner) => {
                let answers = inner.release(releases).await;
                self.keep();
                answers
            }
            Err(_) => Self::refuse_each("release", releases.len()),
        }
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.enter("read_history")?.read_history(request).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        self.enter("read_mail")?.read_mail(request).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        self.enter("read_values")?.read_values(request).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        self.enter("read_head")?.read_head(instance).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let inner = self.enter("wait_for_change")?;
        tokio::select! {
            () = self.until_closed() => Err(refusal::closed("wait_for_change")),
            waited = inner.wait_for_change(watched, max_wait) => waited,
        }
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.enter("maintain")?.maintain(budget).await
    }

    async fn close(&self) {
        self.closed.send_replace(true);
        self.data.lock().keep(&self.inner);
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }
}

#[async_trait]
impl ProviderAdmin for Handle {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        self.enter("list_instances")?.list_instances(filter).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        self.enter("inspect")?.inspect(request).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let inner = self.enter("list_activities")?;
        inner.list_activities(request).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let inner = self.enter("list_executions")?;
        inner.list_executions(instance).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let inner = self.enter("delete_instance")?;
        let deleted = inner.delete_instance(instance, mode).await;
        self.keep();
        deleted
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let inner = self.enter("prune_executions")?;
        let pruned = inner.prune_executions(instance, keep_last).await;
        self.keep();
        pruned
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        self.enter("metrics")?.metrics().await
    }
}
