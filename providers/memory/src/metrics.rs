//! Counts of what is stored and queued.

use duroxide_core::providers::{QueueDepths, QueueLoad, StoreMetrics, SystemMetrics};

use crate::queues::Queues;
use crate::state::{Execution, State};

impl State {
    /// Counts everything (ADM-03, ADM-10).
    pub(crate) fn metrics(&self) -> StoreMetrics {
        StoreMetrics {
            totals: self.totals(),
            depths: self.depths(),
            turn_queues: loads(&self.ready, self.now_ms),
            activity_queues: loads(self.activities.queues(), self.now_ms),
        }
    }

    fn totals(&self) -> SystemMetrics {
        let mut totals = SystemMetrics::default();
        for instance in self.instances.values() {
            let executions = instance.executions.values();
            let (count, events) = (executions.len(), executions.map(Execution::event_count));
            totals.count(instance.head.status, count, events.sum());
        }
        totals
    }

    fn depths(&self) -> QueueDepths {
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

fn loads<T: Clone>(queues: &Queues<T>, now_ms: u64) -> Vec<QueueLoad> {
    let load = |(queue, items): (_, Vec<u64>)| {
        let claimable = items.partition_point(|at_ms| *at_ms <= now_ms);
        let waits_ms = items.first().map(|at_ms| now_ms.saturating_sub(*at_ms));
        QueueLoad::of(queue, (claimable, items.len()), waits_ms)
    };
    let mut loads = queues.times().map(load).collect();
    QueueLoad::sort(&mut loads);
    loads
}
