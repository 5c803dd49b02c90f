//! Messages to instances.

use std::ops::Deref;
use std::time::Duration;

use bytes::Bytes;

use super::head::Parent;
use super::id::{Incarnation, InstanceId, MessageId, TaskQueue, Topic};
use super::listing::Labels;

/// A message, in an inbox or on its way to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Its identity.
    pub id: MessageId,
    /// Where in the inbox it lies.
    pub channel: Channel,
    /// The execution it is addressed to; `None` is whichever is current (COM-03). Mail is addressed
    /// to none (MAI-01).
    pub execution: Option<u64>,
    /// What it says; opaque to the provider.
    pub body: Bytes,
}

/// Where in an inbox a message lies, which decides when it makes the instance claimable and how it
/// is delivered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Channel {
    /// What manages the instance: cancellations, suspensions, wake-ups. It is claimed first, also
    /// while the instance is suspended or held back by a release.
    Control,
    /// What the instance's own decisions bring: starts, outcomes, timers, ends of children. It is
    /// claimed unless the instance is suspended.
    System,
    /// Mail: it waits until the code reads this topic, is never claimed, and wakes the instance only
    /// while its record says that it awaits the topic.
    Topic(Topic),
}

impl Channel {
    /// The topic of mail.
    #[must_use]
    pub fn topic(&self) -> Option<&Topic> {
        match self {
            Self::Topic(topic) => Some(topic),
            Self::Control | Self::System => None,
        }
    }
}

/// A message as a claim hands it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// When it was due, in milliseconds since the Unix epoch by the store's clock.
    pub due_at_ms: u64,
    /// The message.
    pub message: Message,
}

impl Deref for Delivery {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.message
    }
}

/// Whether it brings this message, whenever that was due.
impl PartialEq<Message> for Delivery {
    fn eq(&self, message: &Message) -> bool {
        self.message == *message
    }
}

/// A message with its address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// Where it goes.
    pub recipient: Recipient,
    /// After which time it is due, counted from the commit (DLY-01).
    pub delay: Duration,
    /// The message.
    pub message: Message,
}

/// Where a message goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// To an instance that it creates (STA-01, STA-02, STA-03).
    NewInstance(NewInstance),
    /// To an instance that exists (STA-04, MSG-05).
    Instance {
        /// Its id.
        instance: InstanceId,
        /// Which life of it; `None` is whichever there is.
        incarnation: Option<Incarnation>,
    },
}

impl Recipient {
    /// The instance that the message goes to.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        match self {
            Self::NewInstance(newborn) => &newborn.instance,
            Self::Instance { instance, .. } => instance,
        }
    }

    /// The instance that the message creates, if it creates one.
    #[must_use]
    pub fn created(&self) -> Option<&NewInstance> {
        match self {
            Self::NewInstance(newborn) => Some(newborn),
            Self::Instance { .. } => None,
        }
    }
}

/// An instance that a message creates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInstance {
    /// Its id.
    pub instance: InstanceId,
    /// The queue of its turns, for as long as it lives (STA-07).
    pub queue: TaskQueue,
    /// Whose child it is, for as long as it lives (STA-09).
    pub parent: Option<Parent>,
    /// What it is found by, for as long as it lives (STA-10).
    pub labels: Labels,
    /// The name of its orchestration.
    pub orchestration: String,
    /// The first value of [`InstanceHead::core_state`](super::InstanceHead::core_state).
    pub core_state: Bytes,
    /// What a client's start does where there is such an instance; a turn's does what STA-03 says.
    pub if_exists: IfExists,
}

/// What a client's start does where there is an instance of that id already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum IfExists {
    /// It is refused, and nothing is changed (STA-02).
    #[default]
    Refuse,
    /// It takes the place of one that has ended, which is deleted in the same step; beside one that
    /// has not ended it is refused (STA-08).
    ReplaceEnded,
}

impl NewInstance {
    /// One in the default queue, nobody's child, without labels, of which core has nothing to remember, and
    /// beside no other one.
    #[must_use]
    pub fn new(instance: InstanceId, orchestration: impl Into<String>) -> Self {
        Self {
            instance,
            queue: TaskQueue::default(),
            parent: None,
            labels: Labels::new(),
            orchestration: orchestration.into(),
            core_state: Bytes::new(),
            if_exists: IfExists::Refuse,
        }
    }

    /// Whether it may take the place of an instance that has ended (STA-08).
    #[must_use]
    pub fn replaces_ended(&self) -> bool {
        self.if_exists == IfExists::ReplaceEnded
    }
}
