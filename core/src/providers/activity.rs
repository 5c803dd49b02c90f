//! Activities and their queue.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::id::{Incarnation, InstanceId, LeaseToken, TaskQueue};
use super::lease::ActivityLease;
use super::message::Message;
use crate::limits::CLAIM_BYTES_MAX;

/// The identity of an activity: the event that scheduled it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityKey {
    /// The instance that scheduled it.
    pub instance: InstanceId,
    /// Which life of that instance.
    pub incarnation: Incarnation,
    /// The execution.
    pub execution: u64,
    /// The id of the scheduling event.
    pub activity_id: u64,
}

impl fmt::Display for ActivityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.instance, self.execution, self.activity_id
        )
    }
}

/// An activity that a turn schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewActivity {
    /// The execution that schedules it.
    pub execution: u64,
    /// The id of the scheduling event.
    pub activity_id: u64,
    /// The queue it goes to.
    pub queue: TaskQueue,
    /// Whether it is born leased to the committing node (ACT-02).
    pub reservation: Option<Reservation>,
    /// What to do; opaque to the provider.
    pub body: Bytes,
}

impl NewActivity {
    /// The key that it has in this life of this instance.
    #[must_use]
    pub fn key(&self, instance: &InstanceId, incarnation: Incarnation) -> ActivityKey {
        ActivityKey {
            instance: instance.clone(),
            incarnation,
            execution: self.execution,
            activity_id: self.activity_id,
        }
    }
}

/// The lease that a new activity is born with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reservation {
    /// Its proof, chosen by the committing node.
    pub token: LeaseToken,
    /// How long it is held, from the commit.
    pub lease: Duration,
}

/// A request for activities.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimActivities {
    /// From which queues, each of which gets its share (CLM-09, CLM-12, LIM-05).
    pub queues: Vec<TaskQueue>,
    /// How many at most (CLM-08).
    pub activities_max: usize,
    /// How many bytes their bodies hold together, but for a first one that is larger (CLM-13).
    pub total_bytes_max: usize,
    /// For how long they are leased.
    pub lease: Duration,
}

impl ClaimActivities {
    /// So many activities of these queues, with as many bytes as a runtime asks for.
    #[must_use]
    pub fn new(queues: Vec<TaskQueue>, activities_max: usize, lease: Duration) -> Self {
        Self {
            queues,
            activities_max,
            total_bytes_max: CLAIM_BYTES_MAX,
            lease,
        }
    }
}

/// An activity, leased to the claimer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimedActivity {
    /// The lease, which names the activity.
    pub lease: ActivityLease,
    /// The queue it came from.
    pub queue: TaskQueue,
    /// The how-manieth claim of it this is, from 1 (ATT-01).
    pub attempt: u32,
    /// What to do.
    pub body: Bytes,
    /// The details that the last renewal or release which brought some has left (DET-01).
    pub details: Option<Bytes>,
}

/// The end of a leased activity (ACT-03, ACT-04).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActivityOutcome {
    /// The lease, which names the activity.
    pub lease: ActivityLease,
    /// What to tell the instance that scheduled it, if anything.
    pub message: Option<Message>,
}

/// Activities that a turn cancels (CAN-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivityCancel {
    /// One activity.
    One {
        /// Of this execution.
        execution: u64,
        /// Scheduled by this event.
        activity_id: u64,
    },
    /// Every activity of one execution (CAN-05).
    AllOfExecution(u64),
}
