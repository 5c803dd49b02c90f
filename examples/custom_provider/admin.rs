//! Management.

use async_trait::async_trait;
use duroxide::providers::{
    ActivityPage, DeleteMode, ExecutionRecord, Inspect, Inspection, InstanceFilter, InstanceId,
    InstancePage, ListActivities, ProviderAdmin, ProviderError, StoreMetrics, refusal,
};

use crate::change::Change;
use crate::provider::FileProvider;
use crate::state::State;

#[async_trait]
impl ProviderAdmin for FileProvider {
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError> {
        let filter = filter.clone();
        let list = move |state: &mut State| state.list_instances(&filter);
        self.call("list_instances", list).await?
    }

    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError> {
        let request = request.clone();
        let look = move |state: &mut State| state.inspect(&request);
        self.call("inspect", look).await?
    }

    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError> {
        let request = request.clone();
        let list = move |state: &mut State| state.list_activities(&request);
        self.call("list_activities", list).await?
    }

    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError> {
        let id = instance.clone();
        let list = move |state: &mut State| state.list_executions(&id);
        self.call("list_executions", list).await
    }

    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError> {
        let id = instance.clone();
        let delete = move |state: &mut State| state.delete_instance(&id, mode);
        self.call("delete_instance", delete).await?
    }

    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError> {
        let id = instance.clone();
        let prune = move |state: &mut State| state.prune_executions(&id, keep_last);
        self.call("prune_executions", prune).await?
    }

    async fn metrics(&self) -> Result<StoreMetrics, ProviderError> {
        self.call("metrics", |state| state.metrics()).await
    }
}

impl State {
    fn list_executions(&self, id: &InstanceId) -> Vec<ExecutionRecord> {
        let Some(instance) = self.instances.get(id) else {
            return Vec::new();
        };
        let records = instance.executions.values().map(|it| ExecutionRecord {
            execution: it.execution,
            status: it.status,
            output: it.output.clone(),
            started_at_ms: it.started_at_ms,
            completed_at_ms: it.completed_at_ms,
            event_count: instance.event_count(it.execution),
        });
        records.collect()
    }

    fn delete_instance(&mut self, id: &InstanceId, mode: DeleteMode) -> Result<(), ProviderError> {
        if !self.lives(id, None) {
            return Err(refusal::not_found("delete_instance", id));
        }
        if mode == DeleteMode::TerminalOnly && !self.has_ended(id) {
            let message = "the instance has not ended; cancel it first, or force the deletion";
            return Err(refusal::invalid("delete_instance", id, message));
        }
        if mode == DeleteMode::TerminalOnly && self.awaits_control(id) {
            return Err(refusal::awaits_control("delete_instance", id));
        }
        self.remove_instance(id);
        Ok(())
    }

    fn prune_executions(&mut self, id: &InstanceId, keep_last: u64) -> Result<u64, ProviderError> {
        let Some(instance) = self.instances.get(id) else {
            return Err(refusal::not_found("prune_executions", id));
        };
        let current = instance.head.position.execution;
        let before = current.saturating_sub(keep_last.max(1) - 1);
        let pruned = instance.executions.range(..before).count();
        if pruned > 0 {
            self.change(Change::ExecutionsPruned {
                instance: id.clone(),
                before,
            });
        }
        Ok(pruned as u64)
    }
}
