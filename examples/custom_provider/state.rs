//! What is stored.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use duroxide::clock::millis_ceil;
use duroxide::providers::{
    ActivityKey, Channel, CommitId, HistoryChunk, Incarnation, InstanceHead, InstanceId, Labels,
    NewInstance, TaskQueue, ValueKey,
};

use crate::change::{Change, Execution};
use crate::inbox::Inbox;
use crate::lease::Hold;
use crate::queues::Queues;
use crate::value::Value;

/// Everything, with the indexes. It changes by [`State::change`] alone.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// The time of the current operation. It stands still while the clock is behind it: a message
    /// that was visible must not become invisible.
    pub(crate) now_ms: u64,
    pub(crate) arrivals: u64,
    pub(crate) instances: BTreeMap<InstanceId, Instance>,
    /// The instances with something to do, by the queue of their turns.
    pub(crate) ready: Queues<InstanceId>,
    pub(crate) activities: BTreeMap<ActivityKey, Activity>,
    /// The ended instances that expire, by their times.
    pub(crate) expiries: BTreeSet<(u64, InstanceId)>,
    /// When a value expires that was set then, unless it was set anew since.
    pub(crate) value_expiries: BTreeSet<(u64, InstanceId, ValueKey)>,
    /// The activities, by queue.
    pub(crate) queues: Queues<ActivityKey>,
    /// What was changed and is not in the file yet.
    pub(crate) unsaved: Vec<Change>,
}

#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) head: InstanceHead,
    /// What the last release that brought a note has left, and the commit that it was left at: the next
    /// one makes it void (NOT-01).
    pub(crate) note: Option<(Option<CommitId>, Bytes)>,
    pub(crate) labels: Labels,
    pub(crate) hold: Hold,
    pub(crate) inbox: Inbox,
    pub(crate) values: BTreeMap<ValueKey, Value>,
    /// Those that were not pruned, the current one last.
    pub(crate) executions: BTreeMap<u64, Execution>,
    pub(crate) histories: BTreeMap<u64, Vec<HistoryChunk>>,
}

#[derive(Debug)]
pub(crate) struct Activity {
    pub(crate) queue: TaskQueue,
    pub(crate) body: Bytes,
    /// What the last renewal or release that brought some has left (DET-01).
    pub(crate) details: Option<Bytes>,
    pub(crate) hold: Hold,
}

impl Instance {
    pub(crate) fn new(head: InstanceHead) -> Self {
        Self {
            hold: Hold::free_from(head.created_at_ms, 0),
            head,
            note: None,
            labels: Labels::new(),
            inbox: Inbox::default(),
            values: BTreeMap::new(),
            executions: BTreeMap::new(),
            histories: BTreeMap::new(),
        }
    }

    /// From when on a claim returns it (CLM-01, SUS-01). A control message does not wait for the end
    /// of a release's delay, but for that of a lease (LEA-06).
    pub(crate) fn claimable_from_ms(&self) -> Option<u64> {
        let control_ms = self.inbox.next_ms(&Channel::Control);
        let control_ms = control_ms.map(|ms| ms.max(self.hold.leased_until_ms()));
        let work_ms = if self.head.suspended {
            None
        } else {
            let mail_ms = self.inbox.mail_ms(&self.head.awaited);
            let system_ms = self.inbox.next_ms(&Channel::System);
            system_ms.into_iter().chain(mail_ms).min()
        };
        let work_ms = work_ms.map(|ms| ms.max(self.hold.until_ms));
        control_ms.into_iter().chain(work_ms).min()
    }

    /// The head with the note, as long as no commit has made that void.
    pub(crate) fn head_and_note(&self) -> InstanceHead {
        let note = self.note.as_ref();
        let note = note.filter(|(left_at, _)| *left_at == self.head.commit_id);
        InstanceHead {
            note: note.map(|(_, note)| note.clone()),
            ..self.head.clone()
        }
    }

    pub(crate) fn event_count(&self, execution: u64) -> u64 {
        let history = self.histories.get(&execution).into_iter().flatten();
        history.map(|chunk| chunk.event_count).sum()
    }
}

impl State {
    /// The time that is this far away.
    pub(crate) fn after(&self, delay: Duration) -> u64 {
        self.now_ms.saturating_add(millis_ceil(delay))
    }

    /// Creates an instance (STA-01).
    pub(crate) fn create(&mut self, newborn: NewInstance, life: Incarnation) {
        let (id, labels) = (newborn.instance.clone(), newborn.labels.clone());
        let head = InstanceHead::new(newborn, life, self.now_ms);
        self.change(Change::Head(head));
        if !labels.is_empty() {
            let instance = id;
            self.change(Change::Labels { instance, labels });
        }
    }

    /// Whether there is such an instance, in this life of it if one is named.
    pub(crate) fn lives(&self, id: &InstanceId, incarnation: Option<Incarnation>) -> bool {
        self.instances
            .get(id)
            .is_some_and(|it| incarnation.is_none_or(|life| life == it.head.incarnation))
    }

    pub(crate) fn has_ended(&self, id: &InstanceId) -> bool {
        let instance = self.instances.get(id);
        instance.is_some_and(|it| it.head.status.is_terminal())
    }

    /// Whether a control message is due for an instance, which may have it go on (DEL-05).
    pub(crate) fn awaits_control(&self, id: &InstanceId) -> bool {
        let instance = self.instances.get(id);
        let control_ms = instance.and_then(|it| it.inbox.next_ms(&Channel::Control));
        control_ms.is_some_and(|at_ms| at_ms <= self.now_ms)
    }

    /// Nothing may come back afterwards: leases go with what they were of (DEL-01).
    pub(crate) fn remove_instance(&mut self, id: &InstanceId) {
        let Some(instance) = self.instances.get(id) else {
            return;
        };
        let life = instance.head.incarnation;
        for key in self.activities_of(id, life, (0, u64::MAX)) {
            self.change(Change::ActivityRemoved(key));
        }
        self.change(Change::InstanceRemoved(id.clone()));
    }

    /// Removes instances whose time has come, so many at most; no others are looked at (EXP-02,
    /// EXP-03). Answers whether some are left.
    pub(crate) fn remove_expired_instances(&mut self, instances_max: usize) -> bool {
        for _ in 0..instances_max {
            match self.expired_instance() {
                Some(id) => self.remove_instance(&id),
                None => return false,
            }
        }
        self.expired_instance().is_some()
    }

    /// The instance whose time has come first, of those that may go (DEL-05).
    fn expired_instance(&self) -> Option<InstanceId> {
        let due = self.expiries.iter();
        let mut due = due.take_while(|(at_ms, _)| *at_ms <= self.now_ms);
        let (_, id) = due.find(|(_, id)| !self.awaits_control(id))?;
        Some(id.clone())
    }

    /// The activities of one life of an instance, of these executions.
    pub(crate) fn activities_of(
        &self,
        instance: &InstanceId,
        incarnation: Incarnation,
        executions: (u64, u64),
    ) -> Vec<ActivityKey> {
        let bound = |execution, activity_id| ActivityKey {
            instance: instance.clone(),
            incarnation,
            execution,
            activity_id,
        };
        self.activities
            .range(bound(executions.0, 0)..=bound(executions.1, u64::MAX))
            .map(|(key, _)| key.clone())
            .collect()
    }
}
