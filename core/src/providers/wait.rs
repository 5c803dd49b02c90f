//! Waiting for work and for changes.

use super::head::InstanceHead;
use super::id::{CommitId, InstanceId, TaskQueue, ValueKey};

/// The queues that a waiter serves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queues {
    /// Which queues of turns it serves.
    pub turns: Vec<TaskQueue>,
    /// Which queues of activities it serves.
    pub activities: Vec<TaskQueue>,
}

/// A condition on one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// Which instance. While it is absent the condition does not hold.
    pub instance: InstanceId,
    /// The condition.
    pub until: Until,
}

/// What a watcher waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Until {
    /// The instance has ended.
    Terminal,
    /// A value of the instance has another version than this one, `None` being that of a value which
    /// is not there (VAL-06).
    ValueOtherThan {
        /// Which value.
        key: ValueKey,
        /// The version that is known.
        version: Option<CommitId>,
    },
}

impl Until {
    /// Whether the condition holds for this head, and for the version that each value of the instance
    /// has, if it is there.
    pub fn is_met_by(
        &self,
        head: &InstanceHead,
        version_of: impl FnOnce(&ValueKey) -> Option<CommitId>,
    ) -> bool {
        match self {
            Self::Terminal => head.status.is_terminal(),
            Self::ValueOtherThan { key, version } => version_of(key) != *version,
        }
    }

    /// The value that the condition is about, if it is about one.
    #[must_use]
    pub fn value_key(&self) -> Option<&ValueKey> {
        match self {
            Self::Terminal => None,
            Self::ValueOtherThan { key, .. } => Some(key),
        }
    }
}
