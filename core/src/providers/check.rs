//! The checks of a commit that need no store, made once for every backend.
//!
//! A provider runs them after its fence and before it writes anything (FEN-05).

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::capabilities::Limits;
use super::commit::Commit;
use super::error::ProviderError;
use super::head::{ExecutionStatus, InstanceHead, InstanceStatus, Parent, Position};
use super::id::{Incarnation, InstanceId, TaskQueue, Topic, ValueKey};
use super::lease::{Lease, Release, Renew};
use super::listing::Labels;
use super::message::{Channel, Envelope, Message, Recipient};
use super::refusal;
use super::turn::{ExecutionUpdate, Fence, TurnCommit};
use super::value::ValueUpdate;
use crate::clock::millis_ceil;
use crate::limits::{
    ACTIVITY_DETAILS_BYTES_MAX, AWAITED_BYTES_MAX, AWAITED_TOPICS_MAX, CLAIM_QUEUES_MAX,
    DETAILS_BYTES_PER_CALL_MAX, LABEL_KEY_BYTES_MAX, LABEL_VALUE_BYTES_MAX, LABELS_MAX,
    PAGE_ROWS_MAX, RELEASE_NOTE_BYTES_MAX,
};

/// Checks a batch before its members are looked at: how many there are (LIM-01), and that no
/// instance has two turns in it (FEN-06). Answers the refusal of each member, in its place.
#[must_use]
pub fn batch(limits: &Limits, operations: &[Commit]) -> Vec<Option<ProviderError>> {
    let max = limits.commit_operations_max;
    let is_too_large = operations.len() > max;
    let mut turns: HashMap<&InstanceId, usize> = HashMap::new();
    for operation in operations {
        if let Commit::Turn(turn) = operation {
            *turns.entry(&turn.instance).or_insert(0) += 1;
        }
    }
    let refuse = |operation: &Commit| {
        let id = operation.instance();
        if is_too_large {
            return Some(refusal::limit_exceeded(id, "commit_operations_max", max));
        }
        let is_turn = matches!(operation, Commit::Turn(_));
        (is_turn && turns.get(id).is_some_and(|count| *count > 1)).then(|| refusal::two_turns(id))
    };
    operations.iter().map(refuse).collect()
}

/// Checks what a turn carries against the limits (LIM-01).
///
/// # Errors
/// `LimitExceeded` names the first one passed.
pub fn turn_limits(limits: &Limits, turn: &TurnCommit) -> Result<(), ProviderError> {
    let id = &turn.instance;
    core_state_limit(limits, id, &turn.head.core_state)?;
    awaited_limits(id, &turn.awaited)?;
    if let Fence::Absent { queue, labels, .. } = &turn.fence {
        queue_limit("commit", queue)?;
        label_limits(id, labels)?;
    }
    for activity in &turn.activities {
        queue_limit("commit", &activity.queue)?;
    }
    value_limits(limits, id, &turn.values)?;
    let outputs = turn.executions.iter().filter_map(|it| it.output.as_ref());
    let activities = turn.activities.iter().map(|activity| &activity.body);
    for body in outputs.chain(activities) {
        body_limit(limits, id, body)?;
    }
    for envelope in &turn.messages {
        envelope_limits(limits, id, envelope)?;
    }
    let max = limits.commit_bytes_max;
    if turn_bytes(turn) > max {
        return Err(refusal::limit_exceeded(id, "commit_bytes_max", max));
    }
    Ok(())
}

/// Checks a message to be sent on behalf of this instance (LIM-01).
///
/// # Errors
/// `LimitExceeded` names the first one passed.
pub fn envelope_limits(
    limits: &Limits,
    id: &InstanceId,
    envelope: &Envelope,
) -> Result<(), ProviderError> {
    message_limits(limits, id, &envelope.message)?;
    match &envelope.recipient {
        Recipient::NewInstance(newborn) => {
            queue_limit("commit", &newborn.queue)?;
            label_limits(id, &newborn.labels)?;
            core_state_limit(limits, id, &newborn.core_state)
        }
        Recipient::Instance { .. } => Ok(()),
    }
}

/// Checks the queues that a claim names: how many there are, and how long their names (LIM-05).
///
/// # Errors
/// `LimitExceeded` names the first one passed.
pub fn claim_queues(operation: &'static str, queues: &[TaskQueue]) -> Result<(), ProviderError> {
    if queues.len() > CLAIM_QUEUES_MAX {
        let max = CLAIM_QUEUES_MAX;
        return Err(refusal::queues_over(operation, "CLAIM_QUEUES_MAX", max));
    }
    queues
        .iter()
        .try_for_each(|queue| queue_limit(operation, queue))
}

/// Checks what a call of `renew` brings: how many bytes of details there are altogether, and each
/// member by itself (LIM-06). Answers the refusal of each member, in its place; nobody allocates where
/// nothing is brought.
#[must_use]
pub fn renewals(renewals: &[Renew]) -> Refusals {
    let members = renewals.iter();
    Refusals::of(members.map(|it| Brought::of("renew", &it.lease, it.details.as_ref())))
}

/// Checks what a call of `release` brings, as [`renewals`] does.
#[must_use]
pub fn releases(releases: &[Release]) -> Refusals {
    let members = releases.iter();
    Refusals::of(members.map(|it| Brought::of("release", &it.lease, it.details.as_ref())))
}

/// What a renewal or a release brings.
#[derive(Clone, Copy)]
struct Brought<'a> {
    operation: &'static str,
    lease: &'a Lease,
    bytes: Option<usize>,
}

impl<'a> Brought<'a> {
    fn of(operation: &'static str, lease: &'a Lease, details: Option<&Bytes>) -> Self {
        Self {
            operation,
            lease,
            bytes: details.map(Bytes::len),
        }
    }

    fn refusal(self) -> Option<ProviderError> {
        let bytes = self.bytes?;
        let (limit, max) = match self.lease {
            Lease::Turn(lease) if self.operation == "renew" => {
                let message = "the renewal of an instance's lease brings details; bring a note with \
                               its release";
                return Some(refusal::invalid(self.operation, &lease.instance, message));
            }
            Lease::Turn(_) => ("RELEASE_NOTE_BYTES_MAX", RELEASE_NOTE_BYTES_MAX),
            Lease::Activity(_) => ("ACTIVITY_DETAILS_BYTES_MAX", ACTIVITY_DETAILS_BYTES_MAX),
        };
        (bytes > max).then(|| self.over(limit, max))
    }

    fn over(self, limit: &'static str, max: usize) -> ProviderError {
        refusal::details_over(self.operation, self.lease, limit, max)
    }
}

/// The members of a call of `renew` or `release` that are refused.
#[derive(Debug, Default)]
pub struct Refusals(Vec<Option<ProviderError>>);

impl Refusals {
    fn of<'a>(members: impl Iterator<Item = Brought<'a>> + Clone) -> Self {
        let mut brought = members.clone().filter_map(|it| it.bytes).peekable();
        if brought.peek().is_none() {
            return Self::default();
        }
        let max = DETAILS_BYTES_PER_CALL_MAX;
        let is_too_much = brought.fold(0, usize::saturating_add) > max;
        Self(
            members
                .map(|it| {
                    if is_too_much {
                        return Some(it.over("DETAILS_BYTES_PER_CALL_MAX", max));
                    }
                    it.refusal()
                })
                .collect(),
        )
    }

    /// The members of the call that are not refused.
    pub fn accepted<T>(&self, members: impl IntoIterator<Item = T>) -> impl Iterator<Item = T> {
        let members = members.into_iter().enumerate();
        let is_accepted = |place| self.0.get(place).is_none_or(Option::is_none);
        members.filter_map(move |(place, member)| is_accepted(place).then_some(member))
    }

    /// The answers of all members in their places, from those of the accepted ones.
    #[must_use]
    pub fn answers<T>(
        self,
        accepted: Vec<Result<T, ProviderError>>,
    ) -> Vec<Result<T, ProviderError>> {
        if self.0.is_empty() {
            return accepted;
        }
        let mut accepted = accepted.into_iter();
        let answer = |refusal: Option<ProviderError>| match refusal {
            Some(refusal) => Some(Err(refusal)),
            None => accepted.next(),
        };
        self.0.into_iter().filter_map(answer).collect()
    }
}

fn queue_limit(operation: &'static str, queue: &TaskQueue) -> Result<(), ProviderError> {
    let max = TaskQueue::BYTES_MAX;
    if queue.as_str().len() > max {
        return Err(refusal::queues_over(operation, "TaskQueue::BYTES_MAX", max));
    }
    Ok(())
}

/// Checks the labels of a new instance (LIM-07).
fn label_limits(id: &InstanceId, labels: &Labels) -> Result<(), ProviderError> {
    let refuse = |name, max| Err(refusal::limit_exceeded(id, name, max));
    if labels.len() > LABELS_MAX {
        return refuse("LABELS_MAX", LABELS_MAX);
    }
    for (key, value) in labels {
        if key.len() > LABEL_KEY_BYTES_MAX {
            return refuse("LABEL_KEY_BYTES_MAX", LABEL_KEY_BYTES_MAX);
        }
        if value.len() > LABEL_VALUE_BYTES_MAX {
            return refuse("LABEL_VALUE_BYTES_MAX", LABEL_VALUE_BYTES_MAX);
        }
    }
    Ok(())
}

/// How many rows a page of a listing has at most, where so many were asked for (ADM-05).
#[must_use]
pub fn page_rows(asked: usize) -> usize {
    asked.clamp(1, PAGE_ROWS_MAX)
}

/// Checks an outcome's message on behalf of this instance (LIM-01).
///
/// # Errors
/// `LimitExceeded` names the first one passed.
pub fn message_limits(
    limits: &Limits,
    id: &InstanceId,
    message: &Message,
) -> Result<(), ProviderError> {
    body_limit(limits, id, &message.body)?;
    let Some(topic) = message.channel.topic() else {
        return Ok(());
    };
    if message.execution.is_some() {
        let message = "mail is addressed to an execution; leave that open";
        return Err(refusal::invalid("commit", id, message));
    }
    if topic.as_str().len() > Topic::BYTES_MAX {
        return Err(refusal::limit_exceeded(
            id,
            "Topic::BYTES_MAX",
            Topic::BYTES_MAX,
        ));
    }
    Ok(())
}

/// Checks the topics that a turn awaits (LIM-04).
fn awaited_limits(id: &InstanceId, awaited: &[Topic]) -> Result<(), ProviderError> {
    if awaited.len() > AWAITED_TOPICS_MAX {
        return Err(refusal::limit_exceeded(
            id,
            "AWAITED_TOPICS_MAX",
            AWAITED_TOPICS_MAX,
        ));
    }
    let bytes: usize = awaited.iter().map(|topic| topic.as_str().len()).sum();
    if bytes > AWAITED_BYTES_MAX {
        return Err(refusal::limit_exceeded(
            id,
            "AWAITED_BYTES_MAX",
            AWAITED_BYTES_MAX,
        ));
    }
    Ok(())
}

/// Checks each value that a turn writes by itself (VAL-01, VAL-05).
fn value_limits(
    limits: &Limits,
    id: &InstanceId,
    updates: &[ValueUpdate],
) -> Result<(), ProviderError> {
    let mut keys = HashSet::new();
    for update in updates {
        if !keys.insert(&update.key) {
            let message = "a value is named twice; say what it is in the end";
            return Err(refusal::invalid("commit", id, message));
        }
        let max = ValueKey::BYTES_MAX;
        if update.key.as_str().len() > max {
            return Err(refusal::limit_exceeded(id, "ValueKey::BYTES_MAX", max));
        }
        let max = limits.value_bytes_max;
        if value_bytes(update) > max {
            return Err(refusal::limit_exceeded(id, "value_bytes_max", max));
        }
    }
    Ok(())
}

/// Checks that an instance may keep what a turn leaves of its values, if it sets one that does not expire
/// (VAL-05). `kept` has the key and
/// the bytes of each of those before the turn that do not expire.
///
/// # Errors
/// `LimitExceeded` names the limit.
pub fn values_kept(
    limits: &Limits,
    turn: &TurnCommit,
    kept: impl IntoIterator<Item = (ValueKey, usize)>,
) -> Result<(), ProviderError> {
    let id = &turn.instance;
    let named: HashSet<&ValueKey> = turn.values.iter().map(|update| &update.key).collect();
    let others = kept.into_iter().filter(|(key, _)| !named.contains(key));
    let new = turn.values.iter().filter_map(|update| {
        let new = update.value.as_ref()?;
        new.expires_after.is_none().then_some(new.value.len())
    });
    if new.clone().next().is_none() {
        // It leaves no more of them than there were.
        return Ok(());
    }
    let (mut count, mut bytes) = (0, 0_usize);
    for value_bytes in others.map(|(_, bytes)| bytes).chain(new) {
        count += 1;
        bytes = bytes.saturating_add(value_bytes);
    }
    if count > limits.values_max {
        return Err(refusal::limit_exceeded(id, "values_max", limits.values_max));
    }
    let max = limits.values_bytes_max;
    if bytes > max {
        return Err(refusal::limit_exceeded(id, "values_bytes_max", max));
    }
    Ok(())
}

fn value_bytes(update: &ValueUpdate) -> usize {
    update.value.as_ref().map_or(0, |new| new.value.len())
}

/// How much waits where a message would come to lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    /// The messages of its channel.
    pub in_channel: usize,
    /// The mail of all topics.
    pub mail: usize,
}

/// Checks that an instance takes a client's message that it does not have yet (STA-06, LIM-03).
///
/// # Errors
/// `Ended`, `LimitExceeded` or `Unavailable`.
pub fn room(
    limits: &Limits,
    head: &InstanceHead,
    message: &Message,
    waiting: Waiting,
) -> Result<(), ProviderError> {
    let id = &head.instance;
    match &message.channel {
        Channel::Topic(_) if head.status.is_terminal() => Err(refusal::ended(id)),
        Channel::Topic(_) if waiting.in_channel >= limits.topic_messages_max => {
            let max = limits.topic_messages_max;
            Err(refusal::mailbox_full(id, "topic_messages_max", max))
        }
        Channel::Topic(_) if waiting.mail >= limits.mail_messages_max => {
            let max = limits.mail_messages_max;
            Err(refusal::mailbox_full(id, "mail_messages_max", max))
        }
        Channel::Control if waiting.in_channel >= limits.control_messages_max => {
            Err(refusal::control_full(id, limits.control_messages_max))
        }
        Channel::Topic(_) | Channel::Control | Channel::System => Ok(()),
    }
}

fn body_limit(limits: &Limits, id: &InstanceId, body: &Bytes) -> Result<(), ProviderError> {
    let max = limits.body_bytes_max;
    if body.len() > max {
        return Err(refusal::limit_exceeded(id, "body_bytes_max", max));
    }
    Ok(())
}

fn core_state_limit(limits: &Limits, id: &InstanceId, state: &Bytes) -> Result<(), ProviderError> {
    let max = limits.core_state_bytes_max;
    if state.len() > max {
        return Err(refusal::limit_exceeded(id, "core_state_bytes_max", max));
    }
    Ok(())
}

/// How many bytes of bodies an operation carries.
#[must_use]
pub fn commit_bytes(commit: &Commit) -> usize {
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
        .chain(turn.values.iter().map(value_bytes))
        .chain(turn.messages.iter().map(envelope_bytes))
        .fold(0, usize::saturating_add)
}

fn envelope_bytes(envelope: &Envelope) -> usize {
    let created = envelope.recipient.created();
    let core_state_bytes = created.map_or(0, |newborn| newborn.core_state.len());
    envelope.message.body.len().saturating_add(core_state_bytes)
}

/// Checks that the executions follow one another and each chunk its history (EXE-01, EXE-03,
/// HIS-05, HIS-06). Whether the turn may open a further one is for [`opening`].
///
/// # Errors
/// `InvalidInput` or `LimitExceeded`.
pub fn executions(
    limits: &Limits,
    turn: &TurnCommit,
    start: Position,
) -> Result<(), ProviderError> {
    let refuse = |message| Err(refusal::invalid("commit", &turn.instance, message));
    let mut end = start;
    for (index, update) in turn.executions.iter().enumerate() {
        let expected = if index == 0 && !opens_ended(turn, start) {
            start.execution
        } else {
            end.execution.saturating_add(1)
        };
        if update.execution != expected {
            return refuse("the executions do not follow one another; list them without a gap");
        }
        let is_last = index + 1 == turn.executions.len();
        if !is_last && update.status != ExecutionStatus::ContinuedAsNew {
            return refuse("an execution is followed by another one; close it as continued first");
        }
        let first_event_id = start_of(update, end).next_event_id;
        if let Some(chunk) = &update.chunk {
            if chunk.first_event_id != first_event_id || chunk.event_count == 0 {
                return refuse("a chunk is empty or begins elsewhere than at its history's end");
            }
            let max = limits.history_events_max;
            if chunk.event_count > max.saturating_sub(first_event_id - 1) {
                let limit = "history_events_max";
                return Err(refusal::limit_exceeded(&turn.instance, limit, max));
            }
        }
        end = end_of(update, end);
    }
    Ok(())
}

/// Whether a turn that starts here begins with the next execution, which only an instance that has ended
/// allows (EXE-04).
#[must_use]
pub fn opens_ended(turn: &TurnCommit, start: Position) -> bool {
    let first = turn.executions.first();
    first.is_some_and(|update| update.execution == start.execution.saturating_add(1))
}

/// Checks that a turn which begins with the next execution finds an instance that has ended (EXE-03,
/// EXE-04).
///
/// # Errors
/// `InvalidInput`.
pub fn opening(
    turn: &TurnCommit,
    start: Position,
    status: InstanceStatus,
) -> Result<(), ProviderError> {
    if opens_ended(turn, start) && !status.is_terminal() {
        return Err(refusal::not_ended(&turn.instance));
    }
    Ok(())
}

/// Where the history of the execution ends before the update, `before` being the end so far.
fn start_of(update: &ExecutionUpdate, before: Position) -> Position {
    if update.execution == before.execution {
        return before;
    }
    Position {
        execution: update.execution,
        ..Position::START
    }
}

/// Where the history ends after the update.
#[must_use]
pub fn end_of(update: &ExecutionUpdate, before: Position) -> Position {
    let start = start_of(update, before);
    Position {
        next_event_id: update
            .chunk
            .as_ref()
            .map_or(start.next_event_id, |chunk| chunk.next_event_id()),
        ..start
    }
}

/// When an instance expires after a turn at this time, in milliseconds since the Unix epoch, `before`
/// being when it did until then: a turn that ends it says so, one that leaves it running takes it back,
/// and one without executions leaves it (EXP-01).
#[must_use]
pub fn expires_at_ms(turn: &TurnCommit, before: Option<u64>, now_ms: u64) -> Option<u64> {
    let Some(last) = turn.executions.last() else {
        return before;
    };
    let has_ended = last.status.of_instance().is_terminal();
    let after = turn.expire_after.filter(|_| has_ended)?;
    Some(now_ms.saturating_add(millis_ceil(after)))
}

/// What the head of an instance has that a turn does not say.
#[derive(Debug, Clone)]
pub struct Before {
    /// The instance's life.
    pub incarnation: Incarnation,
    /// The queue of its turns.
    pub queue: TaskQueue,
    /// Whose child it is.
    pub parent: Option<Box<Parent>>,
    /// Whether it was suspended.
    pub suspended: bool,
    /// When it was created, in milliseconds since the Unix epoch.
    pub created_at_ms: u64,
}

/// The head as a turn leaves it at this time, in milliseconds since the Unix epoch, if the turn says
/// enough: without executions, status and output stay what they were (HEA-02).
#[must_use]
pub fn head_after(turn: &TurnCommit, before: Before, updated_at_ms: u64) -> Option<InstanceHead> {
    let last = turn.executions.last()?;
    let updates = turn.executions.iter();
    let mut head = InstanceHead {
        instance: turn.instance.clone(),
        incarnation: before.incarnation,
        queue: before.queue,
        parent: before.parent,
        orchestration: turn.head.orchestration.clone(),
        version: turn.head.version.clone(),
        status: last.status.of_instance(),
        output: last.output.clone(),
        position: updates.fold(turn.fence.position(), |end, update| end_of(update, end)),
        commit_id: Some(turn.commit_id),
        core_state: turn.head.core_state.clone(),
        awaited: turn.awaited.clone(),
        suspended: turn.suspended.unwrap_or(before.suspended),
        created_at_ms: before.created_at_ms,
        updated_at_ms,
        note: None,
        // A turn with executions says it anew.
        expires_at_ms: expires_at_ms(turn, None, updated_at_ms),
    };
    head.settle();
    Some(head)
}
