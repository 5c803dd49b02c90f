//! Counts of what is stored and queued.

use super::head::InstanceStatus;
use super::id::TaskQueue;

/// How much is stored and queued.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreMetrics {
    /// How much is stored.
    pub totals: SystemMetrics,
    /// How much is queued, over all queues.
    pub depths: QueueDepths,
    /// The queues of turns that have an instance to claim, now or at a time that is known: those with
    /// the most that is claimable first, and by name where that is equal; at most
    /// [`METRICS_QUEUES_MAX`](crate::limits::METRICS_QUEUES_MAX).
    pub turn_queues: Vec<QueueLoad>,
    /// The queues that have activities, in the same order and at most as many.
    pub activity_queues: Vec<QueueLoad>,
}

/// What is in one queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueLoad {
    /// Its name.
    pub queue: TaskQueue,
    /// How many instances, or activities, a claim would return.
    pub claimable: u64,
    /// How many a claim will return at a time that is known: those that are leased or held back, and
    /// instances whose first message has a delay.
    pub later: u64,
    /// For how long the oldest of the claimable ones has been claimable, in milliseconds by the store's
    /// clock; `None` if there is none.
    pub oldest_waits_ms: Option<u64>,
}

impl QueueLoad {
    /// That of a queue in which so many items are claimable now, of so many that there are; the first one
    /// has been for so long.
    #[must_use]
    pub fn of(queue: TaskQueue, (claimable, all): (usize, usize), waits_ms: Option<u64>) -> Self {
        Self {
            queue,
            claimable: claimable as u64,
            later: all.saturating_sub(claimable) as u64,
            oldest_waits_ms: waits_ms.filter(|_| claimable > 0),
        }
    }

    /// Puts queues into their order, and leaves out those beyond the limit (ADM-10).
    pub fn sort(queues: &mut Vec<Self>) {
        queues.sort_by(|a, b| {
            let by_load = b.claimable.cmp(&a.claimable);
            by_load.then_with(|| a.queue.cmp(&b.queue))
        });
        queues.truncate(crate::limits::METRICS_QUEUES_MAX);
    }
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

impl SystemMetrics {
    /// Counts an instance with this status, so many executions and so many events.
    pub fn count(&mut self, status: InstanceStatus, executions: usize, events: u64) {
        self.total_instances += 1;
        self.total_executions += executions as u64;
        self.total_events += events;
        *match status {
            InstanceStatus::Pending | InstanceStatus::Running => &mut self.running_instances,
            InstanceStatus::Completed => &mut self.completed_instances,
            InstanceStatus::Failed => &mut self.failed_instances,
        } += 1;
    }
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
