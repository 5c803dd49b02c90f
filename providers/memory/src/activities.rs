//! The activities and their queues.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;
use duroxide_core::providers::{ActivityKey, ActivityLease, Incarnation, InstanceId, TaskQueue};

use crate::inbox::Slot;
use crate::lease::Hold;
use crate::queues::{Fronts, Queues};

#[derive(Debug, Clone)]
pub(crate) struct Activity {
    pub(crate) queue: TaskQueue,
    pub(crate) body: Bytes,
    /// What the last renewal or release that brought some has left (DET-01).
    pub(crate) details: Option<Bytes>,
    pub(crate) attempts: u32,
    pub(crate) hold: Hold,
}

/// All activities, each with one entry in its queue: the time from which it may be claimed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Activities {
    stored: BTreeMap<ActivityKey, (Slot, Activity)>,
    queues: Queues<ActivityKey>,
}

impl Activities {
    pub(crate) fn len(&self) -> usize {
        self.stored.len()
    }

    /// How many may be claimed, as seen by looking at each of them.
    pub(crate) fn claimable(&self, now_ms: u64) -> usize {
        let slots = self.stored.values().map(|(slot, _)| slot);
        slots.filter(|slot| slot.at_ms <= now_ms).count()
    }

    pub(crate) fn get(&self, key: &ActivityKey) -> Option<&Activity> {
        self.stored.get(key).map(|(_, activity)| activity)
    }

    pub(crate) fn is_held(&self, lease: &ActivityLease, now_ms: u64) -> bool {
        self.get(&lease.key)
            .is_some_and(|activity| activity.hold.is_held_by(lease.token, now_ms))
    }

    /// Stores an activity, or stores it anew after a change of its hold.
    pub(crate) fn put(&mut self, key: ActivityKey, arrival: u64, activity: Activity) {
        let at_ms = activity.hold.until_ms;
        let slot = Slot { at_ms, arrival };
        self.remove(&key);
        self.queues.insert(&activity.queue, slot, key.clone());
        self.stored.insert(key, (slot, activity));
    }

    /// Takes the details of all of them.
    pub(crate) fn forget_details(&mut self) {
        for (_, activity) in self.stored.values_mut() {
            activity.details = None;
        }
    }

    pub(crate) fn remove(&mut self, key: &ActivityKey) -> Option<Activity> {
        let (slot, activity) = self.stored.remove(key)?;
        self.queues.remove(&activity.queue, slot);
        Some(activity)
    }

    /// The queues that they are in.
    pub(crate) fn queues(&self) -> &Queues<ActivityKey> {
        &self.queues
    }

    /// Those of one life of an instance behind this execution and id.
    pub(crate) fn behind(
        &self,
        instance: &InstanceId,
        incarnation: Incarnation,
        (execution, activity_id): (u64, u64),
    ) -> impl Iterator<Item = (&ActivityKey, &Activity)> {
        let bound = |execution, activity_id| ActivityKey {
            instance: instance.clone(),
            incarnation,
            execution,
            activity_id,
        };
        let first = Bound::Excluded(bound(execution, activity_id));
        let last = Bound::Included(bound(u64::MAX, u64::MAX));
        let behind = self.stored.range((first, last));
        behind.map(|(key, (_, activity))| (key, activity))
    }

    /// Those of one life of an instance, of these executions.
    pub(crate) fn keys_of(
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
        self.stored
            .range(bound(executions.0, 0)..=bound(executions.1, u64::MAX))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// See [`Queues::fronts`].
    pub(crate) fn fronts(
        &self,
        queues: &[TaskQueue],
        now_ms: u64,
        items_max: usize,
    ) -> Fronts<ActivityKey> {
        self.queues.fronts(queues, now_ms, items_max)
    }

    /// From when on a claim of these queues returns something.
    pub(crate) fn next_due_ms(&self, queues: &[TaskQueue]) -> Option<u64> {
        self.queues.next_due_ms(queues)
    }
}
