//! What may be claimed, by queue and by the time from which it may be.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use duroxide_core::providers::{TaskQueue, share};

use crate::inbox::Slot;

/// Queues of items. Each item has one entry: the time from which it may be claimed.
#[derive(Debug, Clone)]
pub(crate) struct Queues<T>(BTreeMap<TaskQueue, BTreeMap<Slot, T>>);

/// The first items of each of some queues, and their places.
pub(crate) type Fronts<T> = Vec<Vec<(Slot, T)>>;

/// What a claim takes.
#[derive(Debug)]
pub(crate) struct Due<T> {
    pub(crate) items: Vec<T>,
    /// Whether others are claimable.
    pub(crate) more: bool,
}

impl<T> Due<T> {
    /// What a claim of so many items takes of these (CLM-06, CLM-12).
    pub(crate) fn of(fronts: Fronts<T>, items_max: usize) -> Self {
        let more = fronts.iter().map(Vec::len).sum::<usize>() > items_max;
        Self {
            items: share::share_out(fronts, items_max),
            more,
        }
    }
}

impl<T> Default for Queues<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Clone> Queues<T> {
    pub(crate) fn insert(&mut self, queue: &TaskQueue, slot: Slot, item: T) {
        // A name is cloned for the first item only.
        match self.0.get_mut(queue) {
            Some(items) => {
                items.insert(slot, item);
            }
            None => {
                self.0.insert(queue.clone(), BTreeMap::from([(slot, item)]));
            }
        }
    }

    pub(crate) fn remove(&mut self, queue: &TaskQueue, slot: Slot) {
        if let Some(items) = self.0.get_mut(queue) {
            items.remove(&slot);
            if items.is_empty() {
                self.0.remove(queue);
            }
        }
    }

    /// What is claimable of each of these queues at this time, and of each no more than a claim of so
    /// many items looks at.
    pub(crate) fn fronts(&self, names: &[TaskQueue], now_ms: u64, items_max: usize) -> Fronts<T> {
        // A set, since a queue that is named twice has its items only once.
        let names: BTreeSet<&TaskQueue> = names.iter().collect();
        let front = |name| {
            let claimable = self.0.get(name).into_iter().flatten();
            let claimable = claimable.take_while(|(slot, _)| slot.at_ms <= now_ms);
            // One more tells whether there are others.
            let front = claimable.take(items_max.saturating_add(1));
            front.map(|(slot, item)| (*slot, item.clone())).collect()
        };
        names.into_iter().map(front).collect()
    }

    /// Of each queue the times from which its items may be claimed, in order.
    pub(crate) fn times(&self) -> impl Iterator<Item = (TaskQueue, Vec<u64>)> {
        let queues = self.0.iter();
        queues.map(|(name, items)| (name.clone(), items.keys().map(|slot| slot.at_ms).collect()))
    }

    /// The items of a queue behind this place.
    pub(crate) fn behind(
        &self,
        queue: &TaskQueue,
        place: Option<Slot>,
    ) -> impl Iterator<Item = (Slot, &T)> {
        let behind = place.map_or(Bound::Unbounded, Bound::Excluded);
        let items = self.0.get(queue).into_iter();
        let items = items.flat_map(move |items| items.range((behind, Bound::Unbounded)));
        items.map(|(slot, item)| (*slot, item))
    }

    /// From when on a claim of these queues returns something.
    pub(crate) fn next_due_ms(&self, names: &[TaskQueue]) -> Option<u64> {
        let queues = names.iter().filter_map(|name| self.0.get(name));
        let firsts = queues.filter_map(BTreeMap::first_key_value);
        firsts.map(|(slot, _)| slot.at_ms).min()
    }
}
