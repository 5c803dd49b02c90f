//! Management.

use async_trait::async_trait;
use duroxide_core::providers::{
    ActivityPage, DeleteMode, ExecutionRecord, Inspect, Inspection, InstanceFilter, InstanceId,
    InstancePage, ListActivities, ProviderAdmin, ProviderError, StoreMetrics, refusal,
};

use crate::defect::Defect;
use crate::provider::MemoryProvider;
use crate::state::State;

#[async_trait]
impl ProviderAdmin for MemoryProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        self.enter("list_instances")?.list_instances(filter)
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        self.enter("inspect")?.inspect(request)
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        self.enter("list_activities")?.list_activities(request)
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        Ok(self.enter("list_executions")?.list_executions(instance))
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        self.enter("delete_instance")?
            .delete_instance(instance, mode)
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        self.enter("prune_executions")?
            .prune_executions(instance, keep_last)
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        Ok(self.enter("metrics")?.metrics())
    }
}

impl State {
    fn list_executions(&self, id: &InstanceId) -> Vec<ExecutionRecord> {
        let instances = self.instances.get(id).into_iter();
        instances
            .flat_map(|instance| &instance.executions)
            .map(|(number, execution)| ExecutionRecord {
                execution: *number,
                status: execution.status,
                output: execution.output.clone(),
                started_at_ms: execution.started_at_ms,
                completed_at_ms: execution.completed_at_ms,
                event_count: execution.event_count(),
            })
            .collect()
    }

    fn delete_instance(&mut self, id: &InstanceId, mode: DeleteMode) -> Result<(), ProviderError> {
        let Some(instance) = self.instances.get(id) else {
            return Err(refusal::not_found("delete_instance", id));
        };
        let is_forced = mode == DeleteMode::Force;
        if !is_forced && !instance.head.status.is_terminal() {
            return Err(refusal::invalid(
                "delete_instance",
                id,
                "the instance has not ended; cancel it first, or force the deletion",
            ));
        }
        let awaits = instance.awaits_control(self.now_ms);
        if !is_forced && awaits && !self.defects.has(Defect::DeletionSparesNobody) {
            return Err(refusal::awaits_control("delete_instance", id));
        }
        self.remove(id);
        Ok(())
    }

    fn prune_executions(&mut self, id: &InstanceId, keep_last: u64) -> Result<u64, ProviderError> {
        let Some(instance) = self.instances.get_mut(id) else {
            return Err(refusal::not_found("prune_executions", id));
        };
        let current = instance.head.position.execution;
        let kept_min = u64::from(!self.defects.has(Defect::PruneTakesCurrent));
        let first_kept = (current + 1).saturating_sub(keep_last.max(kept_min));
        let kept = instance.executions.split_off(&first_kept);
        let pruned = std::mem::replace(&mut instance.executions, kept);
        Ok(pruned.len() as u64)
    }
}
