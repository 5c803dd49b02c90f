//! What a claim asks for.

use bytes::Bytes;
use duroxide_core::entropy::Entropy;
use duroxide_core::providers::{ClaimActivities, ClaimTurns, TaskQueue};
use serde::Serialize;

use crate::codes::millis;

/// How many items a claim takes at most: a token is sent for each, and the server does nothing else
/// meanwhile. `more` says that there are others.
const ITEMS_MAX: usize = 1_000;

/// A claim, as the script is asked for it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Request<'a> {
    pub(super) of_turns: bool,
    /// The only instance to claim, if it is one.
    only: Option<&'a str>,
    pub(super) queues: Vec<&'a str>,
    pub(super) max: usize,
    /// How many of each queue, where the caller says that.
    takes: Option<Vec<usize>>,
    messages_max: usize,
    bytes_max: usize,
    pub(super) total_max: usize,
    lease: u64,
    /// A fresh one for each item, one behind another (LEA-02).
    tokens: Bytes,
}

impl<'a> Request<'a> {
    pub(super) fn turns(claim: &'a ClaimTurns) -> Self {
        Self {
            of_turns: true,
            only: claim.only.as_ref().map(|id| id.as_str()),
            queues: distinct(&claim.queues),
            max: claim.turns_max.min(ITEMS_MAX),
            takes: None,
            messages_max: claim.messages_max,
            bytes_max: claim.bytes_max,
            total_max: claim.total_bytes_max,
            lease: millis(claim.lease),
            tokens: Bytes::new(),
        }
    }

    pub(super) fn activities(claim: &'a ClaimActivities) -> Self {
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
            tokens: Bytes::new(),
        }
    }

    /// The same for so many of each queue.
    pub(super) fn with_takes(&self, takes: Vec<usize>) -> Self {
        Self {
            takes: Some(takes),
            ..self.clone()
        }
    }

    /// The same with as many tokens as it may need.
    pub(super) fn with_tokens(mut self) -> Self {
        let takes = self.takes.as_ref();
        let count = takes.map_or(self.max, |takes| takes.iter().sum());
        let tokens = (0..count).map(|_| Entropy.lease_token().0.into_bytes());
        self.tokens = tokens.flatten().collect();
        self
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
fn distinct(queues: &[TaskQueue]) -> Vec<&str> {
    let mut names: Vec<&str> = queues.iter().map(TaskQueue::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}
