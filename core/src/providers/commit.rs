//! A member of a batch of commits, and its answer.

use super::activity::ActivityOutcome;
use super::id::InstanceId;
use super::message::Envelope;
use super::turn::{TurnCommit, TurnCommitted};

/// One operation of [`Provider::commit`](super::Provider::commit).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commit {
    /// A turn of an instance.
    Turn(TurnCommit),
    /// The end of an activity.
    Activity(ActivityOutcome),
    /// A client's message.
    Send(Envelope),
}

impl Commit {
    /// The instance that the operation is about.
    #[must_use]
    pub fn instance(&self) -> &InstanceId {
        match self {
            Self::Turn(turn) => &turn.instance,
            Self::Activity(outcome) => &outcome.lease.key.instance,
            Self::Send(envelope) => envelope.recipient.instance(),
        }
    }
}

/// The answer to a [`Commit`], of the same variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// The turn is recorded.
    Turn(TurnCommitted),
    /// The outcome is recorded, and its message sent.
    Activity {
        /// How many messages were dropped since their instance is gone (MSG-05): one, or none.
        messages_dropped: usize,
    },
    /// The message is stored, or was there already (MSG-02, IDM-03).
    Sent,
}
