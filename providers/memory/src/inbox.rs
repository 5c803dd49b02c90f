//! The messages that wait for one instance, by channel.

use std::cmp::Ordering;
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

use duroxide_core::providers::{
    Channel, Delivery, Mail, MailMark, MailPage, Message, MessageId, ReadMail, Topic, TopicCursor,
};

/// A place in an order by time, and by arrival where the times are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Slot {
    pub(crate) at_ms: u64,
    /// Given out once only, so that a slot names one thing.
    pub(crate) arrival: u64,
}

/// The messages of a channel, by the time from which they are due (MSG-04).
/// In boxes: the map has room for eleven from the first one on, and most instances have one.
type Messages = BTreeMap<Slot, Box<Message>>;

#[derive(Debug, Clone, Default)]
pub(crate) struct Inbox {
    control: Messages,
    system: Messages,
    topics: BTreeMap<Topic, Messages>,
    mail_count: usize,
    pub(crate) places: HashMap<MessageId, (Channel, Slot)>,
}

/// How much a claim takes of an inbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Extent {
    /// Messages that are due then.
    pub(crate) due_ms: u64,
    pub(crate) messages_max: usize,
    pub(crate) bytes_max: usize,
    /// Whether that is all that a suspended instance gets.
    pub(crate) control_only: bool,
}

impl Inbox {
    /// Keeps the message, unless one with its id is there (MSG-02).
    pub(crate) fn store(&mut self, slot: Slot, message: Message) {
        let Entry::Vacant(place) = self.places.entry(message.id) else {
            return;
        };
        place.insert((message.channel.clone(), slot));
        let messages = match &message.channel {
            Channel::Control => &mut self.control,
            Channel::System => &mut self.system,
            Channel::Topic(topic) => {
                self.mail_count += 1;
                self.topics.entry(topic.clone()).or_default()
            }
        };
        messages.insert(slot, Box::new(message));
    }

    pub(crate) fn remove(&mut self, id: MessageId) {
        let Some((channel, slot)) = self.places.remove(&id) else {
            return;
        };
        match channel {
            Channel::Control => self.control.remove(&slot),
            Channel::System => self.system.remove(&slot),
            Channel::Topic(topic) => {
                let Some(messages) = self.topics.get_mut(&topic) else {
                    return;
                };
                let removed = messages.remove(&slot);
                if messages.is_empty() {
                    self.topics.remove(&topic);
                }
                self.mail_count -= usize::from(removed.is_some());
                removed
            }
        };
    }

    /// Removes what is addressed to this execution or an earlier one (COM-03). Mail is addressed to
    /// none, so that a backlog of it costs nothing here.
    pub(crate) fn purge_through(&mut self, execution: u64) {
        let Self {
            control,
            system,
            places,
            ..
        } = self;
        for messages in [control, system] {
            messages.retain(|_, message| {
                let is_kept = message.execution.is_none_or(|to| to > execution);
                if !is_kept {
                    places.remove(&message.id);
                }
                is_kept
            });
        }
    }

    /// Every message that it holds, due or not.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Slot, &Message)> {
        let topics = self.topics.values().flatten();
        let all = self.control.iter().chain(&self.system).chain(topics);
        all.map(|(slot, message)| (slot, &**message))
    }

    /// The messages behind this place, channel by channel.
    pub(crate) fn behind<'a>(
        &'a self,
        place: Option<&'a (Channel, Slot)>,
    ) -> impl Iterator<Item = (Slot, &'a Message)> {
        let topics = self.topics.iter();
        let topics = topics.map(|(topic, messages)| (Channel::Topic(topic.clone()), messages));
        let channels = [
            (Channel::Control, &self.control),
            (Channel::System, &self.system),
        ];
        let channels = channels.into_iter().chain(topics);
        let behind = channels.flat_map(move |(channel, messages)| {
            let first = match place {
                None => Some(Bound::Unbounded),
                Some((it, slot)) => match channel.cmp(it) {
                    Ordering::Less => None,
                    Ordering::Equal => Some(Bound::Excluded(*slot)),
                    Ordering::Greater => Some(Bound::Unbounded),
                },
            };
            let first = first.into_iter();
            first.flat_map(move |first| messages.range((first, Bound::Unbounded)))
        });
        behind.map(|(slot, message)| (*slot, &**message))
    }

    /// How many messages of a channel there are, due or not.
    pub(crate) fn count(&self, channel: &Channel) -> usize {
        match channel {
            Channel::Control => self.control.len(),
            Channel::System => self.system.len(),
            Channel::Topic(topic) => self.topics.get(topic).map_or(0, BTreeMap::len),
        }
    }

    /// How many messages of all topics there are, due or not.
    pub(crate) fn mail_count(&self) -> usize {
        self.mail_count
    }

    /// When the first control message is due, or was.
    pub(crate) fn control_ms(&self) -> Option<u64> {
        first_ms(&self.control)
    }

    /// When the first message is due, or was, that wakes an instance which awaits these topics and is
    /// not suspended.
    pub(crate) fn work_ms(&self, awaited: &[Topic]) -> Option<u64> {
        let mail_ms = self.mail_ms(awaited);
        first_ms(&self.system).into_iter().chain(mail_ms).min()
    }

    /// When the first mail of these topics is due, or was.
    pub(crate) fn mail_ms(&self, awaited: &[Topic]) -> Option<u64> {
        let topics = awaited.iter().filter_map(|topic| self.topics.get(topic));
        topics.filter_map(first_ms).min()
    }

    /// The due messages for a claim, at least one of them if there is one (CLM-02, CLM-11).
    pub(crate) fn due(&self, extent: Extent) -> Vec<Delivery> {
        let system = (!extent.control_only).then_some(&self.system);
        let mut taken: Vec<Delivery> = Vec::new();
        let mut bytes = 0_usize;
        for messages in std::iter::once(&self.control).chain(system) {
            for (slot, message) in messages
                .iter()
                .take_while(|(at, _)| at.at_ms <= extent.due_ms)
            {
                bytes = bytes.saturating_add(message.body.len());
                let is_full = taken.len() >= extent.messages_max || bytes > extent.bytes_max;
                if is_full && !taken.is_empty() {
                    return taken;
                }
                taken.push(Delivery {
                    due_at_ms: slot.at_ms,
                    message: Message::clone(message),
                });
            }
        }
        taken
    }

    /// The oldest due mail (MAI-02, MAI-03). Topics take turns by due time, so that none keeps another
    /// one from being read.
    pub(crate) fn mail(&self, request: &ReadMail, now_ms: u64, by_topic: bool) -> MailPage {
        let mut found: Vec<Mail> = Vec::new();
        let mut more = false;
        for cursor in &request.topics {
            let mut of_topic = self.mail_of(cursor, now_ms);
            found.extend(of_topic.by_ref().take(request.per_topic_max));
            more |= of_topic.next().is_some();
        }
        if !by_topic {
            found.sort_by_key(|mail| mail.mark);
        }
        let mut bytes = 0_usize;
        let fitting = found
            .iter()
            .take_while(|mail| {
                bytes = bytes.saturating_add(mail.message.body.len());
                bytes <= request.bytes_max
            })
            .count()
            .max(1);
        more |= found.len() > fitting;
        found.truncate(fitting);
        MailPage { mail: found, more }
    }

    fn mail_of(&self, cursor: &TopicCursor, now_ms: u64) -> impl Iterator<Item = Mail> {
        let after = cursor.after.map(slot_of);
        let messages = self.topics.get(&cursor.topic);
        messages
            .into_iter()
            .flat_map(move |messages| {
                let from = after.map_or(Bound::Unbounded, Bound::Excluded);
                messages.range((from, Bound::Unbounded))
            })
            .take_while(move |(slot, _)| slot.at_ms <= now_ms)
            .map(|(slot, message)| Mail {
                mark: MailMark {
                    due_at_ms: slot.at_ms,
                    arrival: slot.arrival,
                },
                message: Message::clone(message),
            })
    }

    /// How many messages are work that is due, and how many will be.
    pub(crate) fn depths(&self, now_ms: u64, awaited: &[Topic]) -> (usize, usize) {
        let mail = awaited.iter().filter_map(|topic| self.topics.get(topic));
        let mut depths = (0, 0);
        for messages in [&self.control, &self.system].into_iter().chain(mail) {
            let is_due = |slot: &&Slot| slot.at_ms <= now_ms;
            let due = messages.keys().take_while(is_due).count();
            depths.0 += due;
            depths.1 += messages.len() - due;
        }
        depths
    }
}

fn first_ms(messages: &Messages) -> Option<u64> {
    messages.first_key_value().map(|(slot, _)| slot.at_ms)
}

fn slot_of(mark: MailMark) -> Slot {
    Slot {
        at_ms: mark.due_at_ms,
        arrival: mark.arrival,
    }
}
