//! What each part adds to the commit of a turn.

use bytes::Bytes;
use duroxide_core::providers::{ActivityCancel, ExecutionStatus, ExecutionUpdate, HistoryChunk};

use super::part::Part;
use super::words::{Shown, Span};
use super::world::{World, message_id, nth_latest};
use crate::support::TurnBuilder;

impl Part {
    /// Whether it may be refused for what it says.
    pub(super) fn is_flaw(&self) -> bool {
        matches!(
            self,
            Self::ScheduleAgain { .. }
                | Self::FinishFused { .. }
                | Self::OpenNext
                | Self::SetValueTwice { .. }
                | Self::SetValueTooLong { .. }
                | Self::DescribeTooMuch
                | Self::RecordTooMuch
                | Self::RecordElsewhere
        )
    }
}

impl World {
    /// Adds a part to the commit of a turn.
    #[expect(clippy::too_many_lines, reason = "one arm for each part")]
    pub(super) fn with_part(&mut self, builder: TurnBuilder, part: &Part) -> TurnBuilder {
        let current = builder.position().execution;
        let limits = self.cx.limits();
        match *part {
            Part::Record { events } => builder.append(events),
            Part::RecordTooMuch => builder.append(limits.history_events_max.saturating_add(1)),
            Part::RecordElsewhere => elsewhere(builder),
            Part::ContinueAsNew => builder.continue_as_new(),
            Part::OpenNext => builder.next(1),
            Part::Complete => builder.complete(),
            Part::Fail => builder
                .append(1)
                .end(ExecutionStatus::Failed, Some(Bytes::from_static(b"error"))),
            Part::Schedule { queue } => {
                let activity_id = self.next_activity(&builder);
                builder.activity_in(queue.name(), activity_id)
            }
            Part::Reserve { lease } => {
                let activity_id = self.next_activity(&builder);
                builder.reserved(activity_id, self.unknown_token(), lease.duration())
            }
            Part::ScheduleAgain { activity } => match nth_latest(&self.scheduled, activity) {
                Some((_, activity_id)) => builder.activity(*activity_id),
                None => builder,
            },
            Part::CancelOne { activity } => match nth_latest(&self.scheduled, activity) {
                Some(&(execution, activity_id)) => builder.cancel(ActivityCancel::One {
                    execution,
                    activity_id,
                }),
                None => builder,
            },
            Part::CancelAll { executions_ago } => builder.cancel(ActivityCancel::AllOfExecution(
                current.saturating_sub(executions_ago),
            )),
            // Those of other instances are not for this turn (FEN-04).
            Part::FinishFused { activity } => match self.activity(activity) {
                Some(lease) if lease.key.instance == *builder.instance() => {
                    builder.complete_activity(lease)
                }
                Some(_) | None => builder,
            },
            Part::ConsumeOnly { messages } => {
                builder.change(|commit| commit.consumed.truncate(messages))
            }
            Part::Withdraw { message } => {
                builder.change(|commit| commit.consumed.push(message_id(message)))
            }
            Part::Tell { to, message, delay } => {
                builder.send(self.event(to.name(), message, delay))
            }
            Part::TellOn {
                to,
                line,
                message,
                delay,
            } => {
                let sent = self.message_on(line, to.name(), message, delay);
                builder.send(sent)
            }
            Part::Await { topics } => builder.awaiting(topics.names()),
            Part::Suspend { suspended } => builder.suspend(suspended),
            Part::Expire { after } => builder.expire_after(after.duration()),
            Part::SetValue {
                value,
                expires_after,
            } => {
                let text = format!("value made as {}", self.next_serial());
                with_value(builder, value, Some((text, expires_after)))
            }
            Part::RemoveValue { value } => with_value(builder, value, None),
            Part::SetValueTwice { value } => {
                let text = format!("value made as {}", self.next_serial());
                let builder = with_value(builder, value, Some((text, None)));
                builder.remove(value.key().as_str())
            }
            Part::SetValueTooLong { value } => {
                let text = "v".repeat(limits.value_bytes_max.saturating_add(1));
                with_value(builder, value, Some((text, None)))
            }
            Part::TellExecution {
                message,
                execution,
                delay,
            } => {
                let mut envelope = self.event(builder.instance(), message, delay);
                envelope.message.execution = Some(execution);
                builder.send(envelope)
            }
            Part::StartChild {
                instance,
                queue,
                message,
            } => builder.send(self.start(instance, queue, message)),
            Part::Purge { executions_ago } => {
                builder.purge_through(current.saturating_sub(executions_ago))
            }
            Part::Describe { core_state_bytes } => builder.core_state(state(core_state_bytes)),
            Part::DescribeTooMuch => {
                builder.core_state(state(limits.core_state_bytes_max.saturating_add(1)))
            }
        }
    }

    /// The id of an activity that was not there before.
    fn next_activity(&mut self, builder: &TurnBuilder) -> u64 {
        let activity_id = self.next_serial();
        let execution = builder.position().execution;
        self.scheduled.push((execution, activity_id));
        activity_id
    }
}

/// Says what becomes of a value, instead of what was said of it before.
fn with_value(
    builder: TurnBuilder,
    value: Shown,
    new: Option<(String, Option<Span>)>,
) -> TurnBuilder {
    let key = value.key();
    let builder = builder.change(|commit| commit.values.retain(|it| it.key != key));
    match new {
        None => builder.remove(key.as_str()),
        Some((text, None)) => builder.set(key.as_str(), &text),
        Some((text, Some(after))) => builder.expiring(key.as_str(), &text, after.duration()),
    }
}

fn state(bytes: usize) -> Bytes {
    Bytes::from(vec![b's'; bytes])
}

/// Adds a chunk that leaves a gap in the history.
fn elsewhere(builder: TurnBuilder) -> TurnBuilder {
    let position = builder.position();
    builder.execution(ExecutionUpdate {
        execution: position.execution,
        chunk: Some(HistoryChunk {
            first_event_id: position.next_event_id.saturating_add(1),
            event_count: 1,
            body: Bytes::from_static(b"elsewhere"),
        }),
        status: ExecutionStatus::Running,
        output: None,
    })
}
