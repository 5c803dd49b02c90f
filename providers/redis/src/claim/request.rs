//! What a claim asks for.

use std::sync::Arc;

use duroxide_core::providers::{ClaimActivities, ClaimTurns, TaskQueue};
use serde::Serialize;

use crate::codes::millis;

/// How many items the claims of one script take at most: a token is sent for each, and the server does nothing
/// else meanwhile. `more` says that there are others.
pub(super) const ITEMS_MAX: usize = 1_000;

/// A claim, as the script is asked for it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Request {
    pub(super) of_turns: bool,
    /// The only instance to claim, if it is one.
    only: Option<Arc<str>>,
    pub(super) queues: Vec<Arc<str>>,
    /// How many items.
    pub(super) max: usize,
    /// How many of each queue, where the caller says that.
    takes: Option<Vec<usize>>,
    messages_max: usize,
    bytes_max: usize,
    pub(super) total_max: usize,
    lease: u64,
}

impl Request {
    pub(super) fn turns(claim: &ClaimTurns) -> Self {
        Self {
            of_turns: true,
            only: claim.only.as_ref().map(|id| id.as_str().into()),
            queues: distinct(&claim.queues),
            max: claim.turns_max.min(ITEMS_MAX),
            takes: None,
            messages_max: claim.messages_max,
            bytes_max: claim.bytes_max,
            total_max: claim.total_bytes_max,
            lease: millis(claim.lease),
        }
    }

    pub(super) fn activities(claim: &ClaimActivities) -> Self {
        Self {
            of_turns: false,
            only: None,
            queues: distinct(&claim.queues),
            max: claim.activities_max.min(ITEMS_MAX),
            takes: None,
            messages_max: 0,
            bytes_max: 0,
            total_max: claim.total_bytes_max,
            lease: millis(claim.lease),
        }
    }

    /// The same for so many of each queue.
    pub(super) fn with_takes(&self, takes: Vec<usize>) -> Self {
        Self {
            max: takes.iter().sum(),
            takes: Some(takes),
            ..self.clone()
        }
    }

    pub(super) fn operation(&self) -> &'static str {
        if self.of_turns {
            "claim_turns"
        } else {
            "claim_activities"
        }
    }
}

/// Each queue once: one that is named twice has its items once.
fn distinct(queues: &[TaskQueue]) -> Vec<Arc<str>> {
    let mut names: Vec<Arc<str>> = queues.iter().map(|queue| Arc::clone(&queue.0)).collect();
    names.sort_unstable();
    names.dedup();
    names
}
