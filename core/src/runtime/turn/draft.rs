//! The commit of a turn, as it grows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use super::changed_values::ChangedValues;
use super::scope::Scope;
use crate::clock::millis_ceil;
use crate::event::{AppErrorKind, Entry, ErrorDetails, EventKind, commit_mark, encode_chunk_after};
use crate::expiry;
use crate::labels;
use crate::limits::{NAME_BYTES_MAX, VERSION_BYTES_MAX};
use crate::message::{
    ActivityBody, Cause, CoreState, MessageBody, Notice, Output, ParentLink, Start,
    announcement_of, cancellation_of,
};
use crate::orchestration::{ActivityOptions, StartOptions};
use crate::providers::{
    ActivityCancel, ActivityLease, Envelope, ExecutionStatus, ExecutionUpdate, IfExists,
    InstanceHead, InstanceId, Limits, MessageId, NewActivity, NewInstance, Parent, Position,
    Recipient, TaskQueue, Topic,
};
use crate::replay::{Harvest, TokenKind, TraceLine};

/// Why a child is cancelled whose future was dropped.
const NOT_AWAITED: &str = "the parent does not wait for it any more";

/// What a turn will commit.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) executions: Vec<ExecutionUpdate>,
    /// The topics that the code waits for at the end of the turn.
    pub(super) awaited: Vec<Topic>,
    pub(super) suspended: Option<bool>,
    pub(super) values: ChangedValues,
    pub(super) consumed: Vec<MessageId>,
    pub(super) purge_through: Option<u64>,
    pub(super) activities: Vec<NewActivity>,
    pub(super) cancelled: Vec<ActivityCancel>,
    /// Activities that end with the turn, instead of sending their outcomes before it.
    pub(super) completed: Vec<ActivityLease>,
    pub(super) messages: Vec<Envelope>,
    pub(super) traces: Vec<(Scope, TraceLine)>,
    /// The events of the execution that is being worked on.
    pub(super) entries: Vec<Entry>,
    /// The bytes of all bodies so far.
    pub(super) bytes: usize,
    /// Why the run cannot go on: it decided something that cannot be done, and that nobody else
    /// could be told of.
    pub(super) refused: Option<ErrorDetails>,
    /// How the instance ends, if it does.
    pub(super) ended: Option<Output>,
    /// The start of an execution that is left to the next turn.
    handed_on: Option<Bytes>,
    /// What a node has to say of the instance.
    pub(super) notice: Option<Notice>,
    /// Where the history ended before the turn.
    begun_at: Option<Position>,
    /// The mark of the commit that the turn begins from, for the first chunk.
    after: Option<u32>,
}

impl Draft {
    /// A draft that removes these messages, and does nothing else yet.
    pub(super) fn consuming(consumed: Vec<MessageId>) -> Self {
        Self {
            consumed,
            ..Self::default()
        }
    }

    /// The draft of a turn that begins where this head stands.
    pub(super) fn from(head: &InstanceHead) -> Self {
        Self {
            begun_at: Some(head.position),
            after: head.commit_id.map(commit_mark),
            ..Self::default()
        }
    }

    /// How many parts the commit has; stores work through each of them.
    pub(super) fn parts(&self) -> usize {
        self.entries.len() + self.activities.len() + self.messages.len() + self.consumed.len()
    }

    /// Has an activity end with the turn that took in its outcome. False if the turn did not.
    pub(super) fn complete(&mut self, lease: &ActivityLease, outcome: MessageId) -> bool {
        let place = self.consumed.iter().position(|id| *id == outcome);
        if let Some(place) = place {
            // It was never in the inbox.
            self.consumed.remove(place);
            self.completed.push(lease.clone());
        }
        place.is_some()
    }

    /// Takes in what steps brought forth.
    pub(super) fn absorb(&mut self, scope: &Scope, limits: &Limits, now_ms: u64, harvest: Harvest) {
        let Harvest {
            entries,
            start_options,
            activity_options,
            mut withdrawn,
            traces,
        } = harvest;
        for entry in &entries {
            // What was scheduled and dropped at once is an event, and nothing else.
            if withdrawn.remove(&entry.event_id).is_none() {
                self.send(
                    scope,
                    limits,
                    now_ms,
                    entry,
                    (&start_options, &activity_options),
                );
            }
        }
        let mut unsent = BTreeMap::new();
        for (event_id, kind) in withdrawn {
            if self.is_of_this_turn(scope, event_id) {
                unsent.insert(event_id, kind);
            } else {
                self.withdraw(scope, event_id, kind);
            }
        }
        if !unsent.is_empty() {
            self.unsend(scope, &unsent);
        }
        self.traces
            .extend(traces.into_iter().map(|line| (scope.clone(), line)));
        self.entries.extend(entries);
    }

    /// Whether an event was appended by this turn, so that what it scheduled is in this draft only.
    fn is_of_this_turn(&self, scope: &Scope, event_id: u64) -> bool {
        let position = Position {
            execution: scope.execution,
            next_event_id: event_id,
        };
        self.begun_at.is_some_and(|begun_at| position >= begun_at)
    }

    /// Takes out what an earlier step of this turn scheduled and a later one withdrew. A commit
    /// creates after it cancels (COM-08), so that a cancellation beside it would come too early.
    fn unsend(&mut self, scope: &Scope, unsent: &BTreeMap<u64, TokenKind>) {
        let bytes = &mut self.bytes;
        self.activities.retain(|activity| {
            let stays = activity.execution != scope.execution
                || !unsent.contains_key(&activity.activity_id);
            if !stays {
                *bytes -= activity.body.len();
            }
            stays
        });
        let ids: BTreeSet<MessageId> = unsent
            .iter()
            .flat_map(|(event_id, kind)| {
                let origin = scope.origin(*event_id);
                let cause = match kind {
                    TokenKind::Timer => Some(Cause::Timer),
                    TokenKind::Child { .. } => Some(Cause::Start),
                    TokenKind::Activity
                    | TokenKind::Wait { .. }
                    | TokenKind::TryWait { .. }
                    | TokenKind::Cancellation
                    | TokenKind::System => None,
                };
                let refusal = Some(Cause::Refused);
                [cause, refusal]
                    .into_iter()
                    .flatten()
                    .map(move |cause| origin.message_id(cause))
            })
            .collect();
        self.messages.retain(|envelope| {
            let stays = !ids.contains(&envelope.message.id);
            if !stays {
                *bytes -= envelope.message.body.len();
            }
            stays
        });
    }

    pub(super) fn send(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        now_ms: u64,
        entry: &Entry,
        (start_options, activity_options): (
            &BTreeMap<u64, StartOptions>,
            &BTreeMap<u64, ActivityOptions>,
        ),
    ) {
        let event_id = entry.event_id;
        let start_options = || start_options.get(&event_id).cloned().unwrap_or_default();
        match &entry.kind {
            EventKind::ActivityScheduled { name, input, queue } => {
                let options = activity_options.get(&event_id);
                let queue = scope.queue_or(queue.as_ref());
                self.new_activity(scope, limits, event_id, (name, input, queue), options);
            }
            EventKind::TimerCreated { fire_at_ms } => {
                self.new_timer(scope, event_id, *fire_at_ms, now_ms);
            }
            EventKind::SubOrchestrationScheduled {
                name,
                instance,
                input,
                queue,
            } => {
                let mut options = scope.for_child(start_options());
                let parent = scope.parent_link(event_id);
                let start = start(name, options.version.take(), input, Some(parent));
                let place = (instance.as_str(), queue.as_ref());
                let start = (MessageBody::Start(start), &options);
                self.new_child(scope, limits, event_id, place, start);
            }
            EventKind::OrchestrationChained {
                name,
                instance,
                input,
                queue,
            } => {
                let mut options = start_options();
                let start = start(name, options.version.take(), input, None);
                let start = (MessageBody::Start(start), &options);
                let place = (instance.as_str(), queue.as_ref());
                let started = self.new_instance(scope, limits, event_id, place, start);
                self.keep_refusal(started);
            }
            EventKind::ExternalEventRaised {
                instance,
                name,
                data,
            } => {
                let event = (name.as_str(), data.as_str());
                let raised = self.raise(scope, limits, event_id, instance, event);
                self.keep_refusal(raised);
            }
            // A wait sends nothing, but nobody could raise an event of such a name.
            EventKind::ExternalSubscribed { name } | EventKind::ExternalTried { name } => {
                self.keep_refusal(event_name(name));
            }
            EventKind::ValueSet { key, value } => self.values.change(key, value.as_deref()),
            // A system call sends nothing, and inputs and ends are no decisions.
            EventKind::SystemCall { .. }
            | EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::OrchestrationCancelAnnounced { .. }
            | EventKind::ExternalAbsent { .. }
            | EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. } => {}
        }
    }

    /// Keeps the first refusal, which ends the run.
    fn keep_refusal(&mut self, checked: Result<(), ErrorDetails>) {
        if let Err(details) = checked {
            self.refused.get_or_insert(details);
        }
    }

    fn new_timer(&mut self, scope: &Scope, timer_id: u64, fire_at_ms: u64, now_ms: u64) {
        let body = MessageBody::TimerFired {
            timer_id,
            fire_at_ms,
        };
        let delay = Duration::from_millis(fire_at_ms.saturating_sub(now_ms));
        let id = scope.origin(timer_id).message_id(Cause::Timer);
        self.post_to_self(scope, id, delay, body);
    }

    fn new_activity(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        activity_id: u64,
        (name, input, queue): (&str, &str, Result<TaskQueue, ErrorDetails>),
        options: Option<&ActivityOptions>,
    ) {
        let timeout = |of: fn(&ActivityOptions) -> Option<Duration>| options.and_then(of);
        let body = ActivityBody {
            name: name.to_owned(),
            input: input.to_owned(),
            orchestration: scope.orchestration.clone(),
            version: scope.version.clone(),
            start_to_close_ms: timeout(|it| it.start_to_close).map(millis_ceil),
            heartbeat_ms: timeout(|it| it.heartbeat).map(millis_ceil),
        }
        .encode();
        let checked = text_within(name, NAME_BYTES_MAX, "the name of an activity")
            .and_then(|()| within(limits, body.len(), "the activity's input"))
            .and(queue);
        let queue = match checked {
            Ok(queue) => queue,
            Err(details) => {
                let id = scope.origin(activity_id).message_id(Cause::Refused);
                let body = MessageBody::ActivityFailed {
                    activity_id,
                    details,
                };
                return self.post_to_self(scope, id, Duration::ZERO, body);
            }
        };
        self.bytes += body.len();
        self.activities.push(NewActivity {
            execution: scope.execution,
            activity_id,
            queue,
            reservation: None,
            body,
        });
    }

    fn new_instance(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        event_id: u64,
        (instance, queue): (&str, Option<&String>),
        (body, options): (MessageBody, &StartOptions),
    ) -> Result<(), ErrorDetails> {
        let (MessageBody::Start(start) | MessageBody::StartAgain(start)) = &body else {
            return Ok(());
        };
        let queue = scope.queue_or(queue)?;
        let instance = InstanceId::new(instance).map_err(|error| refused(error.to_string()))?;
        text_within(
            &start.orchestration,
            NAME_BYTES_MAX,
            "the name of an orchestration",
        )?;
        let version = start.version.as_deref().unwrap_or_default();
        text_within(version, VERSION_BYTES_MAX, "a version")?;
        labels::check(&options.labels).map_err(refused)?;
        let parent = start.parent.as_ref().map(|link| Parent {
            instance: link.instance.clone(),
            incarnation: link.incarnation,
        });
        if options.if_exists == IfExists::ReplaceEnded {
            return Err(refused(
                "an orchestration cannot replace an instance that has ended; start one of another id, or \
                 have a client start it"
                    .to_owned(),
            ));
        }
        let expire_after = expiry::checked(options.expire_after).map_err(refused)?;
        let core_state = CoreState::of_new(start.parent.clone(), expire_after).encode();
        let orchestration = start.orchestration.clone();
        let id = scope.origin(event_id).message_id(Cause::Start);
        let message = body.into_message(id, None);
        within(limits, message.body.len(), "the orchestration's input")?;
        self.post(Envelope {
            recipient: Recipient::NewInstance(NewInstance {
                queue,
                parent,
                labels: options.labels.clone(),
                core_state,
                if_exists: IfExists::Refuse,
                ..NewInstance::new(instance, orchestration)
            }),
            delay: options.delay,
            message,
        });
        Ok(())
    }

    /// Starts a child, or has the code hear why it cannot be started.
    pub(super) fn new_child(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        event_id: u64,
        place: (&str, Option<&String>),
        start: (MessageBody, &StartOptions),
    ) {
        if let Err(details) = self.new_instance(scope, limits, event_id, place, start) {
            let id = scope.origin(event_id).message_id(Cause::Refused);
            let body = MessageBody::ChildFailed {
                child_id: event_id,
                details,
            };
            self.post_to_self(scope, id, Duration::ZERO, body);
        }
    }

    /// Sends an event to whichever life of an instance there is. One that is not there, or has ended,
    /// does not get it, and the commit is counted as one that dropped it (MSG-05, STA-06).
    fn raise(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        event_id: u64,
        instance: &str,
        (name, data): (&str, &str),
    ) -> Result<(), ErrorDetails> {
        let instance = InstanceId::new(instance).map_err(|error| refused(error.to_string()))?;
        text_within(name, NAME_BYTES_MAX, "the name of an event")?;
        let event = MessageBody::ExternalEvent {
            name: name.to_owned(),
            data: data.to_owned(),
        };
        let id = scope.origin(event_id).message_id(Cause::Event);
        let message = event.into_message(id, None);
        within(limits, message.body.len(), "the event's data")?;
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance,
                incarnation: None,
            },
            delay: Duration::ZERO,
            message,
        });
        Ok(())
    }

    fn withdraw(&mut self, scope: &Scope, event_id: u64, kind: TokenKind) {
        match kind {
            TokenKind::Activity => self.cancelled.push(ActivityCancel::One {
                execution: scope.execution,
                activity_id: event_id,
            }),
            TokenKind::Timer => {
                self.consumed
                    .push(scope.origin(event_id).message_id(Cause::Timer));
            }
            TokenKind::Child { instance } => {
                self.cancel_child(scope, event_id, &instance, NOT_AWAITED);
            }
            TokenKind::Wait { .. }
            | TokenKind::TryWait { .. }
            | TokenKind::Cancellation
            | TokenKind::System => {}
        }
    }

    /// Cancels a child, in the life that this parent gave it.
    pub(super) fn cancel_child(
        &mut self,
        scope: &Scope,
        event_id: u64,
        instance: &str,
        reason: &str,
    ) {
        // An id that is none was refused when the child was scheduled.
        let Ok(instance) = InstanceId::new(instance) else {
            return;
        };
        let origin = scope.origin(event_id);
        let reason = reason.to_owned();
        // Which start began a child that was started again is not known here; nobody else has its name.
        let begun = scope.has_begun(event_id, &instance);
        let incarnation = begun.then(|| origin.message_id(Cause::Start).incarnation());
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance,
                incarnation,
            },
            delay: Duration::ZERO,
            message: MessageBody::cancel(reason)
                .into_message(origin.message_id(Cause::ChildCancel), None),
        });
    }

    /// Hands the rest of a long chain of executions to a next turn. The message brings the turn, and
    /// the head has the start as well: a backlog may come before the message.
    pub(super) fn continue_later(&mut self, scope: &Scope, next: Start) {
        let id = scope.origin(0).message_id(Cause::NextExecution);
        let start = MessageBody::Start(next);
        self.handed_on = Some(start.encode());
        self.post_to_self(scope, id, Duration::ZERO, start);
    }

    /// Brings another turn, since this one is full and has not answered a try for mail.
    pub(super) fn come_back(&mut self, scope: &Scope, try_id: u64) {
        let id = scope.origin(try_id).message_id(Cause::OpenTry);
        let nudge = MessageBody::Nudge { notice: None };
        self.post_to_self(scope, id, Duration::ZERO, nudge);
    }

    /// Has the code hear of a cancellation, and the cancellation follow: both are for whichever execution
    /// there is by then.
    pub(super) fn announce_cancellation(
        &mut self,
        head: &InstanceHead,
        request: MessageId,
        now_ms: u64,
        (reason, grace_ms): (&str, u64),
    ) {
        let announcement = announcement_of(request);
        let announced_in = Some(head.position.execution);
        let announced = MessageBody::CancelAnnounced {
            reason: reason.to_owned(),
            cancel_at_ms: now_ms.saturating_add(grace_ms),
            announced_in,
        };
        let cancellation = MessageBody::Cancel {
            reason: reason.to_owned(),
            announced_in,
        };
        // Control, as every cancellation: no backlog and no suspension keeps it out.
        let cancellation = cancellation.into_message(cancellation_of(announcement), None);
        let announced = announced.into_message(announcement, None);
        let grace = Duration::from_millis(grace_ms);
        for (delay, message) in [(Duration::ZERO, announced), (grace, cancellation)] {
            self.post(Envelope {
                recipient: Recipient::Instance {
                    instance: head.instance.clone(),
                    incarnation: Some(head.incarnation),
                },
                delay,
                message,
            });
        }
    }

    /// Takes back what would cancel an instance that ends before.
    pub(super) fn forget_cancellation(&mut self, announced_by: Option<Uuid>) {
        let cancellation = announced_by.map(|id| cancellation_of(MessageId(id)));
        self.consumed
            .extend(cancellation.filter(|id| !self.consumed.contains(id)));
    }

    fn post_to_self(&mut self, scope: &Scope, id: MessageId, delay: Duration, body: MessageBody) {
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance: scope.instance.clone(),
                incarnation: Some(scope.incarnation),
            },
            delay,
            message: body.into_message(id, Some(scope.execution)),
        });
    }

    fn post(&mut self, envelope: Envelope) {
        self.bytes += envelope.message.body.len();
        self.messages.push(envelope);
    }

    /// Leaves the execution as it is: running, with the new events.
    pub(super) fn pause_execution(&mut self, scope: &Scope) {
        let handed_on = self.handed_on.take();
        self.close(scope, ExecutionStatus::Running, handed_on);
    }

    /// Cancels every activity of the execution, for an end that nobody's code was asked about. Code
    /// that ends withdraws what it has left open.
    pub(super) fn cancel_all(&mut self, scope: &Scope) {
        self.cancelled
            .push(ActivityCancel::AllOfExecution(scope.execution));
    }

    /// Ends the execution in favour of the next one.
    pub(super) fn hand_over(&mut self, scope: &Scope) {
        self.purge_through = Some(scope.execution);
        self.close(scope, ExecutionStatus::ContinuedAsNew, None);
    }

    /// Ends the instance. The last entry is the terminal one; it and the parent are told the same.
    pub(super) fn end_instance(&mut self, scope: &Scope, limits: &Limits, ended: Output) {
        let (output, encoded) = bounded(limits, ended);
        let event_id = self.entries.last().map_or(1, |entry| entry.event_id);
        if let Some(last) = self.entries.last_mut() {
            last.kind = match &output {
                Output::Completed(output) => EventKind::OrchestrationCompleted {
                    output: output.clone(),
                },
                Output::Failed(details) => EventKind::OrchestrationFailed {
                    details: details.clone(),
                },
            };
        }
        let parent = scope.core_state.parent.as_ref();
        if let Some(parent) = parent.filter(|_| !scope.core_state.parent_is_told) {
            self.tell_parent(
                parent,
                scope.origin(event_id).message_id(Cause::ChildOutcome),
                &output,
            );
        }
        self.purge_through = Some(scope.execution);
        let status = match output {
            Output::Completed(_) => ExecutionStatus::Completed,
            Output::Failed(_) => ExecutionStatus::Failed,
        };
        self.close(scope, status, Some(encoded));
        self.ended = Some(output);
    }

    /// Tells a waiting parent how its child ended.
    pub(super) fn tell_parent(&mut self, parent: &ParentLink, id: MessageId, output: &Output) {
        let child_id = parent.event_id;
        let body = match output.clone() {
            Output::Completed(result) => MessageBody::ChildCompleted { child_id, result },
            Output::Failed(details) => MessageBody::ChildFailed { child_id, details },
        };
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance: parent.instance.clone(),
                incarnation: Some(parent.incarnation),
            },
            delay: Duration::ZERO,
            message: body.into_message(id, Some(parent.execution)),
        });
    }

    fn close(&mut self, scope: &Scope, status: ExecutionStatus, output: Option<Bytes>) {
        let after = self.after.take();
        let chunk = encode_chunk_after(&std::mem::take(&mut self.entries), after);
        self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.body.len());
        self.executions.push(ExecutionUpdate {
            execution: scope.execution,
            chunk,
            status,
            output,
        });
    }
}

pub(super) fn start(
    name: &str,
    version: Option<String>,
    input: &str,
    parent: Option<ParentLink>,
) -> Start {
    Start {
        orchestration: name.to_owned(),
        version,
        input: input.to_owned(),
        parent,
        ..Start::default()
    }
}

/// The failure of something that the store would refuse.
pub(super) fn refused(message: String) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::OrchestrationFailed,
        message,
        retryable: false,
    }
}

/// Whether a name or a version may be sent.
/// Whether anybody could raise an event of this name.
fn event_name(name: &str) -> Result<(), ErrorDetails> {
    if name.is_empty() {
        return Err(refused(
            "the name of an event has at least one byte; wait for one that has a name".to_owned(),
        ));
    }
    text_within(name, NAME_BYTES_MAX, "the name of an event")
}

fn text_within(text: &str, bytes_max: usize, what: &str) -> Result<(), ErrorDetails> {
    if text.len() <= bytes_max {
        return Ok(());
    }
    Err(refused(format!(
        "{what} has at most {bytes_max} bytes, this one has {}; use a shorter one",
        text.len()
    )))
}

/// Whether a body of so many bytes may be sent.
pub(in crate::runtime) fn within(
    limits: &Limits,
    bytes: usize,
    what: &str,
) -> Result<(), ErrorDetails> {
    let bytes_max = limits.body_bytes_max;
    if bytes <= bytes_max {
        return Ok(());
    }
    Err(refused(format!(
        "{what} takes {bytes} bytes, over the provider's limit body_bytes_max of {bytes_max}; \
         store large data elsewhere and pass a reference, or raise the limit"
    )))
}

/// The outcome as it can be stored and sent, and its encoding: one over the limit becomes a failure
/// that says so.
fn bounded(limits: &Limits, output: Output) -> (Output, Bytes) {
    // The message to a parent holds the same and a little more.
    const ENVELOPE_BYTES: usize = 128;
    let encoded = output.encode();
    let bytes = encoded.len() + ENVELOPE_BYTES;
    match within(limits, bytes, "the orchestration's outcome") {
        Ok(()) => (output, encoded),
        Err(details) => {
            let failed = Output::Failed(details);
            let encoded = failed.encode();
            (failed, encoded)
        }
    }
}
