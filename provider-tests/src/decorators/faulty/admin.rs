//! The management operations, each through the script.

use async_trait::async_trait;
use duroxide_core::providers::{
    DeleteMode, ExecutionRecord, InstanceFilter, InstanceId, InstancePage, Provider, ProviderAdmin,
    ProviderError, QueueDepths, SystemMetrics,
};

use super::{Faulty, Operation};
use crate::decorators::admin_of;

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<P: Provider + ?Sized> ProviderAdmin for Faulty<P> {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let admin = admin_of(&*self.inner)?;
        let call = || admin.list_instances(filter);
        self.call(Operation::ListInstances, 1, call).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let admin = admin_of(&*self.inner)?;
        let call = || admin.list_executions(instance);
        self.call(Operation::ListExecutions, 1, call).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let admin = admin_of(&*self.inner)?;
        let call = || admin.delete_instance(instance, mode);
        self.call(Operation::DeleteInstance, 1, call).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let admin = admin_of(&*self.inner)?;
        let call = || admin.prune_executions(instance, keep_last);
        self.call(Operation::PruneExecutions, 1, call).await
    }

    async fn metrics(&self) -> Result<SystemMetrics, ProviderError> {
        let admin = admin_of(&*self.inner)?;
        self.call(Operation::Metrics, 1, || admin.metrics()).await
    }

    async fn queue_depths(&self) -> Result<QueueDepths, ProviderError> {
        let admin = admin_of(&*self.inner)?;
        self.call(Operation::QueueDepths, 1, || admin.queue_depths())
            .await
    }
}
