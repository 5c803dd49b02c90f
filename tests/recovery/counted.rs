//! A store that counts the calls it gets, and can be slow to answer a claim.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use duroxide::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, Lease, Provider, ProviderAdmin, ProviderError,
    ProviderInfo, Queues, ReadHistory, Release, Renewal, Turn, Watch,
};
use tokio::sync::{Semaphore, SemaphorePermit};

/// A store that counts the calls it gets, and can be slow to answer a claim.
#[derive(Debug)]
pub(crate) struct Counted<P> {
    inner: Arc<P>,
    calls: AtomicU64,
    renewals: AtomicU64,
    /// Closed while the answers to claims are held back.
    answers: Semaphore,
    held_back: AtomicU64,
}

impl<P: Provider> Counted<P> {
    pub(crate) fn new(inner: P) -> Self {
        Self {
            inner: Arc::new(inner),
            calls: AtomicU64::new(0),
            renewals: AtomicU64::new(0),
            answers: Semaphore::new(1),
            held_back: AtomicU64::new(0),
        }
    }

    /// Holds back the answers to claims that found something, until the permit is dropped.
    pub(crate) async fn hold_back_claims(&self) -> SemaphorePermit<'_> {
        self.answers.acquire().await.unwrap()
    }

    /// How many answers were held back so far.
    pub(crate) fn held_back(&self) -> u64 {
        self.held_back.load(Ordering::SeqCst)
    }

    /// How many calls there were, waits apart.
    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many leases were renewed.
    pub(crate) fn renewals(&self) -> u64 {
        self.renewals.load(Ordering::SeqCst)
    }

    fn count(&self) -> &P {
        self.calls.fetch_add(1, Ordering::SeqCst);
        &self.inner
    }
}

#[async_trait]
impl<P: Provider> Provider for Counted<P> {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let claimed = self.count().claim_turns(request).await?;
        if self.answers.available_permits() == 0 && !claimed.items.is_empty() {
            self.held_back.fetch_add(1, Ordering::SeqCst);
            drop(self.answers.acquire().await);
        }
        Ok(claimed)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.count().claim_activities(request).await
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        self.inner.wait_for_work(queues, max).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.count().commit(operations).await
    }

    async fn renew(&self, leases: &[Lease], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        let answers = self.count().renew(leases, by).await;
        self.renewals
            .fetch_add(leases.len() as u64, Ordering::SeqCst);
        answers
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        self.count().release(releases).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.count().read_history(request).await
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        self.count().read_head(id).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.inner.wait_for_change(watched, max).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.count().maintain(budget).await
    }

    async fn close(&self) {
        self.inner.close().await;
    }

    fn admin(&self) -> Option<&dyn ProviderAdmin> {
        self.inner.admin()
    }
}
