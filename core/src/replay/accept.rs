//! What becomes of an input: an event that answers a decision, or nothing that anybody wants.

use uuid::Uuid;

use super::external::Received;
use super::failure::{Failure, Mismatch};
use super::input::Input;
use super::matching::describe_event;
use super::state::{Announced, State};
use super::token::{Answer, DurableOutput, TokenKind};
use super::values::Values;
use crate::event::{CancelAnnouncement, ErrorDetails, EventKind, FIRST_RULES, RULES};
use crate::limits::HISTORY_EVENTS_MAX_DEFAULT;

/// What became of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accepted {
    /// It is an event; the code must see it.
    Recorded,
    /// Nobody waits for it (any more).
    Ignored,
}

impl State {
    /// Takes in an input: live, as a new event; in replay, as the event that history has.
    pub(super) fn accept(&mut self, input: &Input) -> Accepted {
        let event_id = self.next_event_id;
        let accepted = self.resolve_for(event_id, input);
        if accepted == Accepted::Recorded {
            self.next_event_id += 1;
            self.history_bytes += input.kind.text_bytes();
            self.note_start(&input.kind);
            if !self.is_replaying() {
                let kind = self.marked(input.kind.clone());
                self.append(event_id, input.source_event_id, input.message_id, kind);
            }
        }
        accepted
    }

    /// Keeps the cap and the rules that hold from the start on: those of today, or in replay what the
    /// start says.
    fn note_start(&mut self, kind: &EventKind) {
        if let EventKind::OrchestrationStarted {
            history_events_max,
            rules,
            ..
        } = kind
        {
            (self.first_events_max, self.rules) = if self.is_replaying() {
                (
                    history_events_max.unwrap_or(HISTORY_EVENTS_MAX_DEFAULT),
                    rules.unwrap_or(FIRST_RULES),
                )
            } else {
                (self.events_max, RULES)
            };
        }
    }

    /// Has a start say which rules hold, and which cap, unless it is the default.
    fn marked(&self, mut kind: EventKind) -> EventKind {
        if let EventKind::OrchestrationStarted {
            history_events_max,
            rules,
            ..
        } = &mut kind
        {
            let is_default = self.events_max == HISTORY_EVENTS_MAX_DEFAULT;
            *history_events_max = (!is_default).then_some(self.events_max);
            *rules = Some(self.rules);
        }
        kind
    }

    fn resolve_for(&mut self, event_id: u64, input: &Input) -> Accepted {
        if !self.is_replaying() && !self.is_wanted(input) {
            return Accepted::Ignored;
        }
        if !self.is_replaying() && event_id >= self.events_max {
            self.fail(Failure::HistoryFull {
                events_max: self.events_max,
            });
            return Accepted::Ignored;
        }
        let output = match &input.kind {
            EventKind::ActivityCompleted { result } => DurableOutput::Activity(Ok(result.clone())),
            EventKind::ActivityFailed { details } => {
                DurableOutput::Activity(Err(details.display_message()))
            }
            EventKind::TimerFired { .. } => DurableOutput::Timer,
            EventKind::SubOrchestrationCompleted { result } => {
                DurableOutput::SubOrchestration(Ok(result.clone()))
            }
            EventKind::SubOrchestrationFailed { details } => {
                DurableOutput::SubOrchestration(Err(details.display_message()))
            }
            EventKind::ExternalEvent { name, data } => {
                // What an execution hands on is answered by no wait yet.
                let wait = input.source_event_id;
                if wait.is_none() || wait == self.external.first_wait(name) {
                    self.receive(event_id, name, data, input.message_id);
                    return Accepted::Recorded;
                }
                return self.answers_nothing(event_id, input);
            }
            EventKind::OrchestrationStarted {
                taken,
                announced,
                values,
                ..
            } => {
                self.values = Values::from(values);
                for id in taken {
                    self.external.is_new(Some(*id));
                }
                let announcement = announced.as_deref().cloned();
                self.announce(announcement.map(|it| Announced::at(event_id, it)));
                return Accepted::Recorded;
            }
            EventKind::OrchestrationCancelRequested { .. } => return Accepted::Recorded,
            EventKind::OrchestrationCancelAnnounced {
                reason,
                cancel_at_ms,
            } => {
                let announcement = CancelAnnouncement {
                    reason: reason.clone(),
                    cancel_at_ms: *cancel_at_ms,
                    message_id: input.message_id.unwrap_or_default(),
                };
                self.announce(Some(Announced::at(event_id, announcement)));
                return Accepted::Recorded;
            }
            EventKind::ExternalAbsent { name } => {
                if self.answers_open_token(input) {
                    self.external.give_up(name, input.source_event_id);
                }
                // It is answered as a timer beside a wait would: the time for that is over.
                DurableOutput::Timer
            }
            // The others are no inputs; nobody gives them to the engine.
            EventKind::OrchestrationCompleted { .. }
            | EventKind::OrchestrationFailed { .. }
            | EventKind::OrchestrationContinuedAsNew { .. }
            | EventKind::OrchestrationChained { .. }
            | EventKind::ExternalEventRaised { .. }
            | EventKind::ActivityScheduled { .. }
            | EventKind::TimerCreated { .. }
            | EventKind::ExternalSubscribed { .. }
            | EventKind::ExternalTried { .. }
            | EventKind::SubOrchestrationScheduled { .. }
            | EventKind::ValueSet { .. }
            | EventKind::SystemCall { .. } => return Accepted::Ignored,
        };
        if self.answers_open_token(input) {
            self.answer(event_id, input, output);
            return Accepted::Recorded;
        }
        self.answers_nothing(event_id, input)
    }

    /// Gives the decision that an input answers what it yields.
    fn answer(&mut self, event_id: u64, input: &Input, output: DurableOutput) {
        let is_poison = matches!(
            &input.kind,
            EventKind::ActivityFailed {
                details: ErrorDetails::Poison { .. }
            }
        );
        if let Some(source) = input.source_event_id {
            let answer = Answer {
                is_final: is_poison && !self.follows_first_rules(),
                ..Answer::at(event_id, output)
            };
            self.resolve(source, answer);
        }
    }

    fn answers_nothing(&mut self, event_id: u64, input: &Input) -> Accepted {
        self.fail(Failure::Nondeterminism(Mismatch {
            event_id,
            recorded: describe_event(&input.kind),
            code: "nothing that this answers".to_owned(),
            location: None,
        }));
        Accepted::Ignored
    }

    /// Whether a live input is news: its token is open, or its event was not here before. An
    /// answer to a decision that was never taken is let through, and fails the run.
    fn is_wanted(&mut self, input: &Input) -> bool {
        match (&input.kind, input.source_event_id) {
            (EventKind::ExternalEvent { .. }, _) => self.external.is_new(input.message_id),
            // The first announcement counts, and each brings its cancellation.
            (EventKind::OrchestrationCancelAnnounced { .. }, _) => self.announced.is_none(),
            (_, Some(source)) => source >= self.next_event_id || self.answers_open_token(input),
            (_, None) => true,
        }
    }

    fn answers_open_token(&self, input: &Input) -> bool {
        let token = input.source_event_id.and_then(|id| self.tokens.get(id));
        token.is_some_and(|token| token.is_open() && is_answered_by(&token.kind, &input.kind))
    }

    fn receive(&mut self, event_id: u64, name: &str, data: &str, message_id: Option<Uuid>) {
        if self.is_replaying() {
            self.external.is_new(message_id);
        }
        let received = Received {
            event_id,
            data: data.to_owned(),
            message_id,
        };
        if let Some(wait) = self.external.receive(name, received) {
            let output = DurableOutput::External(data.to_owned());
            self.resolve(wait, Answer::at(event_id, output));
        }
    }
}

/// Whether an operation of this kind is answered by this input.
fn is_answered_by(kind: &TokenKind, input: &EventKind) -> bool {
    match (kind, input) {
        (
            TokenKind::Activity,
            EventKind::ActivityCompleted { .. } | EventKind::ActivityFailed { .. },
        )
        | (TokenKind::Timer, EventKind::TimerFired { .. })
        | (
            TokenKind::Child { .. },
            EventKind::SubOrchestrationCompleted { .. } | EventKind::SubOrchestrationFailed { .. },
        ) => true,
        (TokenKind::TryWait { name }, EventKind::ExternalAbsent { name: absent }) => {
            **name == **absent
        }
        _ => false,
    }
}
