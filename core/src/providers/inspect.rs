//! Looking at one instance or one queue: what is there, and what it waits for.

use bytes::Bytes;

use super::activity::ActivityKey;
use super::cursor::PageCursor;
use super::id::{InstanceId, MessageId, TaskQueue};
use super::listing::InstanceRecord;
use super::message::{Channel, Message};
use crate::limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX};

/// A request to look at an instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspect {
    /// The instance.
    pub instance: InstanceId,
    /// Where the page before has ended; `None` begins anew.
    pub after: Option<PageCursor>,
    /// How many messages and activities at most, together, and at most [`PAGE_ROWS_MAX`].
    pub items_max: usize,
    /// Stop before the bodies, and the details of activities with them, pass this many bytes, after one
    /// item at least. Without bodies it is not looked at.
    pub bytes_max: usize,
    /// Whether the bodies of messages and activities are wanted, the details of activities, and the output
    /// of the head.
    pub with_bodies: bool,
}

impl Inspect {
    /// The first page, without bodies.
    #[must_use]
    pub fn new(instance: InstanceId) -> Self {
        Self {
            instance,
            after: None,
            items_max: PAGE_ROWS_MAX,
            bytes_max: PAGE_BYTES_MAX,
            with_bodies: false,
        }
    }
}

/// An instance, and a page of what it has: its messages, channel by channel and each in the order of
/// MSG-04, and after them its activities, by their keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The instance.
    pub record: InstanceRecord,
    /// How it stands with the claims.
    pub standing: Standing,
    /// Messages, due or not.
    pub messages: Vec<MessageRecord>,
    /// Activities that have not ended.
    pub activities: Vec<ActivityRecord>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageCursor>,
}

/// How an instance stands with the claims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Standing {
    /// From when on a claim returns it, in milliseconds since the Unix epoch by the store's clock;
    /// `None` while nothing that is there wakes it.
    pub claimable_from_ms: Option<u64>,
    /// Until when a lease, or the delay of a release, keeps it from being claimed; `None` if nothing
    /// does.
    pub held_until_ms: Option<u64>,
    /// Whether that is a lease.
    pub is_leased: bool,
    /// How often it was claimed since its last commit (ATT-01, ATT-02).
    pub attempts: u32,
}

/// A message in an inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageRecord {
    /// Its identity.
    pub id: MessageId,
    /// Where it lies.
    pub channel: Channel,
    /// The execution that it is addressed to, if it is.
    pub execution: Option<u64>,
    /// When it is due, or was, in milliseconds since the Unix epoch by the store's clock.
    pub due_at_ms: u64,
    /// The bytes of its body.
    pub body_bytes: usize,
    /// What it says, if that was asked for.
    pub body: Option<Bytes>,
}

impl MessageRecord {
    /// The record of a message that is due then, with its body or without.
    #[must_use]
    pub fn of(message: &Message, due_at_ms: u64, with_body: bool) -> Self {
        Self {
            id: message.id,
            channel: message.channel.clone(),
            execution: message.execution,
            due_at_ms,
            body_bytes: message.body.len(),
            body: with_body.then(|| message.body.clone()),
        }
    }
}

/// An activity that has not ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityRecord {
    /// Which one.
    pub key: ActivityKey,
    /// The queue it is in.
    pub queue: TaskQueue,
    /// How often it was claimed, as ATT-03 counts.
    pub attempts: u32,
    /// From when on a claim returns it, in milliseconds since the Unix epoch by the store's clock: the
    /// end of its lease or of the delay of a release, and a time that has passed where it just waits.
    pub claimable_from_ms: u64,
    /// Whether somebody holds its lease.
    pub is_leased: bool,
    /// The bytes of its body.
    pub body_bytes: usize,
    /// What to do, if that was asked for.
    pub body: Option<Bytes>,
    /// The bytes of its details (DET-01), 0 where there are none.
    pub details_bytes: usize,
    /// How far it is, as the last renewal or release that brought details has left it, if bodies were asked
    /// for; `None` as well while nobody has brought any.
    pub details: Option<Bytes>,
}

/// A request for the activities of a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListActivities {
    /// The queue.
    pub queue: TaskQueue,
    /// Where the page before has ended; `None` begins anew.
    pub after: Option<PageCursor>,
    /// How many at most, and at most [`PAGE_ROWS_MAX`].
    pub activities_max: usize,
    /// As [`Inspect::bytes_max`].
    pub bytes_max: usize,
    /// Whether the bodies and the details are wanted.
    pub with_bodies: bool,
}

impl ListActivities {
    /// The first page, without bodies.
    #[must_use]
    pub fn new(queue: TaskQueue) -> Self {
        Self {
            queue,
            after: None,
            activities_max: PAGE_ROWS_MAX,
            bytes_max: PAGE_BYTES_MAX,
            with_bodies: false,
        }
    }
}

/// A page of activities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActivityPage {
    /// The activities, the first to be claimed first, leased ones at the ends of their leases.
    pub activities: Vec<ActivityRecord>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<PageCursor>,
}
