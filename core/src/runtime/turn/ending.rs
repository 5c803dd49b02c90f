//! Ending a run without its code: cancelled, poisoned, damaged, or without code that fits.

use super::draft::Draft;
use super::inbox::{self, Letter};
use super::occasion::Occasion;
use super::scope::Scope;
use crate::event::{
    AppErrorKind, Entry, ErrorDetails, EventKind, PoisonMessageType, announced_by, open_children,
};
use crate::message::{Cause, Origin, Output, Start};
use crate::providers::{Limits, MessageId, Position};
use crate::replay::cancelled;

/// The start of the draft that each of these makes: everything in the turn is consumed.
fn consuming_all(turn: &Occasion) -> Draft {
    let messages = turn.messages.iter();
    Draft::consuming(messages.map(|delivery| delivery.message.id).collect())
}

/// The same for an end: a parent that waits for the instance anew has it go on after that.
fn consuming_for_end(turn: &Occasion, letters: &[Letter]) -> Draft {
    let mut draft = consuming_all(turn);
    let spared = letters
        .iter()
        .filter(|letter| inbox::renewed_by(turn, letter).is_some());
    for letter in spared {
        draft.consumed.retain(|id| *id != letter.id);
    }
    draft
}

/// Ends the instance with this failure, and what it has open with it, which follows from the events.
pub(super) fn failed(
    turn: &Occasion,
    letters: &[Letter],
    scope: &Scope,
    limits: &Limits,
    now_ms: u64,
    (details, history): (ErrorDetails, &[Entry]),
) -> Draft {
    let mut draft = consuming_for_end(turn, letters);
    open_books(&mut draft, turn, letters, scope, now_ms);
    let terminal = EventKind::OrchestrationFailed {
        details: details.clone(),
    };
    append(&mut draft, turn, now_ms, terminal);
    cancel_children(&mut draft, scope, history, "parent failed");
    draft.forget_cancellation(announced_by(history));
    answer_refused_parents(&mut draft, turn, letters);
    draft.cancel_all(scope);
    draft.end_instance(scope, limits, Output::Failed(details));
    draft
}

/// Ends the instance since somebody cancelled it, and its open children with it. The code is not
/// asked: what is open follows from the events.
pub(super) fn on_request(
    turn: &Occasion,
    letters: &[Letter],
    scope: &Scope,
    limits: &Limits,
    now_ms: u64,
    (reason, history): (&str, &[Entry]),
) -> Draft {
    let mut draft = consuming_for_end(turn, letters);
    open_books(&mut draft, turn, letters, scope, now_ms);
    // The last slot below the cap belongs to the terminal event.
    if turn.head.position.next_event_id < limits.history_events_max {
        let kind = EventKind::OrchestrationCancelRequested {
            reason: reason.to_owned(),
        };
        append(&mut draft, turn, now_ms, kind);
    }
    let details = cancelled(reason);
    append(
        &mut draft,
        turn,
        now_ms,
        EventKind::OrchestrationFailed {
            details: details.clone(),
        },
    );
    cancel_children(&mut draft, scope, history, "parent canceled");
    draft.forget_cancellation(announced_by(history));
    answer_refused_parents(&mut draft, turn, letters);
    draft.cancel_all(scope);
    draft.end_instance(scope, limits, Output::Failed(details));
    draft
}

fn cancel_children(draft: &mut Draft, scope: &Scope, history: &[Entry], reason: &str) {
    for (event_id, instance) in open_children(history) {
        draft.cancel_child(scope, event_id, &instance, reason);
    }
}

/// Consumes what reaches an instance that has ended.
pub(super) fn drained(turn: &Occasion, letters: &[Letter]) -> Draft {
    let mut draft = consuming_all(turn);
    answer_refused_parents(&mut draft, turn, letters);
    draft
}

/// An execution that ends before its first turn still begins with its start.
fn open_books(draft: &mut Draft, turn: &Occasion, letters: &[Letter], scope: &Scope, now_ms: u64) {
    if turn.head.position.next_event_id != 1 {
        return;
    }
    let unknown;
    let start = match inbox::own_start(turn, letters) {
        Some(start) => start,
        None => {
            // A start that is not due yet would find an instance that has ended.
            draft.consumed.extend(not_due_start(turn));
            unknown = unknown_start(scope);
            &unknown
        }
    };
    let started = inbox::started(start, scope.version.clone()).kind;
    append(draft, turn, now_ms, started);
}

/// The message that would begin an instance which was never begun (STA-05).
fn not_due_start(turn: &Occasion) -> Option<MessageId> {
    let has_begun = turn.head.position != Position::START;
    (!has_begun).then_some(MessageId(turn.head.incarnation.0))
}

/// What is known of a start that is not at hand: all but its input.
fn unknown_start(scope: &Scope) -> Start {
    Start {
        orchestration: scope.orchestration.clone(),
        parent: scope.core_state.parent.clone(),
        ..Start::default()
    }
}

fn append(draft: &mut Draft, turn: &Occasion, timestamp_ms: u64, kind: EventKind) {
    let event_id = turn.head.position.next_event_id + draft.entries.len() as u64;
    let entry = Entry {
        event_id,
        source_event_id: None,
        timestamp_ms,
        message_id: None,
        kind,
    };
    draft.entries.push(entry);
}

/// Tells the parents whose start met an instance that is not theirs.
pub(super) fn answer_refused_parents<'a>(
    draft: &mut Draft,
    turn: &'a Occasion,
    letters: impl IntoIterator<Item = &'a Letter> + 'a,
) {
    for (message_id, parent) in inbox::refused_parents(turn, letters) {
        let message = format!(
            "the sub-orchestration's instance id {:?} is taken by another instance",
            turn.head.instance
        );
        let output = Output::Failed(ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            message,
            retryable: false,
        });
        let origin = Origin {
            incarnation: message_id.incarnation(),
            execution: 1,
            event_id: 1,
        };
        draft.tell_parent(parent, origin.message_id(Cause::Refused), &output);
    }
}

/// The failure of an instance that was tried too often, by so many attempts.
pub(super) fn poison(turn: &Occasion, attempt_count: u32, max_attempts: u32) -> ErrorDetails {
    ErrorDetails::Poison {
        attempt_count,
        max_attempts,
        message_type: PoisonMessageType::Orchestration {
            instance: turn.head.instance.as_str().to_owned(),
            execution_id: turn.head.position.execution,
        },
        message: "each time its process ended, or its code did not yield".to_owned(),
    }
}

/// The failure of an instance whose stored bytes are damaged, or whose commit is refused.
pub(super) fn infrastructure(what: &str, error: &dyn std::error::Error) -> ErrorDetails {
    ErrorDetails::Infrastructure {
        operation: what.to_owned(),
        message: error.to_string(),
        retryable: false,
    }
}
