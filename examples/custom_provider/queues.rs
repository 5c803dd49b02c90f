//! Queues of turns and queues of activities: the same things, but for what is in them.

use std::collections::{BTreeMap, BTreeSet};

use duroxide::providers::{TaskQueue, share};

use crate::agenda::{Agenda, Slot};

/// The items of each queue, by the time from which they may be claimed.
#[derive(Debug)]
pub(crate) struct Queues<K>(BTreeMap<TaskQueue, Agenda<K>>);

impl<K> Default for Queues<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord + Clone> Queues<K> {
    pub(crate) fn put(&mut self, queue: &TaskQueue, key: K, slot: Slot) {
        let agenda = self.0.entry(queue.clone()).or_default();
        agenda.put(key, slot);
    }

    pub(crate) fn remove(&mut self, queue: &TaskQueue, key: &K) {
        if let Some(agenda) = self.0.get_mut(queue) {
            agenda.remove(key);
            if agenda.next_ms().is_none() {
                self.0.remove(queue);
            }
        }
    }

    /// What a claim of these queues takes: of each one its share, and of the rest what became
    /// claimable first (CLM-06, CLM-12). Also whether others were claimable (CLM-08).
    pub(crate) fn due(&self, names: &[TaskQueue], now_ms: u64, items_max: usize) -> (Vec<K>, bool) {
        // A queue may be named twice; its items are there once.
        let names: BTreeSet<&TaskQueue> = names.iter().collect();
        // One more than asked for shows whether there are others.
        let count = items_max.saturating_add(1);
        let front = |name| {
            let agenda = self.0.get(name).into_iter();
            let due = agenda.flat_map(|agenda| agenda.due(now_ms)).take(count);
            due.map(|(slot, key)| (slot, key.clone())).collect()
        };
        let fronts: Vec<Vec<(Slot, K)>> = names.into_iter().map(front).collect();
        let more = fronts.iter().map(Vec::len).sum::<usize>() > items_max;
        (share::share_out(fronts, items_max), more)
    }

    /// When the first item of these queues is due, or was.
    pub(crate) fn next_ms(&self, names: &[TaskQueue]) -> Option<u64> {
        let agendas = names.iter().filter_map(|name| self.0.get(name));
        agendas.filter_map(Agenda::next_ms).min()
    }

    /// Each queue with what is in it.
    pub(crate) fn agendas(&self) -> impl Iterator<Item = (&TaskQueue, &Agenda<K>)> {
        self.0.iter()
    }

    /// Everything of all queues, the earliest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &K> {
        let mut all: Vec<_> = self.0.values().flat_map(|agenda| agenda.iter()).collect();
        all.sort();
        all.into_iter().map(|(_, key)| key)
    }
}
