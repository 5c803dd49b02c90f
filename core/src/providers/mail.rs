//! Mail: what waits for an instance until its code reads it.

use super::id::{Incarnation, InstanceId, Topic};
use super::message::Message;

/// A request for the mail of an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadMail {
    /// The instance.
    pub instance: InstanceId,
    /// Which life of it; another one has no mail (MAI-04).
    pub incarnation: Incarnation,
    /// The topics, each once.
    pub topics: Vec<TopicCursor>,
    /// How many messages of each topic at most.
    pub per_topic_max: usize,
    /// Stop before the messages pass this many bytes, after one message at least (MAI-03).
    pub bytes_max: usize,
}

/// A topic, and how far it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCursor {
    /// The topic.
    pub topic: Topic,
    /// The mark of the last message that was read before; `None` begins with the oldest one.
    pub after: Option<MailMark>,
}

/// The place of a message among those of its topic: by due time, then by arrival (MSG-04).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailMark {
    /// When the message was due, in milliseconds since the Unix epoch by the store's clock.
    pub due_at_ms: u64,
    /// The order of arrival among those due at the same time, as the store counts it.
    pub arrival: u64,
}

/// A message of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its place.
    pub mark: MailMark,
    /// The message. It leaves the inbox when a commit names it as consumed.
    pub message: Message,
}

/// The oldest due mail of the topics that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailPage {
    /// The messages, ordered by their marks within each topic.
    pub mail: Vec<Mail>,
    /// Whether due mail of one of these topics was left behind.
    pub more: bool,
}
