//! Management.

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ErrorKind, ExecutionRecord, Inspect, Inspection, InstanceFilter,
    InstanceId, InstancePage, ListActivities, ProviderAdmin, ProviderError, StoreMetrics,
};

use crate::provider::RedisProvider;

#[async_trait]
impl ProviderAdmin for RedisProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        self.instances_of(filter).await
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        self.inspection(request).await
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        self.activities_of(request).await
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        self.executions_of(instance).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        self.delete(instance, mode).await
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        self.prune(instance, keep_last).await
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        self.count_all().await
    }
}

impl RedisProvider {
    /// The numbers of an instance's executions that were not pruned, for diagnostics; empty for an
    /// absent instance.
    ///
    /// # Errors
    /// Those of the store; `InvalidInput` for an id that is none.
    pub async fn list_executions(&self, instance: &str) -> Result<Vec<u64>, ProviderError> {
        let instance = InstanceId::new(instance).map_err(|error| {
            let message = error.to_string();
            ProviderError::new(ErrorKind::InvalidInput, "list_executions", message)
                .with_source(error)
        })?;
        let records = self.executions_of(&instance).await?;
        Ok(records.into_iter().map(|record| record.execution).collect())
    }
}
