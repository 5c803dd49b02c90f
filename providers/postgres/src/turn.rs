//! Turns as columns of a call, and what came of them.

use std::collections::HashSet;

use duroxide_core::providers::{
    ExecutionStatus, ExecutionUpdate, Fence, Limits, Position, ProviderError, TurnCommit, check,
};
use uuid::Uuid;

use crate::activity::{CancelColumns, FusedColumns, NewActivityColumns};
use crate::call::Refs;
use crate::channel;
use crate::codes::{self, bounded, place};
use crate::error;
use crate::message::{self, EnvelopeColumns};
use crate::schema::Statement;
use crate::value::ValueColumns;

/// The turns of a call, an element for each.
#[derive(Default)]
pub(crate) struct TurnColumns<'a> {
    refs: Vec<i32>,
    commit_ids: Vec<Uuid>,
    tokens: Vec<Option<Uuid>>,
    new_ids: Vec<Option<&'a str>>,
    incarnations: Vec<Uuid>,
    executions: Vec<i64>,
    next_event_ids: Vec<i64>,
    last_commit_ids: Vec<Option<Uuid>>,
    are_valid: Vec<bool>,
    /// Whether each begins with the next execution, which wants an instance that has ended.
    open_ended: Vec<bool>,
    queues: Vec<Option<&'a str>>,
    orchestrations: Vec<&'a str>,
    versions: Vec<Option<&'a str>>,
    core_states: Vec<&'a [u8]>,
    statuses: Vec<Option<i16>>,
    outputs: Vec<Option<&'a [u8]>>,
    end_executions: Vec<i64>,
    end_next_event_ids: Vec<i64>,
    suspended: Vec<Option<bool>>,
    expire_after_ms: Vec<Option<i64>>,
    awaited: AwaitedColumns,
    values: ValueColumns<'a>,
    purge_through: Vec<Option<i64>>,
    parts: PartColumns<'a>,
}

/// The topics that turns await: of all turns together, and which of them are a turn's.
#[derive(Default)]
struct AwaitedColumns {
    channels: Vec<Vec<u8>>,
    firsts: Vec<i32>,
    lasts: Vec<i32>,
}

/// What belongs to turns, an element for each part.
#[derive(Default)]
struct PartColumns<'a> {
    execution_turns: Vec<i32>,
    execution_numbers: Vec<i64>,
    execution_statuses: Vec<i16>,
    execution_event_counts: Vec<i64>,
    execution_outputs: Vec<Option<&'a [u8]>>,
    chunk_turns: Vec<i32>,
    chunk_executions: Vec<i64>,
    chunk_first_event_ids: Vec<i64>,
    chunk_event_counts: Vec<i64>,
    chunk_bodies: Vec<&'a [u8]>,
    consumed_turns: Vec<i32>,
    consumed_ids: Vec<Uuid>,
    activities: NewActivityColumns<'a>,
    cancels: CancelColumns,
    fused: FusedColumns,
}

impl<'a> TurnColumns<'a> {
    /// Adds a turn; answers its place, and what is wrong with it, whatever the store says.
    pub(crate) fn push(
        &mut self,
        turn: &'a TurnCommit,
        limits: &Limits,
        refs: &mut Refs<'a>,
        envelopes: &mut EnvelopeColumns<'a>,
    ) -> (i32, Result<(), ProviderError>) {
        let here = place(self.refs.len());
        let start = turn.fence.position();
        let checked = check_turn(limits, turn, start);
        let end = self
            .parts
            .push_executions(here, turn, start, checked.is_ok());
        for message in &turn.consumed {
            self.parts.consumed_turns.push(here);
            self.parts.consumed_ids.push(message.0);
        }
        if checked.is_ok() {
            self.values.push(here, turn);
            for activity in &turn.activities {
                self.parts.activities.push(here, activity);
            }
            for envelope in &turn.messages {
                envelopes.push(here, envelope, refs);
            }
        }
        for cancel in &turn.cancelled {
            self.parts.cancels.push(here, *cancel);
        }
        for lease in &turn.completed {
            self.parts.fused.push(here, lease, refs);
        }
        if let Fence::Absent {
            incarnation,
            parent,
            labels,
            ..
        } = &turn.fence
        {
            let place = refs.place(&turn.instance);
            envelopes.newborn.push(place, *incarnation, labels);
            envelopes
                .newborn
                .turns
                .push(self.refs.len(), parent.as_ref());
        }
        self.push_head(turn, start, end, refs);
        self.are_valid.push(checked.is_ok());
        self.open_ended.push(check::opens_ended(turn, start));
        (here, checked)
    }

    fn push_head(
        &mut self,
        turn: &'a TurnCommit,
        start: Position,
        end: Position,
        refs: &mut Refs<'a>,
    ) {
        let last = turn.executions.last();
        self.refs.push(refs.place(&turn.instance));
        self.commit_ids.push(turn.commit_id.0);
        let (token, new_id, incarnation) = match &turn.fence {
            Fence::Absent { incarnation, .. } => {
                (None, Some(turn.instance.as_str()), incarnation.0)
            }
            Fence::At { lease, .. } => (Some(lease.0), None, Uuid::nil()),
            Fence::Unleased { incarnation, .. } => (None, None, incarnation.0),
        };
        self.tokens.push(token);
        self.new_ids.push(new_id);
        self.incarnations.push(incarnation);
        self.executions.push(bounded(start.execution));
        self.next_event_ids.push(bounded(start.next_event_id));
        // One that is not valid is not applied, and must not break the call either.
        self.queues.push(queue_of(turn).map(storable));
        let last_commit_id = match turn.fence {
            Fence::Unleased { commit_id, .. } => commit_id.map(|it| it.0),
            Fence::Absent { .. } | Fence::At { .. } => None,
        };
        self.last_commit_ids.push(last_commit_id);
        let orchestration = turn.head.orchestration.as_str();
        let version = turn.head.version.as_deref();
        self.orchestrations.push(storable(orchestration));
        self.versions.push(version.map(storable));
        self.core_states.push(&turn.head.core_state);
        let status = last.map(|update| update.status.of_instance());
        self.statuses.push(status.map(codes::of_instance_status));
        self.outputs
            .push(last.and_then(|update| update.output.as_deref()));
        self.end_executions.push(bounded(end.execution));
        self.end_next_event_ids.push(bounded(end.next_event_id));
        self.suspended.push(turn.suspended);
        self.expire_after_ms
            .push(turn.expire_after.map(codes::millis));
        self.awaited.push(turn, end);
        self.purge_through.push(turn.purge_through.map(bounded));
    }

    pub(crate) fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        let statement = statement
            .bind(self.refs)
            .bind(self.commit_ids)
            .bind(self.tokens)
            .bind(self.new_ids)
            .bind(self.incarnations)
            .bind(self.executions)
            .bind(self.next_event_ids)
            .bind(self.last_commit_ids)
            .bind(self.are_valid)
            .bind(self.open_ended)
            .bind(self.queues)
            .bind(self.orchestrations)
            .bind(self.versions)
            .bind(self.core_states)
            .bind(self.statuses)
            .bind(self.outputs)
            .bind(self.end_executions)
            .bind(self.end_next_event_ids)
            .bind(self.suspended)
            .bind(self.expire_after_ms)
            .bind(self.awaited.firsts)
            .bind(self.awaited.lasts)
            .bind(self.purge_through)
            .bind(self.awaited.channels);
        let statement = self.values.bind(statement);
        self.parts.bind(statement)
    }
}

impl AwaitedColumns {
    /// Adds what a turn awaits, whose history ends here: nothing once it has ended, or without an event
    /// (MAI-05). Where it names no execution this is not looked at.
    fn push(&mut self, turn: &TurnCommit, end: Position) {
        self.firsts.push(place(self.channels.len()));
        let last = turn.executions.last();
        let goes_on = last.is_some_and(|it| !it.status.of_instance().is_terminal());
        if goes_on && end.next_event_id > Position::START.next_event_id {
            self.channels
                .extend(turn.awaited.iter().map(channel::of_topic));
        }
        self.lasts.push(place(self.channels.len()) - 1);
    }
}

impl<'a> PartColumns<'a> {
    /// Adds the executions of a turn; answers where the history ends after them.
    fn push_executions(
        &mut self,
        turn_place: i32,
        turn: &'a TurnCommit,
        start: Position,
        is_valid: bool,
    ) -> Position {
        let mut end = start;
        for update in turn.executions.iter().filter(|_| is_valid) {
            end = check::end_of(update, end);
            self.execution_turns.push(turn_place);
            self.execution_numbers.push(bounded(update.execution));
            self.execution_statuses
                .push(codes::of_execution_status(update.status));
            self.execution_event_counts
                .push(bounded(end.next_event_id - 1));
            self.execution_outputs.push(output_of(update));
            if let Some(chunk) = &update.chunk {
                self.chunk_turns.push(turn_place);
                self.chunk_executions.push(bounded(update.execution));
                self.chunk_first_event_ids
                    .push(bounded(chunk.first_event_id));
                self.chunk_event_counts.push(bounded(chunk.event_count));
                self.chunk_bodies.push(&chunk.body);
            }
        }
        end
    }

    fn bind<'q>(self, statement: Statement<'q>) -> Statement<'q>
    where
        'a: 'q,
    {
        let statement = statement
            .bind(self.execution_turns)
            .bind(self.execution_numbers)
            .bind(self.execution_statuses)
            .bind(self.execution_event_counts)
            .bind(self.execution_outputs)
            .bind(self.chunk_turns)
            .bind(self.chunk_executions)
            .bind(self.chunk_first_event_ids)
            .bind(self.chunk_event_counts)
            .bind(self.chunk_bodies)
            .bind(self.consumed_turns)
            .bind(self.consumed_ids);
        let statement = self.activities.bind(statement);
        let statement = self.cancels.bind(statement);
        self.fused.bind(statement)
    }
}

/// The output of an execution that ends the instance is in the head.
fn output_of(update: &ExecutionUpdate) -> Option<&[u8]> {
    match update.status {
        ExecutionStatus::ContinuedAsNew => update.output.as_deref(),
        ExecutionStatus::Running | ExecutionStatus::Completed | ExecutionStatus::Failed => None,
    }
}

/// The checks that need no store.
fn check_turn(limits: &Limits, turn: &TurnCommit, start: Position) -> Result<(), ProviderError> {
    check::turn_limits(limits, turn)?;
    check::executions(limits, turn, start)?;
    let id = &turn.instance;
    let names = [Some(&turn.head.orchestration), turn.head.version.as_ref()];
    let names = names.into_iter().flatten().map(String::as_str);
    let queues = turn
        .activities
        .iter()
        .map(|activity| activity.queue.as_str());
    let sent = turn.messages.iter().filter_map(message::queue_of);
    let queues = queues.chain(sent).chain(queue_of(turn));
    if names.chain(queues).any(|name| storable(name) != name) {
        return Err(error::invalid(
            "commit",
            id,
            "a name holds a character that PostgreSQL cannot store; use names without NUL",
        ));
    }
    let mut keys = HashSet::new();
    for activity in &turn.activities {
        if i64::try_from(activity.activity_id.max(activity.execution)).is_err() {
            return Err(error::invalid(
                "commit",
                id,
                "a number is beyond what PostgreSQL can hold; number activities by their events",
            ));
        }
        if !keys.insert((activity.execution, activity.activity_id)) {
            return Err(error::activity_key_taken(id));
        }
    }
    Ok(())
}

/// The queue of the instance that a turn creates, if it creates one.
fn queue_of(turn: &TurnCommit) -> Option<&str> {
    match &turn.fence {
        Fence::Absent { queue, .. } => Some(queue.as_str()),
        Fence::At { .. } | Fence::Unleased { .. } => None,
    }
}

/// A text up to the first character that the server cannot store.
pub(crate) fn storable(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}
