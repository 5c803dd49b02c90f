//! Where an instance comes from that is a fork.

use serde::{Deserialize, Serialize};

use super::kind::EventKind;

/// What an instance began with that is a fork: a copy of the history of another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The other instance.
    pub instance: String,
    /// The execution whose history it is.
    pub execution: u64,
    /// The first event of that one which is not repeated here. If it is 1, the fork ended before it was one.
    pub event_id: u64,
}

/// Whether a history is that of a fork which ended before it was one: there is nothing that code could be led
/// through, and its input is not known.
pub(crate) fn is_unmade_fork(first: Option<&EventKind>) -> bool {
    matches!(
        first,
        Some(EventKind::OrchestrationStarted { forked: Some(forked), .. }) if forked.event_id == 1
    )
}
