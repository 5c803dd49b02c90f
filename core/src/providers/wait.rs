//! Waiting for work and for changes.

use super::head::InstanceHead;
use super::id::{InstanceId, TaskQueue};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The instance has ended.
    Terminal,
}

impl Until {
    /// Whether the condition holds for this head.
    #[must_use]
    pub fn is_met_by(self, head: &InstanceHead) -> bool {
        match self {
            Self::Terminal => head.status.is_terminal(),
        }
    }
}
