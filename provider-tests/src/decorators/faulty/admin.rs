//! The management operations, each through the script.

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ExecutionRecord, Inspect, Inspection, InstanceFilter, InstanceId,
    InstancePage, ListActivities, Provider, ProviderAdmin, ProviderError, StoreMetrics,
};

use super::{Faulty, Operation};

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> ProviderAdmin for Faulty<P> {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.list_instances(filter);
        self.call(Operation::ListInstances, 1, call).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.inspect(request);
        self.call(Operation::Inspect, 1, call).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.list_activities(request);
        self.call(Operation::ListActivities, 1, call).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.list_executions(instance);
        self.call(Operation::ListExecutions, 1, call).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.delete_instance(instance, mode);
        self.call(Operation::DeleteInstance, 1, call).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let admin = self.inner.admin();
        let call = || admin.prune_executions(instance, keep_last);
        self.call(Operation::PruneExecutions, 1, call).await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        let admin = self.inner.admin();
        self.call(Operation::Metrics, 1, || admin.metrics()).await
    }
}
