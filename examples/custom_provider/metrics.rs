//! Counts of what is stored and queued.

use duroxide::providers::{InstanceStatus, QueueDepths, QueueLoad, StoreMetrics, SystemMetrics};

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
        let mut metrics = SystemMetrics::default();
        for instance in self.instances.values() {
            let events = instance
                .histories
                .keys()
                .map(|it| instance.event_count(*it));
            metrics.total_events += events.sum::<u64>();
            metrics.total_executions += instance.executions.len() as u64;
            metrics.total_instances += 1;
            *match instance.head.status {
                InstanceStatus::Pending | InstanceStatus::Running => &mut metrics.running_instances,
                InstanceStatus::Completed => &mut metrics.completed_instances,
                InstanceStatus::Failed => &mut metrics.failed_instances,
            } += 1;
        }
        metrics
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
        let oldest_ms = agenda.next_ms().filter(|_| claimable > 0);
        QueueLoad {
            queue: queue.clone(),
            claimable: claimable as u64,
            later: (agenda.len() - claimable) as u64,
            oldest_waits_ms: oldest_ms.map(|at_ms| now_ms - at_ms),
        }
    });
    let mut loads = loads.collect();
    QueueLoad::sort(&mut loads);
    loads
}
