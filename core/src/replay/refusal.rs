//! What does not fit into a history is refused before any of it runs.
//!
//! A fan-out is many decisions, and the one that does not fit is somewhere in its middle. So a
//! refusal holds for a whole *round*: from an input to where the code is quiet. It is recorded as
//! one event. The activities and sub-orchestrations that the round has scheduled are withdrawn, so
//! that none of them is ever sent, and what it schedules from then on is no event at all. Once the
//! code is quiet, all of them fail with the same error, and a new round begins in which the code
//! may do something about it. Timers and waits cannot fail; those that come after the refusal are
//! put off to that new round, if the code still wants them then.
//!
//! A replay finds the event where it was recorded, and does the same whatever the cap is by then.

use std::task::Waker;

use super::failure::Failure;
use super::matching::describe_decision;
use super::state::State;
use super::token::{Answer, Decided, Decision, DurableOutput, TokenKind};
use crate::event::EventKind;
use crate::limits::{DECISIONS_PER_STEP_MAX, HISTORY_RESERVE_EVENTS_MAX};

/// The name of the system call that a refusal is recorded as.
pub(super) const REFUSAL: &str = "no_room";

/// A small history keeps this part of itself free instead.
const RESERVE_DIVISOR: u64 = 16;

/// Why there is no event for a decision.
#[derive(Debug)]
pub(super) enum Shortage {
    /// The code hears of it, in these words.
    Refused(String),
    /// The run cannot go on.
    Failed(Failure),
}

/// A refusal that the code has not heard of yet.
#[derive(Debug)]
pub(super) struct Refusal {
    /// The event that records it.
    at: u64,
    text: String,
    /// Whose answer it is.
    refused: Vec<(u64, DurableOutput)>,
    /// Who has to try again afterwards.
    postponed: Vec<Waker>,
}

/// How many events are kept free for the code that handles a first refusal.
pub(super) fn reserve(events_max: u64) -> u64 {
    (events_max / RESERVE_DIVISOR).min(HISTORY_RESERVE_EVENTS_MAX)
}

impl State {
    /// Whether there is room for a decision, for its outcome and for all that is still to come.
    pub(super) fn check_room(&self, decision: &Decision) -> Result<(), Shortage> {
        let can_fail = decision.failed("").is_some();
        let events_max = self.events_max;
        let kept_free = if can_fail && !self.was_refused {
            reserve(events_max)
        } else {
            0
        };
        // The decision, what it brings, what the others bring, and the end.
        let needed = 1 + u64::from(decision.brings_outcome()) + self.tokens.outstanding() + 1;
        let is_full = self.history_len() + needed + kept_free > events_max;
        if !is_full && self.decisions < DECISIONS_PER_STEP_MAX {
            return Ok(());
        }
        let failure = if is_full {
            Failure::HistoryFull { events_max }
        } else {
            Failure::StepFull {
                decisions_max: DECISIONS_PER_STEP_MAX,
            }
        };
        // Code that schedules without an end is not asked twice.
        let is_told = is_full || self.refusals == 0;
        let withdrawable = self.tokens.refusable_from(self.round_began_at).count() as u64;
        let helps = can_fail || withdrawable > 0;
        let left = 1 + self.tokens.outstanding() - withdrawable + 1;
        if decision.is_awaited() && is_told && helps && self.history_len() + left <= events_max {
            let text = self.refusal_text(decision, is_full);
            return Err(Shortage::Refused(text));
        }
        Err(Shortage::Failed(failure))
    }

    fn refusal_text(&self, decision: &Decision, is_full: bool) -> String {
        let what = describe_decision(decision, None);
        let begin = format!(
            "no room: {what} is refused, and with it every activity and sub-orchestration that was \
             scheduled at the same time"
        );
        if is_full {
            format!(
                "{begin}; the history has {} events and waits for {} outcomes, and its cap is {} \
                 events (history_events_max): schedule fewer at a time, use continue_as_new, or \
                 raise the cap",
                self.history_len(),
                self.tokens.outstanding(),
                self.events_max
            )
        } else {
            format!(
                "{begin}; an orchestration schedules at most {DECISIONS_PER_STEP_MAX} things \
                 without waiting for any (DECISIONS_PER_STEP_MAX): schedule fewer at a time, or \
                 share the work among sub-orchestrations"
            )
        }
    }

    /// Records a refusal, or passes over a recorded one, and withdraws what it concerns.
    pub(super) fn begin_refusal(&mut self, text: String) {
        let at = self.next_event_id;
        self.next_event_id += 1;
        self.refusals += 1;
        self.was_refused = true;
        self.history_bytes += text.len();
        // The code that handles it has to decide something.
        let reserve = usize::try_from(HISTORY_RESERVE_EVENTS_MAX).unwrap_or(usize::MAX);
        self.decisions = self
            .decisions
            .min(DECISIONS_PER_STEP_MAX.saturating_sub(reserve));
        let withdrawn: Vec<u64> = self
            .tokens
            .refusable_from(self.round_began_at)
            .map(|(event_id, _)| event_id)
            .collect();
        let mut refused = Vec::new();
        for event_id in withdrawn {
            let Some(kind) = self.tokens.withdraw(event_id) else {
                continue;
            };
            refused.extend(kind.failed(&text).map(|output| (event_id, output)));
            if !self.is_replaying() {
                self.withdrawn.insert(event_id, kind);
            }
        }
        if !self.is_replaying() {
            let call = EventKind::SystemCall {
                op: REFUSAL.to_owned(),
                value: text.clone(),
            };
            self.append(at, None, None, call);
        }
        self.refusal = Some(Refusal {
            at,
            text,
            refused,
            postponed: Vec::new(),
        });
    }

    /// Refuses a decision without an event.
    pub(super) fn refuse(&mut self, decision: &Decision) -> Decided {
        let Some(refusal) = &mut self.refusal else {
            return Decided::Stopped;
        };
        let Some(output) = decision.failed(&refusal.text) else {
            return Decided::Postponed;
        };
        // However much was scheduled in one go, code that schedules without an end has to end.
        if refusal.refused.len() >= 2 * DECISIONS_PER_STEP_MAX {
            self.fail(Failure::StepFull {
                decisions_max: DECISIONS_PER_STEP_MAX,
            });
            return Decided::Stopped;
        }
        let id = self.tokens.insert_without_event(TokenKind::System);
        refusal.refused.push((id, output));
        Decided::Scheduled(id)
    }

    /// Notes whom to wake when a postponed decision can be made.
    pub(super) fn postpone(&mut self, waker: &Waker) {
        if let Some(refusal) = &mut self.refusal
            && !refusal
                .postponed
                .last()
                .is_some_and(|last| last.will_wake(waker))
        {
            refusal.postponed.push(waker.clone());
        }
    }

    /// The code is quiet: tells it what was refused, and begins a new round.
    pub(super) fn end_round(&mut self) {
        let Some(refusal) = self.refusal.take() else {
            return;
        };
        self.round_began_at = self.next_event_id;
        for (event_id, output) in refusal.refused {
            let answer = Answer {
                at: refusal.at,
                output,
                is_final: true,
            };
            self.resolve(event_id, answer);
        }
        self.woken.extend(refusal.postponed);
    }
}
