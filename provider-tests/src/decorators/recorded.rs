//! A provider that writes down what it is asked and what it answers.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::Event;
use duroxide_core::providers::{
    ActivityPage, Capabilities, ClaimActivities, ClaimTurns, Claimed, ClaimedActivity, Commit,
    Committed, DeleteMode, ExecutionRecord, HistoryPage, Inspect, Inspection, InstanceFilter,
    InstanceHead, InstanceId, InstancePage, InstanceValue, ListActivities, MailPage, Provider,
    ProviderAdmin, ProviderError, ProviderInfo, Queues, ReadHistory, ReadMail, ReadValues, Release,
    Renew, Renewal, StoreMetrics, Turn, Watch,
};

use crate::transcript::{Begun, Transcript};

/// A provider whose calls are written into a [`Transcript`].
#[derive(Debug)]
pub struct Recorded<P: ?Sized> {
    handle: usize,
    transcript: Transcript,
    inner: Arc<P>,
}

impl<P: Provider + ?Sized> Recorded<P> {
    /// Records this provider under the number of its handle.
    #[must_use]
    pub fn new(inner: Arc<P>, handle: usize, transcript: Transcript) -> Self {
        Self {
            handle,
            transcript,
            inner,
        }
    }

    fn begin(&self, operation: &str, request: &dyn Debug) -> Begun {
        self.transcript.begin(self.handle, operation, request)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> Provider for Recorded<P> {
    fn about(&self) -> ProviderInfo {
        self.inner.about()
    }

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn claim_turns(&self, request: &ClaimTurns) -> Result<Claimed<Turn>, ProviderError> {
        let call = self.begin("claim_turns", request);
        call.answered(self.inner.claim_turns(request).await)
    }

    async fn claim_activities(
        &self,
        request: &ClaimActivities,
    ) -> Result<Claimed<ClaimedActivity>, ProviderError> {
        let call = self.begin("claim_activities", request);
        call.answered(self.inner.claim_activities(request).await)
    }

    async fn wait_for_work(
        &self,
        queues: &Queues,
        max_wait: Duration,
    ) -> Result<(), ProviderError> {
        let waited_for = (queues, max_wait);
        let call = self
            .transcript
            .begin_wait(self.handle, "wait_for_work", &waited_for);
        call.answered(self.inner.wait_for_work(queues, max_wait).await)
    }

    async fn commit(&self, operations: Vec<Commit>) -> Vec<Result<Committed, ProviderError>> {
        let call = self.begin("commit", &operations);
        call.answered(self.inner.commit(operations).await)
    }

    async fn renew(
        &self,
        leases: &[Renew],
        extend_by: Duration,
    ) -> Vec<Result<Renewal, ProviderError>> {
        let call = self.begin("renew", &(leases, extend_by));
        call.answered(self.inner.renew(leases, extend_by).await)
    }

    async fn release(&self, releases: Vec<Release>) -> Vec<Result<(), ProviderError>> {
        let call = self.begin("release", &releases);
        call.answered(self.inner.release(releases).await)
    }

    async fn read_history(&self, request: &ReadHistory) -> Result<HistoryPage, ProviderError> {
        let call = self.begin("read_history", request);
        call.answered(self.inner.read_history(request).await)
    }

    async fn read_mail(&self, request: &ReadMail) -> Result<MailPage, ProviderError> {
        let call = self.begin("read_mail", request);
        call.answered(self.inner.read_mail(request).await)
    }

    async fn read_values(&self, request: &ReadValues) -> Result<Vec<InstanceValue>, ProviderError> {
        let call = self.begin("read_values", request);
        call.answered(self.inner.read_values(request).await)
    }

    async fn read_head(
        &self,
        instance: &InstanceId,
    ) -> Result<Option<InstanceHead>, ProviderError> {
        let call = self.begin("read_head", instance);
        call.answered(self.inner.read_head(instance).await)
    }

    async fn wait_for_change(
        &self,
        watched: &[Watch],
        max_wait: Duration,
    ) -> Result<Vec<InstanceHead>, ProviderError> {
        let waited_for = (watched, max_wait);
        let call = self
            .transcript
            .begin_wait(self.handle, "wait_for_change", &waited_for);
        call.answered(self.inner.wait_for_change(watched, max_wait).await)
    }

    async fn maintain(&self, budget: Duration) -> Result<Option<Duration>, ProviderError> {
        let call = self.begin("maintain", &budget);
        call.answered(self.inner.maintain(budget).await)
    }

    async fn close(&self) {
        let call = self.begin("close", &());
        self.inner.close().await;
        call.answered(());
    }

    fn admin(&self) -> &dyn ProviderAdmin {
        self
    }

    async fn read(&self, instance: &str) -> Result<Vec<Event>, ProviderError> {
        let call = self.begin("read", &instance);
        call.answered(self.inner.read(instance).await)
    }

    async fn read_with_execution(
        &self,
        instance: &str,
        execution_id: u64,
    ) -> Result<Vec<Event>, ProviderError> {
        let call = self.begin("read_with_execution", &(instance, execution_id));
        call.answered(self.inner.read_with_execution(instance, execution_id).await)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> ProviderAdmin for Recorded<P> {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let call = self.begin("list_instances", filter);
        call.answered(self.inner.admin().list_instances(filter).await)
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let call = self.begin("inspect", request);
        call.answered(self.inner.admin().inspect(request).await)
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let call = self.begin("list_activities", request);
        call.answered(self.inner.admin().list_activities(request).await)
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let call = self.begin("list_executions", instance);
        call.answered(self.inner.admin().list_executions(instance).await)
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let call = self.begin("delete_instance", &(instance, mode));
        call.answered(self.inner.admin().delete_instance(instance, mode).await)
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let call = self.begin("prune_executions", &(instance, keep_last));
        call.answered(
            self.inner
                .admin()
                .prune_executions(instance, keep_last)
                .await,
        )
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let call = self.begin("metrics", &());
        call.answered(self.inner.admin().metrics().await)
    }
}
