//! Counts of what is stored and queued.

use std::collections::BTreeMap;

use duroxide_core::providers::{
    ProviderError, QueueDepths, QueueLoad, StoreMetrics, SystemMetrics, TaskQueue,
};
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};

use crate::look::{self, Look};
use crate::partition::Partition;
use crate::provider::RedisProvider;

const OPERATION: &str = "metrics";

/// How often all is counted where something has changed meanwhile.
const COUNTS_MAX: usize = 3;
/// How many slices a store has at most that is counted again: of a larger one that is at work something has
/// always changed.
const SLICES_COUNTED_AGAIN_MAX: usize = 8;

/// A slice of the instances.
#[derive(Debug, Serialize)]
pub(crate) struct CountsLook<'a> {
    /// As of which time, once the first slice has told.
    at: Option<u64>,
    /// With which id it begins, in the server's words.
    from: &'a str,
    /// With which execution of that one, if it was counted in part.
    execution: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct SeenCounts {
    at: u64,
    seq: u64,
    /// Pending, running, completed, failed.
    statuses: (u64, u64, u64, u64),
    executions: u64,
    events: u64,
    due: usize,
    later: usize,
    /// What was passed over, and why.
    #[serde(default)]
    damaged: Vec<(String, String)>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    execution: Option<u64>,
}

/// A slice of the queues.
#[derive(Debug, Serialize)]
pub(crate) struct QueuesLook<'a> {
    of_turns: bool,
    cursor: &'a str,
    at: u64,
}

#[derive(Debug, Deserialize)]
struct SeenQueues {
    seq: u64,
    cursor: String,
    /// For each its name, how many are claimable, how many there are, and when the first one is.
    queues: Vec<(String, usize, usize, u64)>,
}

/// What was counted in a partition, or in all.
#[derive(Default)]
struct Count {
    totals: SystemMetrics,
    depths: QueueDepths,
    turns: Loads,
    activities: Loads,
    /// As of which time.
    at_ms: u64,
    /// Whether something has changed between the first slice and the last.
    is_of_several_times: bool,
    slices: usize,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.totals.total_instances += other.totals.total_instances;
        self.totals.running_instances += other.totals.running_instances;
        self.totals.completed_instances += other.totals.completed_instances;
        self.totals.failed_instances += other.totals.failed_instances;
        self.totals.total_executions += other.totals.total_executions;
        self.totals.total_events += other.totals.total_events;
        self.depths.orchestrator_queue += other.depths.orchestrator_queue;
        self.depths.timer_queue += other.depths.timer_queue;
        self.depths.worker_queue += other.depths.worker_queue;
        self.turns.add(other.turns);
        self.activities.add(other.activities);
        self.at_ms = self.at_ms.max(other.at_ms);
        self.is_of_several_times |= other.is_of_several_times;
        self.slices += other.slices;
    }

    fn metrics(self) -> StoreMetrics {
        StoreMetrics {
            totals: self.totals,
            depths: self.depths,
            turn_queues: self.turns.sorted(self.at_ms),
            activity_queues: self.activities.sorted(self.at_ms),
        }
    }
}

/// What is in queues, by their names, and by which number of the store that was.
#[derive(Default)]
struct Loads {
    loads: BTreeMap<String, (usize, usize, u64)>,
    seq: u64,
}

impl Loads {
    /// How many items there are.
    fn items(&self) -> usize {
        self.loads.values().map(|(_, all, _)| all).sum()
    }

    fn add(&mut self, other: Self) {
        for (name, (claimable, all, first_ms)) in other.loads {
            let load = self.loads.entry(name).or_insert((0, 0, first_ms));
            load.0 += claimable;
            load.1 += all;
            load.2 = load.2.min(first_ms);
        }
    }

    fn sorted(self, at_ms: u64) -> Vec<QueueLoad> {
        let load = |(name, (claimable, all, first_ms)): (String, (usize, usize, u64))| {
            let queue = TaskQueue(name.into());
            QueueLoad::of(
                queue,
                (claimable, all),
                Some(at_ms.saturating_sub(first_ms)),
            )
        };
        let mut loads = self.loads.into_iter().map(load).collect();
        QueueLoad::sort(&mut loads);
        loads
    }
}

impl RedisProvider {
    /// Counts everything (ADM-03, ADM-10), slice by slice, as of the time of the first slice.
    ///
    /// Nothing holds the store still meanwhile. Where something has changed between the first slice and
    /// the last, a small store is counted again, three times at most. A count of a large one that is at work
    /// has what came or went within its seconds twice or not at all.
    pub(crate) async fn count_all(&self) -> Result<StoreMetrics, ProviderError> {
        let mut count = self.count_once().await?;
        for _ in 1..COUNTS_MAX {
            if !count.is_of_several_times || count.slices > SLICES_COUNTED_AGAIN_MAX {
                break;
            }
            count = self.count_once().await?;
        }
        Ok(count.metrics())
    }

    async fn count_once(&self) -> Result<Count, ProviderError> {
        let each = self.setup.partitions.iter();
        let counts = try_join_all(each.map(|partition| self.count_in(partition))).await?;
        let mut all = Count::default();
        counts.into_iter().for_each(|count| all.add(count));
        Ok(all)
    }

    async fn count_in(&self, partition: &Partition) -> Result<Count, ProviderError> {
        let mut totals = SystemMetrics::default();
        let mut depths = QueueDepths::default();
        let (mut from, mut execution) = ("-".to_owned(), None);
        // The time and the number of the first slice.
        let mut first: Option<(u64, u64)> = None;
        let mut slices = 0;
        let (at_ms, seq) = loop {
            slices += 1;
            let look = Look::Counts(CountsLook {
                at: first.map(|(at_ms, _)| at_ms),
                from: &from,
                execution,
            });
            let seen: SeenCounts = self.look(OPERATION, partition, look).await?;
            look::tell_of_damaged(&seen.damaged);
            let first = *first.get_or_insert((seen.at, seen.seq));
            let (pending, running, completed, failed) = seen.statuses;
            totals.total_instances += pending + running + completed + failed;
            totals.running_instances += pending + running;
            totals.completed_instances += completed;
            totals.failed_instances += failed;
            totals.total_executions += seen.executions;
            totals.total_events += seen.events;
            depths.orchestrator_queue += seen.due;
            depths.timer_queue += seen.later;
            match seen.next {
                Some(next) => (from, execution) = (next, seen.execution),
                None => break first,
            }
        };
        let turns = self.loads_of(partition, true, at_ms).await?;
        let activities = self.loads_of(partition, false, at_ms).await?;
        depths.worker_queue = activities.items();
        Ok(Count {
            totals,
            depths,
            is_of_several_times: activities.seq != seq,
            turns,
            activities,
            at_ms,
            slices,
        })
    }

    async fn loads_of(
        &self,
        partition: &Partition,
        of_turns: bool,
        at: u64,
    ) -> Result<Loads, ProviderError> {
        let mut loads = BTreeMap::new();
        let mut cursor = "0".to_owned();
        loop {
            let look = Look::Queues(QueuesLook {
                of_turns,
                cursor: &cursor,
                at,
            });
            let seen: SeenQueues = self.look(OPERATION, partition, look).await?;
            let queues = seen.queues.into_iter();
            loads.extend(queues.map(|(name, claimable, all, first_ms)| {
                // A scan may show one twice.
                (name, (claimable, all, first_ms))
            }));
            if seen.cursor == "0" {
                let seq = seen.seq;
                return Ok(Loads { loads, seq });
            }
            cursor = seen.cursor;
        }
    }
}
