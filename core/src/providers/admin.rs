//! Management: looking at what is stored, and removing it.

use async_trait::async_trait;
use bytes::Bytes;

use super::error::ProviderError;
use super::head::{ExecutionStatus, InstanceHead, InstanceStatus};
use super::id::InstanceId;

/// The management operations of a provider.
#[async_trait]
pub trait ProviderAdmin: Send + Sync {
    /// Lists instances in the order of their ids, page by page (ADM-01).
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError>;

    /// Lists the executions of an instance that were not pruned, oldest first; empty for an absent
    /// instance (ADM-02).
    async fn list_executions(
        &self,
        instance: &InstanceId,
    ) -> Result<Vec<ExecutionRecord>, ProviderError>;

    /// Removes an instance and all that belongs to it (DEL-01, DEL-02, DEL-04).
    async fn delete_instance(
        &self,
        instance: &InstanceId,
        mode: DeleteMode,
    ) -> Result<(), ProviderError>;

    /// Removes the histories of all executions but the latest `keep_last`, the current one always
    /// kept, and answers how many were removed (DEL-03). `NotFound` for an absent instance.
    async fn prune_executions(
        &self,
        instance: &InstanceId,
        keep_last: u64,
    ) -> Result<u64, ProviderError>;

    /// Counts what is stored (ADM-03).
    async fn metrics(&self) -> Result<SystemMetrics, ProviderError>;

    /// Counts what is queued (ADM-03).
    async fn queue_depths(&self) -> Result<QueueDepths, ProviderError>;
}

/// Which instances to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceFilter {
    /// Only those with this status.
    pub status: Option<InstanceStatus>,
    /// Only those of this orchestration.
    pub orchestration: Option<String>,
    /// Only those after this id: the last one of the page before.
    pub after: Option<InstanceId>,
    /// At most so many.
    pub instances_max: usize,
}

impl Default for InstanceFilter {
    fn default() -> Self {
        Self {
            status: None,
            orchestration: None,
            after: None,
            instances_max: 1_000,
        }
    }
}

/// A page of instances.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InstancePage {
    /// The heads, in the order of their ids.
    pub instances: Vec<InstanceHead>,
    /// Whether others follow.
    pub more: bool,
}

/// One execution, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// Which execution.
    pub execution: u64,
    /// Its state.
    pub status: ExecutionStatus,
    /// Its result or error, encoded by core.
    pub output: Option<Bytes>,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_at_ms: u64,
    /// When it ended.
    pub completed_at_ms: Option<u64>,
    /// How many events its history has.
    pub event_count: u64,
}

/// What may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteMode {
    /// An ended instance only.
    TerminalOnly,
    /// Any instance, even one at work.
    Force,
}

/// How much is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SystemMetrics {
    /// All instances.
    pub total_instances: u64,
    /// All executions that were not pruned.
    pub total_executions: u64,
    /// Instances that are pending or running.
    pub running_instances: u64,
    /// Instances that ended with a result.
    pub completed_instances: u64,
    /// Instances that ended with an error.
    pub failed_instances: u64,
    /// All events that were not pruned.
    pub total_events: u64,
}

/// How much is queued.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepths {
    /// Visible messages.
    pub orchestrator_queue: usize,
    /// Activities, leased ones included.
    pub worker_queue: usize,
    /// Messages whose delay has not passed.
    pub timer_queue: usize,
}
