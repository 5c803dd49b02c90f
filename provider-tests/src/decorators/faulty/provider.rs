//! The operations, each through the script.

use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::Event;
use duroxide_core::providers::{
    Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit, Committed,
    HistoryPage, InstanceHead, InstanceId, InstanceValue, MailPage, Provider, ProviderAdmin,
    ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release, Renew,
    Renewal, Turn, Watch,
};

use super::{Faulty, Operation};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> Provider for Faulty<P> {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let call = || self.inner.claim_turns(request);
        self.call(Operation::ClaimTurns, 1, call).await
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let call = || self.inner.claim_activities(request);
        self.call(Operation::ClaimActivities, 1, call).await
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let call = || self.inner.wait_for_work(queues, max_wait);
        self.call(Operation::WaitForWork, 1, call).await
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let call = || self.inner.commit(operations.clone());
        self.call(Operation::Commit, operations.len(), call).await
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let call = || self.inner.renew(leases, extend_by);
        self.call(Operation::Renew, leases.len(), call).await
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let call = || self.inner.release(releases.clone());
        self.call(Operation::Release, releases.len(), call).await
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let call = || self.inner.read_history(request);
        self.call(Operation::ReadHistory, 1, call).await
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let call = || self.inner.read_mail(request);
        self.call(Operation::ReadMail, 1, call).await
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let call = || self.inner.read_values(request);
        self.call(Operation::ReadValues, 1, call).await
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let call = || self.inner.read_head(instance);
        self.call(Operation::ReadHead, 1, call).await
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let call = || self.inner.wait_for_change(watched, max_wait);
        self.call(Operation::WaitForChange, 1, call).await
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let call = || self.inner.maintain(budget);
        self.call(Operation::Maintain, 1, call).await
    }

    async fn close(&self) {
        self.call(Operation::Close, 1, || self.inner.close()).await;
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        let call = || self.inner.read(instance);
        self.call(Operation::Read, 1, call).await
    }

    async fn read_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        let call = || self.inner.read_with_execution(instance, execution_id);
        self.call(Operation::ReadWithExecution, 1, call).await
    }
}
