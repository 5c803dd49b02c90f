//! Ending a run without its code: cancelled, poisoned, damaged, or without code that fits.

use std::borrow::Cow;

use super::draft::Draft;
use super::fork;
use super::inbox::{self, Letter};
use super::occasion::Occasion;
use super::scope::Scope;
use crate::event::{
    AppErrorKind, Entry, ErrorDetails, EventKind, PoisonMessageType, RULES, announced_by,
    open_children,
};
use crate::message::{Cause, CoreState, MessageBody, Origin, Output, Start};
use crate::providers::{Limits, MessageId, Position};
use crate::replay::cancelled;

/// The start of the draft that each of these makes: everything in the turn is consumed.
fn consuming_all(turn: &Occasion) -> Draft {
    let messages = turn.messages.iter();
    Draft::consuming(messages.map(|delivery| delivery.message.id).collect())
}

/// The same for an end: a parent that waits for the instance anew has it go on after that, unless the
/// instance was cancelled since.
fn consuming_for_end(turn: &Occasion, letters: &[Letter]) -> Draft {
    let mut draft = consuming_all(turn);
    let (_, behind) = by_cancellation(letters);
    let spared = behind
        .iter()
        .filter(|letter| inbox::renewed_by(turn, letter).is_some());
    for letter in spared {
        draft.consumed.retain(|id| *id != letter.id);
    }
    draft
}

/// What came before the last cancellation, with that, and what came behind it.
fn by_cancellation(letters: &[Letter]) -> (&[Letter], &[Letter]) {
    let is_one = |letter: &Letter| matches!(letter.body, MessageBody::Cancel { .. });
    let behind = letters.iter().rposition(is_one).map_or(0, |last| last + 1);
    letters.split_at(behind)
}

/// Notes in the scope of an instance that is about to be ended what its history will not say: a parent that
/// waits anew and has the end coming, and how the execution was to begin, if its code never did.
pub(super) fn note_before_end(scope: &mut Scope, turn: &Occasion, letters: &[Letter]) {
    let (before, _) = by_cancellation(letters);
    let renewals = before.iter().rev();
    if let Some(parent) = renewals
        .into_iter()
        .find_map(|it| inbox::renewed_by(turn, it))
    {
        scope.core_state.renew_parent(parent.clone());
    }
    if turn.head.position.next_event_id != 1 {
        return;
    }
    let start = start_at_hand(turn, letters);
    if CoreState::decode(&turn.head.core_state).is_err() {
        // What is damaged is kept as it is.
        return;
    }
    // Events that came along are no part of the start in a history.
    scope.core_state.start_is_lost = start.as_ref().is_none_or(|it| !it.carried.is_empty());
    if let Some(start) = start {
        scope.version = start.version.clone().unwrap_or_default();
    }
}

/// What the current execution begins with, if that is at hand: the message, or what the execution before
/// has left in the head.
fn start_at_hand<'a>(turn: &Occasion, letters: &'a [Letter]) -> Option<Cow<'a, Start>> {
    if let Some(start) = inbox::own_start(turn, letters) {
        return Some(Cow::Borrowed(start));
    }
    let left = turn.head.output.as_ref()?;
    match MessageBody::decode(left) {
        Ok(MessageBody::Start(start)) => Some(Cow::Owned(start)),
        _ => None,
    }
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
    let start = start_at_hand(turn, letters).unwrap_or_else(|| {
        // A start that is not due yet would find an instance that has ended.
        draft.consumed.extend(not_due_start(turn));
        Cow::Owned(unknown_start(scope))
    });
    let mut started = inbox::started(&start, scope.version.clone()).kind;
    if let EventKind::OrchestrationStarted { rules, forked, .. } = &mut started {
        // Code that goes on from here begins here.
        *rules = Some(RULES);
        *forked = inbox::own_fork(turn, letters).map(fork::unmade);
    }
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
