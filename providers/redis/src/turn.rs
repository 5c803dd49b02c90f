//! Turns, as scripts are given them, and what they answer.

use std::collections::HashSet;

use bytes::Bytes;
use duroxide_core::providers::{
    ExecutionUpdate, Fence, Limits, NewInstance, Position, ProviderError, TurnCommit, check,
};
use serde::Serialize;

use crate::activity::{self, ActivityLeaseRequest, NewActivityRequest};
use crate::codes::{Id, Number, StatusCode, millis, place};
use crate::error;
use crate::message::{EnvelopeRequest, NewRequest};

/// A turn. What there is none of is left out, here and in what it has: every field costs the script time.
#[derive(Serialize)]
pub(crate) struct TurnRequest<'a> {
    instance: &'a str,
    commit: Id,
    fence: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    life: Option<Id>,
    /// The commit that it starts from.
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<Id>,
    execution: Number,
    next_event: Number,
    #[serde(skip_serializing_if = "Option::is_none")]
    new: Option<NewRequest<'a>>,
    /// Whether something is wrong with it that the store has no part in. The fence is looked at first.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_refused: bool,
    /// Whether it begins with the execution after one that has ended.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    opens: bool,
    orchestration: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(with = "crate::codes::raw")]
    core_state: &'a [u8],
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    awaited: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expire: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<ValueRequest<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consumed: Vec<Id>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purge_through: Option<Number>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    executions: Vec<ExecutionRequest<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    activities: Vec<NewActivityRequest<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cancelled: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    completed: Vec<ActivityLeaseRequest<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    messages: Vec<EnvelopeRequest<'a>>,
}

/// What a turn does to a value.
#[derive(Serialize)]
struct ValueRequest<'a> {
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
}

/// What a turn does to an execution.
#[derive(Serialize)]
struct ExecutionRequest<'a> {
    execution: Number,
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<&'a Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chunk: Option<&'a Bytes>,
    first_event: Number,
    next_event: Number,
}

/// The instance that a turn creates, if it does: `TurnRequest` borrows from it.
pub(crate) fn newborn(turn: &TurnCommit) -> Option<NewInstance> {
    turn.newborn().map(|(newborn, _)| newborn)
}

impl<'a> TurnRequest<'a> {
    pub(crate) fn of(
        turn: &'a TurnCommit,
        newborn: Option<&'a NewInstance>,
        limits: &Limits,
    ) -> (Self, Option<ProviderError>) {
        let position = turn.fence.position();
        let (execution, next_event) = place(position);
        let (fence, token, life, base) = match &turn.fence {
            Fence::Absent { incarnation, .. } => ("absent", None, Some(Id(incarnation.0)), None),
            Fence::At { lease, .. } => ("at", Some(Id(lease.0)), None, None),
            Fence::Unleased {
                incarnation,
                commit_id,
                ..
            } => (
                "unleased",
                None,
                Some(Id(incarnation.0)),
                commit_id.map(|id| Id(id.0)),
            ),
        };
        let refusal = check(turn, limits).err();
        let awaited = turn.awaited.iter();
        let consumed = turn.consumed.iter();
        let request = Self {
            instance: turn.instance.as_str(),
            commit: Id(turn.commit_id.0),
            fence,
            token,
            life,
            base,
            execution,
            next_event,
            new: newborn.map(NewRequest::of),
            is_refused: refusal.is_some(),
            opens: check::opens_ended(turn, position),
            orchestration: &turn.head.orchestration,
            version: turn.head.version.as_deref(),
            core_state: &turn.head.core_state,
            suspended: turn.suspended,
            awaited: awaited.map(|topic| topic.as_str()).collect(),
            expire: turn.expire_after.map(millis),
            values: values(turn),
            consumed: consumed.map(|id| Id(id.0)).collect(),
            purge_through: turn.purge_through.map(Number),
            executions: executions(&turn.executions, position),
            activities: turn.activities.iter().map(NewActivityRequest::of).collect(),
            cancelled: turn.cancelled.iter().map(activity::cancelled).collect(),
            completed: turn
                .completed
                .iter()
                .map(ActivityLeaseRequest::of)
                .collect(),
            messages: turn.messages.iter().map(EnvelopeRequest::of).collect(),
        };
        (request, refusal)
    }

    /// Leaves messages to the relay, where this says to which other partition their receiver belongs.
    pub(crate) fn route(&mut self, part_of: impl Fn(&str) -> Option<usize>) {
        for message in &mut self.messages {
            message.route(&part_of);
        }
    }
}

/// What is wrong with a turn, whatever the store says.
fn check(turn: &TurnCommit, limits: &Limits) -> Result<(), ProviderError> {
    check::turn_limits(limits, turn)?;
    check::executions(limits, turn, turn.fence.position())?;
    let mut seen = HashSet::new();
    for new in &turn.activities {
        if !seen.insert((new.execution, new.activity_id)) {
            return Err(error::activity_key_taken(&turn.instance));
        }
    }
    Ok(())
}

fn values(turn: &TurnCommit) -> Vec<ValueRequest<'_>> {
    let values = turn.values.iter().map(|update| ValueRequest {
        key: update.key.as_str(),
        value: update.value.as_ref().map(|new| &new.value),
        expires: update
            .value
            .as_ref()
            .and_then(|new| new.expires_after.map(millis)),
    });
    values.collect()
}

fn executions(updates: &[ExecutionUpdate], start: Position) -> Vec<ExecutionRequest<'_>> {
    let mut end = start;
    let requests = updates.iter().map(|update| {
        end = check::end_of(update, end);
        let chunk = update.chunk.as_ref();
        ExecutionRequest {
            execution: Number(update.execution),
            status: update.status.into(),
            output: update.output.as_ref(),
            chunk: chunk.map(|chunk| &chunk.body),
            first_event: Number(chunk.map_or(end.next_event_id, |chunk| chunk.first_event_id)),
            next_event: Number(end.next_event_id),
        }
    });
    requests.collect()
}
