//! External events by name: those nobody has taken, and the waits nobody has answered.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use crate::limits::{TAKEN_IDS_MAX, TAKEN_RANDOM_IDS_MAX};
use crate::message::CarriedEvent;

/// The version of a UUID (RFC 9562) that is derived from an id which a sender has given.
const GIVEN: usize = 5;

/// An event that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Received {
    /// The event that recorded it.
    pub(super) event_id: u64,
    pub(super) data: String,
    pub(super) message_id: Option<Uuid>,
}

#[derive(Debug, Default)]
struct Channel {
    buffered: VecDeque<Received>,
    waiting: VecDeque<u64>,
    /// Matched with a wait whose future has not been polled since.
    matched: BTreeMap<u64, Received>,
}

/// The events and waits of one execution, first come, first served within each name.
#[derive(Debug, Default)]
pub(super) struct ExternalEvents {
    /// In boxes: the map has room for several from the first one on, and most executions have few.
    channels: BTreeMap<String, Box<Channel>>,
    /// The waits that are answered at once, if only by the absence of an event.
    tries: BTreeMap<u64, String>,
    seen: BTreeSet<Uuid>,
    /// The last of them, the newest at the back.
    recent: VecDeque<Uuid>,
}

impl ExternalEvents {
    /// Notes the message that brings an event; false if it was here before.
    pub(super) fn is_new(&mut self, message_id: Option<Uuid>) -> bool {
        let Some(id) = message_id else {
            return true;
        };
        let is_new = self.seen.insert(id);
        if is_new {
            if self.recent.len() == TAKEN_IDS_MAX {
                self.recent.pop_front();
            }
            self.recent.push_back(id);
        }
        is_new
    }

    /// The messages that brought the last events, as far as they may come again: those with an id that
    /// the sender has given, and of the others those whose reply may have been lost a moment ago.
    pub(super) fn recently_taken(&self) -> Vec<Uuid> {
        let mut random = 0;
        let newest_first = self.recent.iter().rev().filter(|id| {
            let is_given = id.get_version_num() == GIVEN;
            random += usize::from(!is_given);
            is_given || random <= TAKEN_RANDOM_IDS_MAX
        });
        let mut taken: Vec<Uuid> = newest_first.copied().collect();
        taken.reverse();
        taken
    }

    /// The topics with waits that have no answer.
    pub(super) fn open_topics(&self) -> Vec<String> {
        let is_patient = |wait: &u64| !self.tries.contains_key(wait);
        let open = self
            .channels
            .iter()
            .filter(|(_, it)| it.waiting.iter().any(is_patient));
        open.map(|(name, _)| name.clone()).collect()
    }

    /// The first of the tries that have no answer, and its topic.
    pub(super) fn first_try(&self) -> Option<(u64, String)> {
        let (wait, name) = self.tries.first_key_value()?;
        Some((*wait, name.clone()))
    }

    /// The first of the waits for a topic that have no answer.
    pub(super) fn first_wait(&self, name: &str) -> Option<u64> {
        self.channels.get(name)?.waiting.front().copied()
    }

    /// Receives an event; answers the wait that it resolves.
    pub(super) fn receive(&mut self, name: &str, received: Received) -> Option<u64> {
        let channel = self.channels.entry(name.to_owned()).or_default();
        let Some(wait) = channel.waiting.pop_front() else {
            channel.buffered.push_back(received);
            return None;
        };
        self.tries.remove(&wait);
        channel.matched.insert(wait, received);
        Some(wait)
    }

    /// Registers a wait; answers the event that resolves it at once.
    pub(super) fn subscribe(&mut self, name: &str, wait: u64) -> Option<Received> {
        let channel = self.channels.entry(name.to_owned()).or_default();
        let Some(received) = channel.buffered.pop_front() else {
            channel.waiting.push_back(wait);
            return None;
        };
        channel.matched.insert(wait, received.clone());
        Some(received)
    }

    /// The same for a wait that is answered at once.
    pub(super) fn subscribe_at_once(&mut self, name: &str, wait: u64) -> Option<Received> {
        let received = self.subscribe(name, wait);
        if received.is_none() {
            self.tries.insert(wait, name.to_owned());
        }
        received
    }

    /// There is no event for this wait, if there is such a wait.
    pub(super) fn give_up(&mut self, name: &str, wait: Option<u64>) {
        let Some(wait) = wait else { return };
        self.tries.remove(&wait);
        if let Some(channel) = self.channels.get_mut(name) {
            channel.waiting.retain(|waiting| *waiting != wait);
            self.forget_if_empty(name);
        }
    }

    /// The wait's future was given its event.
    pub(super) fn observe(&mut self, name: &str, wait: u64) {
        if let Some(channel) = self.channels.get_mut(name) {
            channel.matched.remove(&wait);
            self.forget_if_empty(name);
        }
    }

    /// Code may use a name once and never again: what is open is looked for in each step.
    fn forget_if_empty(&mut self, name: &str) {
        let is_empty =
            |it: &Channel| it.buffered.is_empty() && it.waiting.is_empty() && it.matched.is_empty();
        if self.channels.get(name).is_some_and(|it| is_empty(it)) {
            self.channels.remove(name);
        }
    }

    /// The wait's future was dropped. An event that it had not seen goes to the next wait, which
    /// is answered with it, or back to the front of those nobody has taken.
    pub(super) fn abandon(&mut self, name: &str, wait: u64) -> Option<(u64, Received)> {
        self.give_up(name, Some(wait));
        let channel = self.channels.get_mut(name)?;
        let received = channel.matched.remove(&wait)?;
        let Some(next) = channel.waiting.pop_front() else {
            let at = channel
                .buffered
                .partition_point(|other| other.event_id < received.event_id);
            channel.buffered.insert(at, received);
            return None;
        };
        self.tries.remove(&next);
        channel.matched.insert(next, received.clone());
        Some((next, received))
    }

    /// What nobody has taken, in the order of arrival, for the next execution.
    pub(super) fn into_carried(self) -> Vec<CarriedEvent> {
        let mut left: Vec<(u64, CarriedEvent)> = Vec::new();
        for (name, channel) in self.channels {
            for received in channel
                .buffered
                .into_iter()
                .chain(channel.matched.into_values())
            {
                let Received {
                    event_id,
                    data,
                    message_id,
                } = received;
                left.push((
                    event_id,
                    CarriedEvent {
                        name: name.clone(),
                        data,
                        message_id,
                    },
                ));
            }
        }
        left.sort_by_key(|(event_id, _)| *event_id);
        left.into_iter().map(|(_, event)| event).collect()
    }
}
