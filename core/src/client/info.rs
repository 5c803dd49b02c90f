//! What is told of instances and executions.

use std::collections::BTreeMap;

/// An instance, for people and dashboards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceInfo {
    /// Its id.
    pub instance_id: String,
    /// Its orchestration's name.
    pub orchestration_name: String,
    /// Its orchestration's version; empty until the first turn has resolved it.
    pub orchestration_version: String,
    /// The queue of its turns: only runtimes that serve it run the instance.
    pub queue: String,
    /// The instance that has started it and waits for it, if one has.
    pub parent: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its current execution.
    pub current_execution_id: u64,
    /// `Pending`, `Running`, `Completed` or `Failed`.
    pub status: String,
    /// Whether it is suspended.
    pub suspended: bool,
    /// Why it cannot go on, as a node has said that could not run it: its code or its activities are not
    /// registered there. It goes with the next commit of the instance. Of one that has ended, why it was not
    /// rewound, though somebody wanted that.
    pub blocked: Option<String>,
    /// Its result, or the text of its error.
    pub output: Option<String>,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at: u64,
    /// When it last changed, in milliseconds since the Unix epoch.
    pub updated_at: u64,
    /// From when on it is removed, in milliseconds since the Unix epoch: of one that has ended and expires.
    pub expires_at: Option<u64>,
}

/// One execution, for people and dashboards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionInfo {
    /// Which execution.
    pub execution_id: u64,
    /// `Running`, `Completed`, `Failed` or `ContinuedAsNew`.
    pub status: String,
    /// Its result, or the text of its error.
    pub output: Option<String>,
    /// When it began, in milliseconds since the Unix epoch.
    pub started_at: u64,
    /// When it ended, in milliseconds since the Unix epoch.
    pub completed_at: Option<u64>,
    /// How many events its history has.
    pub event_count: usize,
}
