//! Commits of turns, and what became of them.

use duroxide_core::providers::{
    ActivityCancel, ActivityKey, CommitId, Fence, Incarnation, InstanceHead, Topic, TurnCommit,
    TurnCommitted,
};

use crate::random::workers::log::{Answer, Entry};

/// What became of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::random::workers) enum Fate {
    /// It was applied: the store said so, or what it wrote is there.
    Applied,
    /// It was not: the store said so, or what it would have written is not there.
    Refused,
    /// Nobody knows.
    Unknown,
}

/// One call that commits a turn.
#[derive(Debug, Clone, Copy)]
pub(in crate::random::workers) struct TurnCall<'a> {
    pub(in crate::random::workers) entry: &'a Entry,
    pub(in crate::random::workers) commit: &'a TurnCommit,
    pub(in crate::random::workers) answer: &'a Answer<TurnCommitted>,
    /// Which life of the instance the turn was claimed from.
    pub(in crate::random::workers) life: Incarnation,
    /// The head that it goes on from, as a claim showed it or whoever read it; `None` if nobody saw
    /// that head.
    pub(in crate::random::workers) base: Option<&'a InstanceHead>,
    /// The commit that it goes on from.
    pub(in crate::random::workers) after: Option<CommitId>,
    /// What became of the commit, by this call or another one that repeats it.
    pub(in crate::random::workers) fate: Fate,
}

/// What a commit leaves in the head of what wakes the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::random::workers) struct Standing<'a> {
    pub(in crate::random::workers) awaited: &'a [Topic],
    pub(in crate::random::workers) suspended: bool,
}

impl<'a> TurnCall<'a> {
    /// Whether the instance has ended with this commit.
    pub(in crate::random::workers) fn is_end(&self) -> bool {
        let last = self.commit.executions.last();
        last.is_some_and(|it| it.status.of_instance().is_terminal())
    }

    /// Whether this commit opens an execution behind that with which the instance has ended (EXE-04).
    pub(in crate::random::workers) fn opens_behind(&self, end: &Self) -> bool {
        let last = |call: &Self| call.commit.executions.last().map(|it| it.execution);
        last(self) > last(end)
    }

    /// What the head says after this commit, if it was applied (MAI-05, SUS-02).
    pub(in crate::random::workers) fn standing(&self) -> Option<Standing<'a>> {
        let base = self.base?;
        if self.is_end() || base.status.is_terminal() && self.commit.executions.is_empty() {
            return Some(Standing {
                awaited: &[],
                suspended: false,
            });
        }
        let awaited = if self.commit.executions.is_empty() {
            &base.awaited
        } else {
            &self.commit.awaited
        };
        Some(Standing {
            awaited,
            suspended: self.commit.suspended.unwrap_or(base.suspended),
        })
    }
}

/// Whether a commit cancels this activity. Those of an execution that it cancels are those that were
/// scheduled before: an activity has the id of its event.
pub(in crate::random::workers) fn cancels(commit: &TurnCommit, key: &ActivityKey) -> bool {
    commit.instance == key.instance
        && commit.cancelled.iter().any(|cancel| match cancel {
            ActivityCancel::One {
                execution,
                activity_id,
            } => *execution == key.execution && *activity_id == key.activity_id,
            ActivityCancel::AllOfExecution(execution) => match commit.fence {
                Fence::At { position, .. } | Fence::Unleased { position, .. } => {
                    let end = (position.execution, position.next_event_id);
                    *execution == key.execution && (key.execution, key.activity_id) < end
                }
                Fence::Absent { .. } => false,
            },
        })
}
