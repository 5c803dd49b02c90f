//! Management.

use std::ops::Bound;

use async_trait::async_trait;
use duroxide_core::providers::{
    DeleteMode, ExecutionRecord, InstanceFilter, InstanceId, InstancePage, InstanceStatus,
    ProviderAdmin, ProviderError, QueueDepths, SystemMetrics, refusal,
};

use crate::defect::Defect;
use crate::provider::MemoryProvider;
use crate::state::{Execution, State};

#[async_trait]
impl ProviderAdmin for MemoryProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        Ok(self.enter("list_instances")?.list_instances(filter))
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

    async fn metrics(&self) -> Result<SystemMetrics, ProviderError> {
        Ok(self.enter("metrics")?.metrics())
    }

    async fn queue_depths(&self) -> Result<QueueDepths, ProviderError> {
        Ok(self.enter("queue_depths")?.queue_depths())
    }
}

impl State {
    fn list_instances(&self, filter: &InstanceFilter) -> InstancePage {
        let after = filter
            .after
            .as_ref()
            .map_or(Bound::Unbounded, |id| Bound::Excluded(id.as_str()));
        let mut matching = self
            .instances
            .range((after, Bound::Unbounded))
            .map(|(_, instance)| &instance.head)
            .filter(|head| filter.status.is_none_or(|status| status == head.status))
            .filter(|head| {
                let wanted = filter.orchestration.as_ref();
                wanted.is_none_or(|name| *name == head.orchestration)
            });
        InstancePage {
            instances: matching
                .by_ref()
                .take(filter.instances_max)
                .cloned()
                .collect(),
            more: matching.next().is_some(),
        }
    }

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
        if mode == DeleteMode::TerminalOnly && !instance.head.status.is_terminal() {
            return Err(refusal::invalid(
                "delete_instance",
                id,
                "the instance has not ended; cancel it first, or force the deletion",
            ));
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

    fn metrics(&self) -> SystemMetrics {
        let mut metrics = SystemMetrics::default();
        for instance in self.instances.values() {
            let executions = instance.executions.values();
            metrics.total_instances += 1;
            metrics.total_executions += executions.len() as u64;
            metrics.total_events += executions.map(Execution::event_count).sum::<u64>();
            *match instance.head.status {
                InstanceStatus::Pending | InstanceStatus::Running => &mut metrics.running_instances,
                InstanceStatus::Completed => &mut metrics.completed_instances,
                InstanceStatus::Failed => &mut metrics.failed_instances,
            } += 1;
        }
        metrics
    }

    fn queue_depths(&self) -> QueueDepths {
        let mut depths = QueueDepths {
            worker_queue: self.activities.len(),
            ..QueueDepths::default()
        };
        for instance in self.instances.values() {
            let (visible, delayed) = instance.inbox.depths(self.now_ms, &instance.head.awaited);
            depths.orchestrator_queue += visible;
            depths.timer_queue += delayed;
        }
        depths
    }
}
