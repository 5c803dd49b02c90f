//! The messages of a turn, decoded and sorted out.

use super::occasion::Occasion;
use crate::event::{DecodeError, EventKind};
use crate::message::{CoreState, Fork, MessageBody, ParentLink, Start};
use crate::providers::{Channel, Delivery, Message, MessageId, Position};
use crate::replay::Input;

/// A decoded message.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) id: MessageId,
    pub(super) execution: Option<u64>,
    /// Whether it manages the instance, and comes before what its code waits for.
    pub(super) is_control: bool,
    pub(super) due_at_ms: u64,
    pub(super) body: MessageBody,
    /// How much it brings into the turn's commit.
    pub(super) bytes: usize,
}

/// A turn's messages, as far as they can be understood.
#[derive(Debug, Default)]
pub(super) struct Inbox {
    pub(super) letters: Vec<Letter>,
    /// Why the first of the others cannot be understood.
    pub(super) error: Option<DecodeError>,
}

/// Decodes a turn's messages.
pub(super) fn decode(turn: &Occasion) -> Inbox {
    let mut inbox = Inbox::default();
    let has_begun = turn.head.position != Position::START;
    for Delivery { due_at_ms, message } in &turn.messages {
        match Letter::decode(message, *due_at_ms) {
            Ok(letter) => {
                let letter = letter.unless_taken_back(turn);
                inbox.letters.push(if has_begun {
                    letter
                } else {
                    letter.without_grace()
                });
            }
            Err(error) => {
                inbox.error.get_or_insert(error);
            }
        }
    }
    inbox
}

/// The start that begins the current execution, if it is among the letters: the one that made the
/// instance, or the one that the execution before sent.
pub(super) fn own_start<'a>(turn: &Occasion, letters: &'a [Letter]) -> Option<&'a Start> {
    let position = turn.head.position;
    starts(letters).find_map(|(letter, start)| {
        let begins_it = letter.execution.map_or_else(
            || is_own_start(turn, letter) && position.execution == 1,
            |execution| execution == position.execution,
        );
        begins_it.then_some(start)
    })
}

fn starts<'a>(
    letters: impl IntoIterator<Item = &'a Letter>,
) -> impl Iterator<Item = (&'a Letter, &'a Start)> {
    letters.into_iter().filter_map(|letter| {
        let (MessageBody::Start(start)
        | MessageBody::StartAgain(start)
        | MessageBody::Fork(Fork { start, .. })) = &letter.body
        else {
            return None;
        };
        Some((letter, start))
    })
}

/// What the instance is a fork of, if it is one that has not begun.
pub(super) fn own_fork<'a>(turn: &Occasion, letters: &'a [Letter]) -> Option<&'a Fork> {
    if turn.head.position != Position::START {
        return None;
    }
    letters.iter().find_map(|letter| {
        let MessageBody::Fork(fork) = &letter.body else {
            return None;
        };
        is_own_start(turn, letter).then_some(fork)
    })
}

/// Whether a start begins the current execution, or began this one or an earlier one: only this
/// instance addresses a start to an execution.
fn is_own_start(turn: &Occasion, letter: &Letter) -> bool {
    letter.id.incarnation() == turn.head.incarnation || letter.execution.is_some()
}

/// Whether a start has met this instance that was to begin another one. It is stored as control.
pub(super) fn has_foreign_start<'a>(
    turn: &Occasion,
    letters: impl IntoIterator<Item = &'a Letter>,
) -> bool {
    starts(letters).any(|(letter, _)| !is_own_start(turn, letter))
}

/// The parents whose start met this instance, which is not theirs. They must hear of it; of a start without
/// a parent nobody does.
pub(super) fn refused_parents<'a>(
    turn: &'a Occasion,
    letters: impl IntoIterator<Item = &'a Letter> + 'a,
) -> impl Iterator<Item = (MessageId, &'a ParentLink)> {
    starts(letters)
        .filter(|(letter, _)| !is_own_start(turn, letter) && renewed_by(turn, letter).is_none())
        .filter_map(|(letter, start)| Some((letter.id, start.parent.as_ref()?)))
}

/// The parent that waits for the instance anew, if that is what the letter says: it was rewound to before
/// the instance ended.
pub(super) fn renewed_by<'a>(turn: &Occasion, letter: &'a Letter) -> Option<&'a ParentLink> {
    let MessageBody::StartAgain(start) = &letter.body else {
        return None;
    };
    let parent = start.parent.as_ref()?;
    let known = CoreState::decode(&turn.head.core_state).ok()?.parent?;
    parent.renews(&known).then_some(parent)
}

/// Why somebody cancels the instance, if somebody does. It comes before all other messages.
pub(super) fn cancel_reason(letters: &[Letter]) -> Option<&str> {
    letters.iter().find_map(|letter| {
        let MessageBody::Cancel { reason, .. } = &letter.body else {
            return None;
        };
        Some(reason.as_str())
    })
}

impl Letter {
    pub(super) fn decode(message: &Message, due_at_ms: u64) -> Result<Self, DecodeError> {
        Ok(Self {
            id: message.id,
            execution: message.execution,
            is_control: message.channel == Channel::Control,
            due_at_ms,
            body: MessageBody::decode(&message.body)?,
            bytes: message.body.len(),
        })
    }

    /// The same, of which nothing is left if it is a cancellation that was announced before the instance was
    /// rewound.
    fn unless_taken_back(mut self, turn: &Occasion) -> Self {
        let (MessageBody::Cancel { announced_in, .. }
        | MessageBody::CancelAnnounced { announced_in, .. }) = &self.body
        else {
            return self;
        };
        let is_before = |announced_in: &u64| {
            let core_state = CoreState::decode(&turn.head.core_state).ok();
            core_state.and_then(|it| it.rewound_in) > Some(*announced_in)
        };
        if announced_in.as_ref().is_some_and(is_before) {
            self.body = MessageBody::Nudge { notice: None };
        }
        self
    }

    /// The same for an instance that has not begun: it has nothing to clean up, and is cancelled at once.
    fn without_grace(mut self) -> Self {
        if let MessageBody::CancelLater { reason, .. } = self.body {
            self.body = MessageBody::cancel(reason);
        }
        self
    }

    /// The input that this letter is to the execution; `None` if it is addressed to another, or
    /// is no input.
    pub(super) fn input_for(&self, execution: u64) -> Option<Input> {
        if self
            .execution
            .is_some_and(|addressed| addressed != execution)
        {
            return None;
        }
        let input = match self.body.clone() {
            MessageBody::ActivityCompleted {
                activity_id,
                result,
            } => Input::answering(activity_id, EventKind::ActivityCompleted { result }),
            MessageBody::ActivityFailed {
                activity_id,
                details,
            } => Input::answering(activity_id, EventKind::ActivityFailed { details }),
            MessageBody::TimerFired {
                timer_id,
                fire_at_ms,
            } => Input::answering(timer_id, EventKind::TimerFired { fire_at_ms }),
            MessageBody::ChildCompleted { child_id, result } => {
                Input::answering(child_id, EventKind::SubOrchestrationCompleted { result })
            }
            MessageBody::ChildFailed { child_id, details } => {
                Input::answering(child_id, EventKind::SubOrchestrationFailed { details })
            }
            MessageBody::ExternalEvent { name, data } => {
                Input::new(EventKind::ExternalEvent { name, data }).brought_by(Some(self.id.0))
            }
            MessageBody::CancelAnnounced {
                reason,
                cancel_at_ms,
                ..
            } => Input::new(EventKind::OrchestrationCancelAnnounced {
                reason,
                cancel_at_ms,
            })
            .brought_by(Some(self.id.0)),
            MessageBody::Start(_)
            | MessageBody::StartAgain(_)
            | MessageBody::Fork(_)
            | MessageBody::Rewind { .. }
            | MessageBody::Cancel { .. }
            | MessageBody::CancelLater { .. }
            | MessageBody::Suspend
            | MessageBody::Resume
            | MessageBody::Nudge { .. } => {
                return None;
            }
        };
        Some(input)
    }
}

/// The first input of an execution.
pub(super) fn started(start: &Start, version: String) -> Input {
    let parent = start.parent.as_ref();
    Input::new(EventKind::OrchestrationStarted {
        name: start.orchestration.clone(),
        version,
        input: start.input.clone(),
        parent_instance: parent.map(|parent| parent.instance.as_str().to_owned()),
        parent_id: parent.map(|parent| parent.event_id),
        // The engine says these, which keeps the cap and the rules.
        history_events_max: None,
        rules: None,
        taken: start.taken.clone(),
        announced: start.announced.clone(),
        values: start.values.clone(),
        rewound: None,
        forked: None,
    })
}
