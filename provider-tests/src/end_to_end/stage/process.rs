//! A process that can be killed.

use std::fmt::Debug;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, Lease, Provider, ProviderAdmin, ProviderError,
    ProviderInfo, Queues, ReadHistory, Release, Renewal, Turn, Watch,
};
use tokio::sync::watch;

/// The store as one process sees it. From its death on no call begins and none is answered: those
/// under way are dropped, and whether they happened nobody knows.
///
/// Only a release is answered, with an error, so that the runtime of a dead process can be cleared
/// away; it does not reach the store either.
#[derive(Debug)]
pub(super) struct Process {
    store: Arc<dyn Provider>,
    dead: watch::Sender<bool>,
}

impl Process {
    pub(super) fn new(store: Arc<dyn Provider>) -> Self {
        Self {
            store,
            dead: watch::Sender::new(false),
        }
    }

    pub(super) fn die(&self) {
        self.dead.send_replace(true);
    }

    async fn death(&self) {
        let mut dead = self.dead.subscribe();
        // The sender is this process's own, so that the wait cannot fail.
        dead.wait_for(|dead| *dead).await.ok();
    }

    /// The answer to a call, if the process lives to hear it.
    async fn alive<T>(&self, call: impl Future<Output = T> + Send) -> T {
        tokio::select! {
            biased;
            () = self.death() => pending().await,
            answer = call => answer,
        }
    }
}

#[async_trait]
impl Provider for Process {
    fn about(&self) -> ProviderInfo {
        self.store.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        self.alive(self.store.claim_turns(request)).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        self.alive(self.store.claim_activities(request)).await
    }

    async fn wait_for_work(&self, queues: &Queues, max: Duration) -> Result<(), ProviderError> {
        self.alive(self.store.wait_for_work(queues, max)).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        self.alive(self.store.commit(operations)).await
    }

    async fn renew(&self, leases: &[Lease], by: Duration) -> Vec<Result<Renewal, ProviderError>> {
        self.alive(self.store.renew(leases, by)).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let refused = || Err(ProviderError::retryable("release", "the process is dead"));
        let refusals = releases.iter().map(|_| refused()).collect();
        tokio::select! {
            biased;
            () = self.death() => refusals,
            answers = self.store.release(releases) => answers,
        }
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        self.alive(self.store.read_history(request)).await
    }

    async fn read_head(&self, id: &InstanceId) -> Result<Option<InstanceHead>, ProviderError> {
        self.alive(self.store.read_head(id)).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        self.alive(self.store.wait_for_change(watched, max)).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        self.alive(self.store.maintain(budget)).await
    }

    async fn close(&self) {
        self.alive(self.store.close()).await;
    }

    fn admin(&self) -> Option<&dyn ProviderAdmin> {
        self.store.admin()
    }
}
