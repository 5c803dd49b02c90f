//! The side of an execution that the orchestration's code holds.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;

use super::failure::Failure;
use super::state::{Continuation, State};
use super::step_waker::{Alarm, StepWaker};
use super::token::{Answer, Decided, Decision, TokenState};
use crate::unfit_input::UnfitInput;

/// Which execution of which instance this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) instance: String,
    /// Which life of the instance this is: an id that was deleted can be used again.
    pub(crate) incarnation: Uuid,
    pub(crate) execution: u64,
    pub(crate) orchestration: String,
    pub(crate) version: String,
}

impl Identity {
    /// The instance id of the child that this event schedules.
    pub(crate) fn child_instance(&self, event_id: u64) -> String {
        child_instance(&self.instance, self.incarnation, self.execution, event_id)
    }
}

/// The instance id of the child that an event schedules. It names the execution from the second on, where
/// event ids begin anew, and the parent's life, so that the children of an earlier instance of this id
/// are in nobody's way.
pub(crate) fn child_instance(
    instance: &str,
    incarnation: Uuid,
    execution: u64,
    event_id: u64,
) -> String {
    let (life, _, _, _) = incarnation.as_fields();
    if execution == 1 {
        format!("{instance}::sub::{event_id}-{life:08x}")
    } else {
        format!("{instance}::sub::{execution}_{event_id}-{life:08x}")
    }
}

/// How much a trace line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TraceLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// A line that the orchestration wants logged, once its turn is committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TraceLine {
    pub(crate) level: TraceLevel,
    pub(crate) message: String,
}

/// The door between an orchestration's code and the engine.
///
/// Everything the code decides goes through it, and only from within a step: a use from
/// elsewhere fails the run, since no replay could repeat it.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(super) waker: Arc<StepWaker>,
    state: Mutex<State>,
}

impl Journal {
    pub(crate) fn new(identity: Identity, events_max: u64) -> Arc<Self> {
        Arc::new(Self {
            waker: Arc::new(StepWaker::default()),
            state: Mutex::new(State::new(identity, events_max)),
        })
    }

    /// Sets whom to tell when something outside of a step interferes with the run.
    pub(crate) fn set_alarm(&self, alarm: Alarm) {
        self.waker.set_alarm(alarm);
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(crate) fn identity(&self) -> Identity {
        self.state().identity.clone()
    }

    /// Records a decision.
    pub(crate) fn decide(
        &self,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Decided {
        match self.enter_state() {
            Some(mut state) if state.may_decide(decision) => state.decide(decision, location),
            _ => Decided::Stopped,
        }
    }

    /// Lets the code listen for a cancellation that is announced.
    pub(crate) fn listen_for_cancellation(&self) -> Decided {
        match self.enter_state() {
            Some(mut state) if !state.is_stopped() => state.listen_for_cancellation(),
            _ => Decided::Stopped,
        }
    }

    /// Whether a cancellation is announced.
    pub(crate) fn is_cancel_announced(&self) -> bool {
        self.enter_state()
            .is_some_and(|state| state.announced.is_some())
    }

    /// Sets a value, or removes it.
    pub(crate) fn set_value(
        &self,
        key: String,
        value: Option<String>,
        location: &'static Location<'static>,
    ) -> Result<(), String> {
        match self.enter_state() {
            Some(mut state) if !state.closed => state.set_value(key, value, location),
            // Nothing comes of it any more.
            _ => Ok(()),
        }
    }

    /// A value that the code has set.
    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.enter_state()?.values.get(key).cloned()
    }

    /// Has the code called again once it may make a decision that was postponed.
    pub(crate) fn poll_postponed(&self, cx: &Context<'_>) {
        if let Some(mut state) = self.enter_state() {
            state.postpone(cx.waker());
        }
    }

    /// When the operation was answered, if it was; otherwise notes whom to wake.
    pub(crate) fn poll_resolved_at(&self, event_id: u64, cx: &Context<'_>) -> Option<u64> {
        let mut state = self.enter_state()?;
        if state.is_stopped() {
            return None;
        }
        match state.tokens.state_mut(event_id)? {
            TokenState::Resolved(answer) => Some(answer.at),
            TokenState::Open(waker) => {
                let before = match waker {
                    Some(known) if known.will_wake(cx.waker()) => None,
                    _ => waker.replace(Waker::clone(cx.waker())),
                };
                drop(state);
                // Dropping a waker may drop what it belongs to, so not under the lock.
                drop(before);
                None
            }
        }
    }

    /// The answer of an operation that was answered.
    pub(crate) fn take(&self, event_id: u64) -> Option<Answer> {
        self.state().take(event_id)
    }

    /// The operation's future was dropped.
    pub(crate) fn abandon(&self, event_id: u64) {
        // Futures are also dropped where no step is: at the end of a run, and on eviction. The
        // state is closed then and nothing happens.
        let mut state = self.state();
        let outside = !state.closed && !self.waker.is_stepping_here();
        if outside {
            state.fail(Failure::OutsideStep);
        }
        state.abandon(event_id);
        let woken = std::mem::take(&mut state.woken);
        drop(state);
        if outside {
            self.waker.sound_alarm();
        }
        woken.into_iter().for_each(Waker::wake);
    }

    /// The code hands over to a next execution. The first time counts.
    pub(crate) fn continue_as_new(&self, input: String, version: Option<String>) {
        if let Some(mut state) = self.enter_state()
            && !state.is_stopped()
        {
            state.continuation = Some(Continuation { input, version });
        }
    }

    /// Whether the execution began before there were other rules than the first.
    pub(crate) fn follows_first_rules(&self) -> bool {
        self.state().follows_first_rules()
    }

    /// Whether `continue_as_new` has no effect until it is awaited: so it was by the first rules, and
    /// histories of then may go on after the call. One that is called now is meant, and a replay
    /// finds the end that it brought.
    pub(crate) fn hands_over_when_awaited(&self) -> bool {
        let state = self.state();
        state.follows_first_rules() && state.is_replaying() && !state.replays_hand_over
    }

    /// The code wanted to hand over with an input that cannot be written, and has not looked.
    pub(crate) fn refuse_continuation(&self, error: String) {
        let mut state = self.state();
        if !state.closed {
            state.fail(Failure::NotEncoded(error));
        }
    }

    /// The code does not take its input. It may cope with that: only if it ends with this error is it
    /// the run's.
    pub(crate) fn refuse_input(&self, unfit: UnfitInput) {
        if let Some(mut state) = self.enter_state() {
            state.unfit_input = Some(unfit);
        }
    }

    /// How many events the history has.
    pub(crate) fn history_len(&self) -> u64 {
        self.enter_state().map_or(0, |state| state.history_len())
    }

    /// Whether the history is long enough to begin a new one.
    pub(crate) fn is_long(&self) -> bool {
        self.enter_state().is_some_and(|state| state.is_long())
    }

    /// The code wants a line logged.
    pub(crate) fn trace(&self, line: TraceLine) {
        let mut state = self.state();
        if !state.is_replaying() && !state.closed {
            state.traces.push(line);
        }
    }

    /// Whether what the code does now was done before.
    pub(crate) fn is_replaying(&self) -> bool {
        self.state().is_replaying()
    }

    fn enter_state(&self) -> Option<MutexGuard<'_, State>> {
        let mut state = self.state();
        if self.waker.is_stepping_here() {
            return Some(state);
        }
        if !state.closed {
            state.fail(Failure::OutsideStep);
            drop(state);
            self.waker.sound_alarm();
        }
        None
    }
}
