//! The limits on what a commit carries (LIM-01).

use bytes::Bytes;
use duroxide_core::providers::{
    Commit, Envelope, InstanceId, Limits, Message, ProviderError, Recipient, TurnCommit,
};

use crate::error::limit_exceeded;

pub(crate) fn check_turn(limits: &Limits, turn: &TurnCommit) -> Result<(), ProviderError> {
    let id = &turn.instance;
    check_core_state(limits, id, &turn.head.core_state)?;
    let outputs = turn.executions.iter().filter_map(|it| it.output.as_ref());
    let activities = turn.activities.iter().map(|activity| &activity.body);
    for body in outputs.chain(activities) {
        check_body(limits, id, body)?;
    }
    for envelope in &turn.messages {
        check_envelope(limits, id, envelope)?;
    }
    let max = limits.commit_bytes_max;
    if turn_bytes(turn) > max {
        return Err(limit_exceeded(id, "commit_bytes_max", max));
    }
    Ok(())
}

pub(crate) fn check_envelope(
    limits: &Limits,
    id: &InstanceId,
    envelope: &Envelope,
) -> Result<(), ProviderError> {
    check_message(limits, id, &envelope.message)?;
    match &envelope.recipient {
        Recipient::NewInstance { core_state, .. } => check_core_state(limits, id, core_state),
        Recipient::Instance { .. } => Ok(()),
    }
}

pub(crate) fn check_message(
    limits: &Limits,
    id: &InstanceId,
    message: &Message,
) -> Result<(), ProviderError> {
    check_body(limits, id, &message.body)
}

fn check_body(limits: &Limits, id: &InstanceId, body: &Bytes) -> Result<(), ProviderError> {
    let max = limits.body_bytes_max;
    if body.len() > max {
        return Err(limit_exceeded(id, "body_bytes_max", max));
    }
    Ok(())
}

fn check_core_state(limits: &Limits, id: &InstanceId, state: &Bytes) -> Result<(), ProviderError> {
    let max = limits.core_state_bytes_max;
    if state.len() > max {
        return Err(limit_exceeded(id, "core_state_bytes_max", max));
    }
    Ok(())
}

/// How many bytes an operation brings to the database, roughly.
pub(crate) fn commit_bytes(commit: &Commit) -> usize {
    match commit {
        Commit::Turn(turn) => turn_bytes(turn),
        Commit::Activity(outcome) => outcome.message.as_ref().map_or(0, |it| it.body.len()),
        Commit::Send(envelope) => envelope_bytes(envelope),
    }
}

fn turn_bytes(turn: &TurnCommit) -> usize {
    let outputs = turn.executions.iter().filter_map(|it| it.output.as_ref());
    let chunks = turn.executions.iter().filter_map(|it| it.chunk.as_ref());
    [&turn.head.core_state]
        .into_iter()
        .chain(outputs)
        .chain(chunks.map(|chunk| &chunk.body))
        .chain(turn.activities.iter().map(|activity| &activity.body))
        .map(Bytes::len)
        .chain(turn.messages.iter().map(envelope_bytes))
        .fold(0, usize::saturating_add)
}

fn envelope_bytes(envelope: &Envelope) -> usize {
    let core_state_bytes = match &envelope.recipient {
        Recipient::NewInstance { core_state, .. } => core_state.len(),
        Recipient::Instance { .. } => 0,
    };
    envelope.message.body.len().saturating_add(core_state_bytes)
}
