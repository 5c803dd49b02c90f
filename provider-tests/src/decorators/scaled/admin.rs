//! The management operations, of which only the metrics know durations.

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ExecutionRecord, Inspect, Inspection, InstanceFilter, InstanceId,
    InstancePage, ListActivities, Provider, ProviderAdmin, ProviderError, StoreMetrics,
};

use super::Scaled;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> ProviderAdmin for Scaled<P> {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        self.inner.admin().list_instances(filter).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        self.inner.admin().inspect(request).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        self.inner.admin().list_activities(request).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        self.inner.admin().list_executions(instance).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        self.inner.admin().delete_instance(instance, mode).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let admin = self.inner.admin();
        admin.prune_executions(instance, keep_last).await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let mut metrics = self.inner.admin().metrics().await?;
        let queues = metrics.turn_queues.iter_mut();
        for queue in queues.chain(&mut metrics.activity_queues) {
            let waits_ms = queue.oldest_waits_ms;
            queue.oldest_waits_ms = waits_ms.map(|ms| ms.saturating_mul(self.speedup.into()));
        }
        Ok(metrics)
    }
}
