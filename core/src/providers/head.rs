//! What a provider knows of an instance without reading its history.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::id::{CommitId, Incarnation, InstanceId, TaskQueue, Topic};
use super::message::NewInstance;

/// Where the history of an instance ends: the next event of which execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The current execution, from 1.
    pub execution: u64,
    /// The id that its next event will have, from 1.
    pub next_event_id: u64,
}

impl Position {
    /// The position of an instance that has no event yet.
    pub const START: Self = Self {
        execution: 1,
        next_event_id: 1,
    };
}

/// The state of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceStatus {
    /// It was started and has not run a turn.
    Pending,
    /// It has run a turn and has not ended.
    Running,
    /// It ended with a result.
    Completed,
    /// It ended with an error, or was cancelled.
    Failed,
}

impl InstanceStatus {
    /// Whether the instance has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// The state of one execution of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ExecutionStatus {
    /// It has not ended.
    Running,
    /// It ended with a result, and the instance with it.
    Completed,
    /// It ended with an error, and the instance with it.
    Failed,
    /// It ended by handing over to the next execution.
    ContinuedAsNew,
}

impl ExecutionStatus {
    /// The status of an instance whose latest execution has this status.
    #[must_use]
    pub fn of_instance(self) -> InstanceStatus {
        match self {
            Self::Running | Self::ContinuedAsNew => InstanceStatus::Running,
            Self::Completed => InstanceStatus::Completed,
            Self::Failed => InstanceStatus::Failed,
        }
    }
}

/// The instance that has started another one, and waits for it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Parent {
    /// Its id.
    pub instance: InstanceId,
    /// Which life of it.
    pub incarnation: Incarnation,
}

/// The head of an instance: everything about it but history, messages and activities (HEA-01).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceHead {
    /// The instance.
    pub instance: InstanceId,
    /// Which life of that id this is.
    pub incarnation: Incarnation,
    /// The queue of its turns, given at its start and never changed (STA-07).
    pub queue: TaskQueue,
    /// Whose child it is, given at its start and never changed (STA-09). In a box, since most have none.
    pub parent: Option<Box<Parent>>,
    /// The orchestration's name.
    pub orchestration: String,
    /// The orchestration's version, once the first turn has resolved it.
    pub version: Option<String>,
    /// The state of the instance.
    pub status: InstanceStatus,
    /// The result or the error of an ended instance, encoded by core.
    pub output: Option<Bytes>,
    /// Where the history ends.
    pub position: Position,
    /// The last turn commit (IDM-02); `None` before the first.
    pub commit_id: Option<CommitId>,
    /// Up to [`Limits::core_state_bytes_max`](super::Limits::core_state_bytes_max) bytes that
    /// belong to core: what it must know to end a run without reading its history.
    pub core_state: Bytes,
    /// The topics whose due mail makes the instance claimable (MAI-05).
    pub awaited: Vec<Topic>,
    /// Whether only control messages make it claimable (SUS-01).
    pub suspended: bool,
    /// When the instance was created, in milliseconds since the Unix epoch, by the store's clock.
    pub created_at_ms: u64,
    /// When its head was last written, in milliseconds since the Unix epoch.
    pub updated_at_ms: u64,
    /// The note of the last release that brought one since the last commit (NOT-01). Only
    /// [`read_head`](super::Provider::read_head) and [`inspect`](super::ProviderAdmin::inspect) read it: it
    /// lies beside the rest, so that claims and commits neither read nor write it.
    pub note: Option<Bytes>,
    /// From when on [`Provider::maintain`](super::Provider::maintain) removes it, in milliseconds since
    /// the Unix epoch; only an instance that has ended has one (EXP-01).
    pub expires_at_ms: Option<u64>,
}

impl InstanceHead {
    /// That of an instance which has not run a turn (STA-01).
    #[must_use]
    pub fn new(newborn: NewInstance, incarnation: Incarnation, now_ms: u64) -> Self {
        Self {
            instance: newborn.instance,
            incarnation,
            queue: newborn.queue,
            parent: newborn.parent.map(Box::new),
            orchestration: newborn.orchestration,
            version: None,
            status: InstanceStatus::Pending,
            output: None,
            position: Position::START,
            commit_id: None,
            core_state: newborn.core_state,
            awaited: Vec::new(),
            suspended: false,
            created_at_ms: now_ms,
            updated_at_ms: now_ms,
            note: None,
            expires_at_ms: None,
        }
    }

    /// Puts right what follows from the rest after a commit: an instance that has ended, or whose
    /// current execution has no event, awaits nothing, and one that has ended is not suspended (MAI-05,
    /// SUS-02).
    pub fn settle(&mut self) {
        let has_ended = self.status.is_terminal();
        if has_ended || self.position.next_event_id == 1 {
            self.awaited.clear();
        }
        self.suspended &= !has_ended;
    }
}
