//! Things in the order in which they are due: messages, instances and activities alike.

use std::collections::BTreeMap;

/// A place in an agenda: by time, and by arrival where the times are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) at_ms: u64,
    /// Given out once only, so that a slot names one thing.
    pub(crate) arrival: u64,
}

/// An index that makes a claim cost what it returns, and not what is stored (CLM-05).
#[derive(Debug)]
pub(crate) struct Agenda<K> {
    order: BTreeMap<Slot, K>,
    slots: BTreeMap<K, Slot>,
}

impl<K> Default for Agenda<K> {
    fn default() -> Self {
        Self {
            order: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Agenda<K> {
    /// Puts a thing at its time, behind those of the same time. One that is there at that time
    /// keeps its place (CLM-06).
    pub(crate) fn put(&mut self, key: K, slot: Slot) {
        if self.slots.get(&key).map(|old| old.at_ms) == Some(slot.at_ms) {
            return;
        }
        if let Some(old) = self.slots.insert(key.clone(), slot) {
            self.order.remove(&old);
        }
        self.order.insert(slot, key);
    }

    pub(crate) fn remove(&mut self, key: &K) {
        if let Some(slot) = self.slots.remove(key) {
            self.order.remove(&slot);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Everything, the earliest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &K)> {
        self.order.iter().map(|(slot, key)| (*slot, key))
    }

    /// What is due, the earliest first.
    pub(crate) fn due(&self, now_ms: u64) -> impl Iterator<Item = (Slot, &K)> {
        self.iter()
            .take_while(move |(slot, _)| slot.at_ms <= now_ms)
    }

    /// When the first thing is due, or was.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        self.iter().next().map(|(slot, _)| slot.at_ms)
    }
}
