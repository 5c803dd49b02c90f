//! Turns: what a claim hands out and what a commit brings back.

use std::time::Duration;

use bytes::Bytes;

use super::activity::{ActivityCancel, NewActivity};
use super::head::{ExecutionStatus, InstanceHead, Parent, Position};
use super::history::HistoryChunk;
use super::id::{CommitId, Incarnation, InstanceId, LeaseToken, MessageId, TaskQueue, Topic};
use super::lease::{ActivityLease, TurnLease};
use super::listing::Labels;
use super::message::{Delivery, Envelope, IfExists, NewInstance};
use super::value::ValueUpdate;
use crate::limits::{CLAIM_BYTES_MAX, TURN_BYTES_MAX, TURN_MESSAGES_MAX};

/// A request for turns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimTurns {
    /// This instance and no other, if nobody has leased it, whatever its queue is and whether there is
    /// anything to do or not. The queues are not looked at then (CLM-14).
    pub only: Option<InstanceId>,
    /// From which queues, each of which gets its share (CLM-09, CLM-12, LIM-05).
    pub queues: Vec<TaskQueue>,
    /// How many instances at most (CLM-08).
    pub turns_max: usize,
    /// How many messages of each at most (CLM-02).
    pub messages_max: usize,
    /// Stop before a turn's messages pass this many bytes, after one message at least.
    pub bytes_max: usize,
    /// How many bytes the messages of all turns hold together, but for a first turn with more (CLM-13).
    pub total_bytes_max: usize,
    /// For how long the instances are leased.
    pub lease: Duration,
}

impl ClaimTurns {
    /// So many turns of these queues, with as many messages and bytes as a runtime asks for.
    #[must_use]
    pub fn new(queues: Vec<TaskQueue>, turns_max: usize, lease: Duration) -> Self {
        Self {
            only: None,
            queues,
            turns_max,
            messages_max: TURN_MESSAGES_MAX,
            bytes_max: TURN_BYTES_MAX,
            total_bytes_max: CLAIM_BYTES_MAX,
            lease,
        }
    }
}

/// An instance with work to do, leased to the claimer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// The lease.
    pub lease: TurnLease,
    /// The head.
    pub head: InstanceHead,
    /// The how-manieth claim since the last commit this is, from 1 (ATT-01, ATT-02).
    pub attempt: u32,
    /// The due messages, control first, in order within each channel; never mail (CLM-02, MSG-04).
    pub messages: Vec<Delivery>,
    /// Whether mail of an awaited topic was due (CLM-11).
    pub has_mail: bool,
}

impl Turn {
    /// How many bytes its messages hold (CLM-02, CLM-13).
    #[must_use]
    pub fn messages_bytes(&self) -> usize {
        let bodies = self.messages.iter().map(|it| it.message.body.len());
        bodies.fold(0, usize::saturating_add)
    }
}

/// One turn's effects, applied together or not at all (COM-01). The lease ends with it (COM-04).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnCommit {
    /// The instance.
    pub instance: InstanceId,
    /// A fresh random id of this commit (IDM-01).
    pub commit_id: CommitId,
    /// What must hold for it to be applied.
    pub fence: Fence,
    /// The head's descriptive part.
    pub head: HeadUpdate,
    /// What is appended and how executions end, in ascending order, from the current one on; from the
    /// one after it where the instance has ended and is opened again (EXE-04). The last one becomes the
    /// instance's current execution. Empty leaves status, output and position (HEA-02).
    pub executions: Vec<ExecutionUpdate>,
    /// The topics that the current execution awaits from now on, in full. Looked at only where there
    /// are executions; one that has ended or has no event awaits nothing (MAI-05).
    pub awaited: Vec<Topic>,
    /// Suspends or resumes the instance (SUS-01).
    pub suspended: Option<bool>,
    /// How long after the commit the instance expires; `None` is never. Looked at only where the commit
    /// ends it (EXP-01).
    pub expire_after: Option<Duration>,
    /// The values that it sets and removes, each key once (VAL-01).
    pub values: Vec<ValueUpdate>,
    /// The messages to remove from the inbox: those processed, and timers withdrawn (COM-02).
    pub consumed: Vec<MessageId>,
    /// Removes the messages that are addressed to this execution or an earlier one (COM-03).
    pub purge_through: Option<u64>,
    /// New activities.
    pub activities: Vec<NewActivity>,
    /// Activities to cancel.
    pub cancelled: Vec<ActivityCancel>,
    /// Leased activities that end with this commit (FEN-04).
    pub completed: Vec<ActivityLease>,
    /// Messages to send, its own timers among them.
    pub messages: Vec<Envelope>,
}

impl TurnCommit {
    /// The instance that it creates, where its fence says that there is none, and its life.
    #[must_use]
    pub fn newborn(&self) -> Option<(NewInstance, Incarnation)> {
        let Fence::Absent {
            incarnation,
            queue,
            parent,
            labels,
        } = &self.fence
        else {
            return None;
        };
        let newborn = NewInstance {
            instance: self.instance.clone(),
            queue: queue.clone(),
            parent: parent.clone(),
            labels: labels.clone(),
            orchestration: self.head.orchestration.clone(),
            core_state: self.head.core_state.clone(),
            if_exists: IfExists::Refuse,
        };
        Some((newborn, *incarnation))
    }
}

/// What must hold for a turn to be committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fence {
    /// There is no such instance; the commit creates it (FEN-03).
    Absent {
        /// The incarnation it gets.
        incarnation: Incarnation,
        /// The queue of its turns (STA-07).
        queue: TaskQueue,
        /// Whose child it is (STA-09).
        parent: Option<Parent>,
        /// What it is found by (STA-10).
        labels: Labels,
    },
    /// The lease is held, and the history ends here (FEN-01, FEN-02).
    At {
        /// The proof of the lease.
        lease: LeaseToken,
        /// The position the turn started from.
        position: Position,
    },
    /// Nobody holds the instance, and the history ends here (FEN-07). This is for a node that knows
    /// how the instance stands and needs no claim to go on.
    Unleased {
        /// Which life of the instance.
        incarnation: Incarnation,
        /// The position the turn starts from.
        position: Position,
        /// The commit it starts from.
        commit_id: Option<CommitId>,
    },
}

impl Fence {
    /// Where the turn starts from.
    #[must_use]
    pub fn position(&self) -> Position {
        match self {
            Self::Absent { .. } => Position::START,
            Self::At { position, .. } | Self::Unleased { position, .. } => *position,
        }
    }
}

/// The part of the head that core describes with each turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadUpdate {
    /// The orchestration's name.
    pub orchestration: String,
    /// The orchestration's resolved version.
    pub version: Option<String>,
    /// See [`InstanceHead::core_state`].
    pub core_state: Bytes,
}

/// What a turn does to one execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutionUpdate {
    /// Which execution.
    pub execution: u64,
    /// What is appended to its history.
    pub chunk: Option<HistoryChunk>,
    /// Its state afterwards.
    pub status: ExecutionStatus,
    /// Its result or error, encoded by core.
    pub output: Option<Bytes>,
}

/// The answer to a committed turn.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TurnCommitted {
    /// The commit had been applied before; nothing was changed now (IDM-01). The other fields may
    /// be empty then.
    pub repeated: bool,
    /// The cancelled activities that were leased (CAN-02).
    pub cancelled: Vec<ActivityLease>,
    /// How many messages were dropped since nobody is there (MSG-05).
    pub messages_dropped: usize,
}
