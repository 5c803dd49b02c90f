//! What is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::clock::{SteadyTime, millis_ceil};
use duroxide_core::providers::{
    ExecutionStatus, HistoryChunk, Incarnation, InstanceHead, InstanceId, Labels, NewInstance,
};

use crate::activities::Activities;
use crate::defect::{Defect, Defects};
use crate::inbox::{Inbox, Slot};
use crate::instances::Instances;
use crate::lease::Hold;
use crate::listing::Lists;
use crate::queues::Queues;
use crate::value::Values;

/// The instances with something to do, by queue.
pub(crate) type Ready = Queues<InstanceId>;

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) defects: Defects,
    pub(crate) closed: bool,
    time: SteadyTime,
    /// The time of the current operation. It does not go back where the clock does: a message that
    /// was visible must not become invisible, and a timer must not wait for the clock.
    pub(crate) now_ms: u64,
    arrivals: u64,
    pub(crate) instances: Instances,
    pub(crate) lists: Lists,
    /// The instances with something to do (CLM-05).
    pub(crate) ready: Ready,
    pub(crate) activities: Activities,
    pub(crate) values: Values,
    /// The ended instances that expire, by their times.
    pub(crate) expiries: BTreeSet<(u64, InstanceId)>,
}

#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) head: InstanceHead,
    pub(crate) labels: Labels,
    /// Its place among all, by age.
    pub(crate) number: u64,
    pub(crate) attempts: u32,
    /// Of the last release that brought one, until the next commit (NOT-01).
    pub(crate) note: Option<Bytes>,
    pub(crate) hold: Hold,
    pub(crate) inbox: Inbox,
    /// Those that were opened and not pruned, the current one last.
    pub(crate) executions: BTreeMap<u64, Execution>,
    /// Its entry among the ready ones.
    pub(crate) slot: Option<Slot>,
}

#[derive(Debug, Clone)]
pub(crate) struct Execution {
    pub(crate) status: ExecutionStatus,
    pub(crate) output: Option<Bytes>,
    pub(crate) started_at_ms: u64,
    pub(crate) completed_at_ms: Option<u64>,
    pub(crate) chunks: Vec<HistoryChunk>,
}

impl Execution {
    pub(crate) fn event_count(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.event_count).sum()
    }
}

impl Instance {
    /// An instance of which nothing but this is there yet.
    fn new(head: InstanceHead, labels: Labels, number: u64) -> Self {
        let now_ms = head.created_at_ms;
        Self {
            head,
            labels,
            number,
            attempts: 0,
            note: None,
            hold: Hold::free_from(now_ms),
            inbox: Inbox::default(),
            executions: BTreeMap::new(),
            slot: None,
        }
    }

    /// The head with the note (NOT-01).
    pub(crate) fn head_and_note(&self) -> InstanceHead {
        InstanceHead {
            note: self.note.clone(),
            ..self.head.clone()
        }
    }

    /// Whether a control message is due, which may have it go on where it has ended (DEL-05).
    pub(crate) fn awaits_control(&self, now_ms: u64) -> bool {
        self.inbox.control_ms().is_some_and(|ms| ms <= now_ms)
    }

    /// From when on a claim returns it (CLM-01, SUS-01). A control message does not wait for the end
    /// of a release's delay, but for that of a lease.
    pub(crate) fn claimable_from_ms(&self) -> Option<u64> {
        let Self {
            head, hold, inbox, ..
        } = self;
        let leased_until_ms = hold.last_holder().map_or(0, |_| hold.until_ms);
        let control_ms = inbox.control_ms().map(|ms| ms.max(leased_until_ms));
        let work_ms = if head.suspended {
            None
        } else {
            inbox.work_ms(&head.awaited)
        };
        let work_ms = work_ms.map(|ms| ms.max(hold.until_ms));
        control_ms.into_iter().chain(work_ms).min()
    }
}

impl State {
    /// Begins an operation, when the clock shows this time.
    pub(crate) fn begin_at(&mut self, reading_ms: u64) {
        self.now_ms = self.time.at(reading_ms);
        if self.has(Defect::ExpiredAreGoneAtOnce) {
            self.sweep_expired();
        }
    }

    /// The time that is this far away.
    pub(crate) fn after(&self, delay: Duration) -> u64 {
        self.now_ms.saturating_add(millis_ceil(delay))
    }

    pub(crate) fn next_arrival(&mut self) -> u64 {
        self.arrivals += 1;
        self.arrivals
    }

    /// Moves the instance to where it belongs among the ready ones. Called after every change of
    /// its inbox or its hold, so that no wake-up is lost (WAK-01).
    pub(crate) fn refresh(&mut self, id: &InstanceId) {
        let arrival = self.next_arrival();
        let Some(instance) = self.instances.get_mut(id) else {
            return;
        };
        let due_ms = if self.defects.has(Defect::ClaimIgnoresLeases) {
            instance.inbox.work_ms(&instance.head.awaited)
        } else if self.defects.has(Defect::ControlWaitsForARelease) {
            let due_ms = instance.claimable_from_ms();
            due_ms.map(|ms| ms.max(instance.hold.until_ms))
        } else {
            instance.claimable_from_ms()
        };
        // Where the time stays, the place stays: a busy sender must not send its receiver back.
        let due_ms = if self.defects.has(Defect::SenderMovesItsReceiverBack) {
            due_ms.map(|ms| ms.max(self.now_ms))
        } else {
            due_ms
        };
        if instance.slot.map(|slot| slot.at_ms) == due_ms {
            return;
        }
        let slot = due_ms.map(|at_ms| Slot { at_ms, arrival });
        let queue = &instance.head.queue;
        if let Some(old) = instance.slot.take() {
            self.ready.remove(queue, old);
        }
        if let Some(new) = slot {
            self.ready.insert(queue, new, id.clone());
        }
        instance.slot = slot;
    }

    /// Creates an instance, unless there is one of that id (STA-01).
    pub(crate) fn create(&mut self, mut newborn: NewInstance, incarnation: Incarnation) {
        let id = newborn.instance.clone();
        if self.instances.contains_key(&id) {
            return;
        }
        if self.has(Defect::ParentsAreForgotten) {
            newborn.parent = None;
        }
        let number = self.next_arrival();
        let labels = std::mem::take(&mut newborn.labels);
        let head = InstanceHead::new(newborn, incarnation, self.now_ms);
        self.lists.add(&head, number);
        let instance = Instance::new(head, labels, number);
        self.instances.insert_new(instance);
    }

    /// Removes the instance and all that belongs to it (DEL-01).
    pub(crate) fn remove(&mut self, id: &InstanceId) {
        let Some(instance) = self.instances.remove(id) else {
            return;
        };
        self.lists.remove(&instance.head, instance.number);
        if let Some(slot) = instance.slot {
            self.ready.remove(&instance.head.queue, slot);
        }
        if let Some(at_ms) = instance.head.expires_at_ms {
            self.expiries.remove(&(at_ms, id.clone()));
        }
        if !self.has(Defect::DeleteLeavesValues) {
            self.values.remove_all(id);
        }
        if self.has(Defect::DeleteLeavesActivities) {
            return;
        }
        let incarnation = instance.head.incarnation;
        for key in self.activities.keys_of(id, incarnation, (0, u64::MAX)) {
            self.activities.remove(&key);
        }
    }
}
