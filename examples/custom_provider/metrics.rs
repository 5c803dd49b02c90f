//! Counts of what is stored and queued.

use duroxide::providers::{QueueDepths, QueueLoad, StoreMetrics, SystemMetrics};

use crate::queues::Queues;
use crate::state::State;

impl State {
    /// Counts everything (ADM-03, ADM-10).
    pub(crate) fn metrics(&self) -> StoreMetrics {
        StoreMetrics {
            totals: self.totals(),
            depths: self.depths(),
            turn_queues: loads(&self.ready, self.now_ms),
            activity_queues: loads(&self.queues, self.now_ms),
        }
    }

    fn totals(&self) -> SystemMetrics {
        let mut totals = SystemMetrics::default();
        for instance in self.instances.values() {
            let events = instance
                .histories
                .keys()
                .map(|it| instance.event_count(*it));
            let executions = instance.executions.len();
            totals.count(instance.head.status, executions, events.sum());
        }
        totals
    }

    fn depths(&self) -> QueueDepths {
        let mut depths = QueueDepths {
            worker_queue: self.activities.len(),
            ..QueueDepths::default()
        };
        for instance in self.instances.values() {
            let (due, later) = instance.inbox.depths(self.now_ms, &instance.head.awaited);
            depths.orchestrator_queue += due;
            depths.timer_queue += later;
        }
        depths
    }
}

fn loads<K: Ord + Clone>(queues: &Queues<K>, now_ms: u64) -> Vec<QueueLoad> {
    let loads = queues.agendas().map(|(queue, agenda)| {
        let claimable = agenda.due(now_ms).count();
        let first_ms = agenda.next_ms();
        let waits_ms = first_ms.map(|at_ms| now_ms.saturating_sub(at_ms));
        QueueLoad::of(queue.clone(), (claimable, agenda.len()), waits_ms)
    });
    let mut loads = loads.collect();
    QueueLoad::sort(&mut loads);
    loads
}
