//! Management: looking at what is stored, and removing it.

use async_trait::async_trait;
use bytes::Bytes;

use super::error::ProviderError;
use super::head::ExecutionStatus;
use super::id::InstanceId;
use super::inspect::{ActivityPage, Inspect, Inspection, ListActivities};
use super::listing::{InstanceFilter, InstancePage};
use super::metrics::StoreMetrics;

/// The management operations of a provider.
#[async_trait]
pub trait ProviderAdmin: Send + Sync {
    /// Lists the instances that meet a filter, page by page (ADM-01, ADM-04 to ADM-06).
    async fn list_instances(&self, filter: &InstanceFilter) -> Result<InstancePage, ProviderError>;

    /// What is known of an instance, with the messages and the activities that it has, page by page;
    /// `None` for an absent one (ADM-07, ADM-08).
    async fn inspect(&self, request: &Inspect) -> Result<Option<Inspection>, ProviderError>;

    /// Lists the activities of a queue, the first to be claimed first, page by page (ADM-09).
    async fn list_activities(
        &self,
        request: &ListActivities,
    ) -> Result<ActivityPage, ProviderError>;

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

    /// Counts what is stored and what is queued (ADM-03, ADM-10). It looks at all there is: a store with
    /// millions of instances or messages takes seconds.
    async fn metrics(&self) -> Result<StoreMetrics, ProviderError>;
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
