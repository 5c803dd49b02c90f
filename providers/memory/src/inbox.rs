//! The messages that wait for one instance.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};

use duroxide_core::providers::{Message, MessageId};

/// A place in an order by time, and by arrival where the times are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) at_ms: u64,
    /// Given out once only, so that a slot names one thing.
    pub(crate) arrival: u64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox {
    /// By the time they become visible (MSG-04).
    pub(crate) messages: BTreeMap<Slot, Message>,
    pub(crate) slots: HashMap<MessageId, Slot>,
}

impl Inbox {
    /// Keeps the message, unless one with its id is there (MSG-02).
    pub(crate) fn store(&mut self, slot: Slot, message: Message) {
        if let Entry::Vacant(entry) = self.slots.entry(message.id) {
            entry.insert(slot);
            self.messages.insert(slot, message);
        }
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        if let Some(slot) = self.slots.remove(&id) {
            self.messages.remove(&slot);
        }
    }

    /// Removes what is addressed to this execution or an earlier one (COM-03).
    pub(crate) fn purge_through(&mut self, execution: u64) {
        let Self { messages, slots } = self;
        messages.retain(|_, message| {
            let is_kept = message.execution.is_none_or(|to| to > execution);
            if !is_kept {
                slots.remove(&message.id);
            }
            is_kept
        });
    }

    /// How many messages there are, visible or not.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// When the first message becomes visible, or became.
    pub(crate) fn earliest_ms(&self) -> Option<u64> {
        self.messages.first_key_value().map(|(slot, _)| slot.at_ms)
    }

    pub(crate) fn has_visible(&self, now_ms: u64) -> bool {
        self.earliest_ms().is_some_and(|at_ms| at_ms <= now_ms)
    }

    /// The visible messages within these limits, at least one of them, and whether others were
    /// left behind (CLM-02, CLM-03).
    pub(crate) fn visible(
        &self,
        now_ms: u64,
        messages_max: usize,
        bytes_max: usize,
    ) -> (Vec<Message>, bool) {
        let mut taken: Vec<Message> = Vec::new();
        let mut bytes = 0_usize;
        for (_, message) in self
            .messages
            .iter()
            .take_while(|(at, _)| at.at_ms <= now_ms)
        {
            bytes = bytes.saturating_add(message.body.len());
            let is_full = taken.len() >= messages_max || bytes > bytes_max;
            if is_full && !taken.is_empty() {
                return (taken, true);
            }
            taken.push(message.clone());
        }
        (taken, false)
    }

    /// How many messages are visible, and how many are not yet.
    pub(crate) fn depths(&self, now_ms: u64) -> (usize, usize) {
        let is_visible = |slot: &&Slot| slot.at_ms <= now_ms;
        let visible = self.messages.keys().take_while(is_visible).count();
        (visible, self.messages.len() - visible)
    }
}
