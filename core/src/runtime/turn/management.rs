//! What can be answered without the code: a wish to suspend or resume the instance, or to cancel it later,
//! a start that is meant for another one, and all that reaches a suspended instance.

use super::draft::Draft;
use super::ending;
use super::inbox::{self, Letter};
use super::occasion::Occasion;
use super::process::Work;
use super::scope::Scope;
use crate::message::MessageBody;
use crate::providers::MessageId;
use crate::runtime::warm::Kept;

/// What the turn of an instance that has not ended does without its code, if anything: an instance can be
/// stopped whose code is not deployed, or hangs.
pub(super) fn draft(turn: &Occasion, letters: &[Letter], now_ms: u64) -> Option<Draft> {
    match inbox::cancel_reason(letters) {
        Some(_) => resumed_for_cancellation(turn, letters),
        None => taken_in(turn, letters, now_ms),
    }
}

/// The draft of a turn that suspends or resumes the instance, finds it suspended, has it cancelled later, or
/// has a start for another one: it takes what manages the instance and leaves the rest where it is. `None` for any other
/// turn.
fn taken_in(turn: &Occasion, letters: &[Letter], now_ms: u64) -> Option<Draft> {
    let is_wish = |letter: &&Letter| {
        letter.body == MessageBody::Suspend || letter.body == MessageBody::Resume
    };
    let latest = letters.iter().rev().find(is_wish);
    let wish = latest.map(|letter| letter.body == MessageBody::Suspend);
    let control: Vec<&Letter> = letters.iter().filter(|it| it.is_control).collect();
    let is_unreadable = control.is_empty() && letters.len() < turn.messages.len();
    let is_suspended = turn.head.suspended && !is_unreadable;
    // One that renews the wait for this instance is among them.
    let refuses = inbox::has_foreign_start(turn, control.iter().copied());
    let mut announced = letters.iter().filter_map(announced_by).peekable();
    if wish.is_none() && !is_suspended && !refuses && announced.peek().is_none() {
        return None;
    }
    let mut draft = Draft::consuming(control.iter().map(|letter| letter.id).collect());
    draft.suspended = wish;
    for (request, cancellation) in announced {
        draft.announce_cancellation(&turn.head, request, now_ms, cancellation);
    }
    ending::answer_refused_parents(&mut draft, turn, control);
    Some(draft)
}

/// What a letter wants to have announced: a cancellation for this reason after this grace.
fn announced_by(letter: &Letter) -> Option<(MessageId, (&str, u64))> {
    let MessageBody::CancelLater { reason, grace_ms } = &letter.body else {
        return None;
    };
    Some((letter.id, (reason, *grace_ms)))
}

/// The draft that has a suspended instance go on as far as its cancellation: what it begins with, which
/// its history is to name, is no control and comes with the next claim. `None` where it is at hand.
fn resumed_for_cancellation(turn: &Occasion, letters: &[Letter]) -> Option<Draft> {
    let head = &turn.head;
    let lacks_its_start = head.suspended
        && head.position.next_event_id == 1
        && head.output.is_none()
        && inbox::own_start(turn, letters).is_none();
    lacks_its_start.then(|| {
        let mut draft = Draft::consuming(Vec::new());
        draft.suspended = Some(false);
        draft
    })
}

/// The work of a turn that asks no code: an engine that stands where the head does stays.
pub(super) fn work(turn: &Occasion, letters: &[Letter], draft: Draft, kept: Option<Kept>) -> Work {
    let mut scope = Scope::of(&turn.head).unwrap_or_else(|_| Scope::without_core_state(&turn.head));
    let renewed = letters.iter().rev();
    if let Some(parent) = renewed
        .into_iter()
        .find_map(|it| inbox::renewed_by(turn, it))
    {
        scope.core_state.renew_parent(parent.clone());
    }
    let alive = match kept {
        Some(Kept::Current(warm)) => Some((warm.engine, warm.history_bytes)),
        Some(Kept::Behind(_)) | None => None,
    };
    Work {
        draft,
        scope,
        alive,
    }
}
