//! The commit of a turn, as it grows.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

use crate::clock::millis_ceil;
use crate::event::{AppErrorKind, Entry, ErrorDetails, EventKind, encode_chunk};
use crate::limits::{NAME_BYTES_MAX, VERSION_BYTES_MAX};
use crate::message::{
    ActivityBody, Cause, CoreState, MessageBody, Origin, Output, ParentLink, Start,
};
use crate::orchestration::ActivityOptions;
use crate::providers::{
    ActivityCancel, ActivityLease, Envelope, ExecutionStatus, ExecutionUpdate, Incarnation,
    InstanceId, Limits, Message, MessageId, NewActivity, Recipient, TaskQueue,
};
use crate::replay::{Harvest, TokenKind, TraceLine};

/// The execution that a part of a draft belongs to.
#[derive(Debug, Clone)]
pub(super) struct Scope {
    pub(super) instance: InstanceId,
    pub(super) incarnation: Incarnation,
    pub(super) execution: u64,
    pub(super) orchestration: String,
    pub(super) version: String,
    pub(super) parent: Option<ParentLink>,
}

impl Scope {
    fn origin(&self, event_id: u64) -> Origin {
        Origin {
            incarnation: self.incarnation,
            execution: self.execution,
            event_id,
        }
    }
}

/// What a turn will commit.
#[derive(Debug, Default)]
pub(super) struct Draft {
    pub(super) executions: Vec<ExecutionUpdate>,
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
}

impl Draft {
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
            versions,
            activity_options,
            mut withdrawn,
            traces,
        } = harvest;
        for entry in &entries {
            // What was scheduled and dropped at once is an event, and nothing else.
            if withdrawn.remove(&entry.event_id).is_none() {
                self.send(scope, limits, now_ms, entry, (&versions, &activity_options));
            }
        }
        for (event_id, kind) in withdrawn {
            self.withdraw(scope, event_id, kind);
        }
        self.traces
            .extend(traces.into_iter().map(|line| (scope.clone(), line)));
        self.entries.extend(entries);
    }

    fn send(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        now_ms: u64,
        entry: &Entry,
        (versions, activity_options): (&BTreeMap<u64, String>, &BTreeMap<u64, ActivityOptions>),
    ) {
        let event_id = entry.event_id;
        let version = versions.get(&event_id).cloned();
        match &entry.kind {
            EventKind::ActivityScheduled { name, input } => {
                let options = activity_options.get(&event_id).copied().unwrap_or_default();
                self.new_activity(scope, limits, event_id, (name, input), options);
            }
            EventKind::TimerCreated { fire_at_ms } => {
                let body = MessageBody::TimerFired {
                    timer_id: event_id,
                    fire_at_ms: *fire_at_ms,
                };
                let delay = Duration::from_millis(fire_at_ms.saturating_sub(now_ms));
                let id = scope.origin(event_id).message_id(Cause::Timer);
                self.post_to_self(scope, id, delay, &body);
            }
            EventKind::SubOrchestrationScheduled {
                name,
                instance,
                input,
            } => {
                let parent = ParentLink {
                    instance: scope.instance.clone(),
                    incarnation: scope.incarnation,
                    execution: scope.execution,
                    event_id,
                };
                let start = start(name, version, input, Some(parent));
                if let Err(details) = self.new_instance(scope, limits, event_id, instance, start) {
                    let id = scope.origin(event_id).message_id(Cause::Refused);
                    let body = MessageBody::ChildFailed {
                        child_id: event_id,
                        details,
                    };
                    self.post_to_self(scope, id, Duration::ZERO, &body);
                }
            }
            EventKind::OrchestrationChained {
                name,
                instance,
                input,
            } => {
                let start = start(name, version, input, None);
                if let Err(details) = self.new_instance(scope, limits, event_id, instance, start) {
                    self.refused.get_or_insert(details);
                }
            }
            // A wait sends nothing, but nobody could raise an event of such a name.
            EventKind::ExternalSubscribed { name } => {
                if let Err(details) = text_within(name, NAME_BYTES_MAX, "the name of an event") {
                    self.refused.get_or_insert(details);
                }
            }
            // A system call sends nothing, and inputs and ends are no decisions.
            EventKind::SystemCall { .. }
            | EventKind::OrchestrationStarted { .. }
            | EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationCancelRequested { .. }
            | EventKind::ActivityCompleted { .. }
            | EventKind::ActivityFailed { .. }
            | EventKind::TimerFired { .. }
            | EventKind::ExternalEvent { .. }
            | EventKind::SubOrchestrationCompleted { .. }
            | EventKind::SubOrchestrationFailed { .. } => {}
        }
    }

    fn new_activity(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        activity_id: u64,
        (name, input): (&str, &str),
        options: ActivityOptions,
    ) {
        let body = ActivityBody {
            name: name.to_owned(),
            input: input.to_owned(),
            orchestration: scope.orchestration.clone(),
            version: scope.version.clone(),
            start_to_close_ms: options.start_to_close.map(millis_ceil),
            heartbeat_ms: options.heartbeat.map(millis_ceil),
        }
        .encode();
        let checked = text_within(name, NAME_BYTES_MAX, "the name of an activity")
            .and_then(|()| within(limits, body.len(), "the activity's input"));
        if let Err(details) = checked {
            let id = scope.origin(activity_id).message_id(Cause::Refused);
            let body = MessageBody::ActivityFailed {
                activity_id,
                details,
            };
            return self.post_to_self(scope, id, Duration::ZERO, &body);
        }
        self.bytes += body.len();
        self.activities.push(NewActivity {
            execution: scope.execution,
            activity_id,
            queue: TaskQueue::default(),
            reservation: None,
            body,
        });
    }

    fn new_instance(
        &mut self,
        scope: &Scope,
        limits: &Limits,
        event_id: u64,
        instance: &str,
        start: Start,
    ) -> Result<(), ErrorDetails> {
        let instance = InstanceId::new(instance).map_err(|error| refused(error.to_string()))?;
        text_within(
            &start.orchestration,
            NAME_BYTES_MAX,
            "the name of an orchestration",
        )?;
        let version = start.version.as_deref().unwrap_or_default();
        text_within(version, VERSION_BYTES_MAX, "a version")?;
        let core_state = CoreState {
            parent: start.parent.clone(),
        }
        .encode();
        let orchestration = start.orchestration.clone();
        let body = MessageBody::Start(start).encode();
        within(limits, body.len(), "the orchestration's input")?;
        let id = scope.origin(event_id).message_id(Cause::Start);
        self.post(Envelope {
            recipient: Recipient::NewInstance {
                instance,
                orchestration,
                core_state,
            },
            delay: Duration::ZERO,
            message: Message {
                id,
                execution: None,
                body,
            },
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
            TokenKind::Child { instance } => self.cancel_child(scope, event_id, &instance),
            TokenKind::Wait { .. } | TokenKind::System => {}
        }
    }

    /// Cancels a child, in the life that this parent gave it.
    pub(super) fn cancel_child(&mut self, scope: &Scope, event_id: u64, instance: &str) {
        // An id that is none was refused when the child was scheduled.
        let Ok(instance) = InstanceId::new(instance) else {
            return;
        };
        let origin = scope.origin(event_id);
        let reason = "the parent does not wait for it any more".to_owned();
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance,
                incarnation: Some(origin.message_id(Cause::Start).incarnation()),
            },
            delay: Duration::ZERO,
            message: Message {
                id: origin.message_id(Cause::ChildCancel),
                execution: None,
                body: MessageBody::Cancel { reason }.encode(),
            },
        });
    }

    /// Hands the rest of a long chain of executions to a next turn.
    pub(super) fn continue_later(&mut self, scope: &Scope, next: Start) {
        let id = scope.origin(0).message_id(Cause::NextExecution);
        self.post_to_self(scope, id, Duration::ZERO, &MessageBody::Start(next));
    }

    fn post_to_self(&mut self, scope: &Scope, id: MessageId, delay: Duration, body: &MessageBody) {
        self.post(Envelope {
            recipient: Recipient::Instance {
                instance: scope.instance.clone(),
                incarnation: Some(scope.incarnation),
            },
            delay,
            message: Message {
                id,
                execution: Some(scope.execution),
                body: body.encode(),
            },
        });
    }

    fn post(&mut self, envelope: Envelope) {
        self.bytes += envelope.message.body.len();
        self.messages.push(envelope);
    }

    /// Leaves the execution as it is: running, with the new events.
    pub(super) fn pause_execution(&mut self, scope: &Scope) {
        self.close(scope, ExecutionStatus::Running, None);
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
        if let Some(parent) = &scope.parent {
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
            message: Message {
                id,
                execution: Some(parent.execution),
                body: body.encode(),
            },
        });
    }

    fn close(&mut self, scope: &Scope, status: ExecutionStatus, output: Option<Bytes>) {
        let chunk = encode_chunk(&std::mem::take(&mut self.entries));
        self.bytes += chunk.as_ref().map_or(0, |chunk| chunk.body.len());
        self.executions.push(ExecutionUpdate {
            execution: scope.execution,
            chunk,
            status,
            output,
        });
    }
}

fn start(name: &str, version: Option<String>, input: &str, parent: Option<ParentLink>) -> Start {
    Start {
        orchestration: name.to_owned(),
        version,
        input: input.to_owned(),
        parent,
        carried: Vec::new(),
    }
}

/// The failure of something that the store would refuse.
fn refused(message: String) -> ErrorDetails {
    ErrorDetails::Application {
        kind: AppErrorKind::OrchestrationFailed,
        message,
        retryable: false,
    }
}

/// Whether a name or a version may be sent.
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
