//! The side of an execution that the orchestration's code holds.

use std::panic::Location;
use std::sync::Arc;
use std::task::{Context, Waker};

use parking_lot::{Mutex, MutexGuard};

use super::failure::Failure;
use super::state::{Continuation, State};
use super::step_waker::{Alarm, StepWaker};
use super::token::{Decision, DurableOutput, TokenState};

/// Which execution of which instance this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) instance: String,
    pub(crate) execution: u64,
    pub(crate) orchestration: String,
    pub(crate) version: String,
}

impl Identity {
    /// The instance id of the child that this event schedules. It names the execution from the
    /// second on, where event ids begin anew.
    pub(crate) fn child_instance(&self, event_id: u64) -> String {
        let Self {
            instance,
            execution,
            ..
        } = self;
        if *execution == 1 {
            format!("{instance}::sub::{event_id}")
        } else {
            format!("{instance}::sub::{execution}_{event_id}")
        }
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

    /// Records a decision. `None` if the run has failed or ended; the caller then never resolves.
    pub(crate) fn decide(
        &self,
        decision: &Decision,
        location: &'static Location<'static>,
    ) -> Option<u64> {
        let mut state = self.enter_state()?;
        if state.is_stopped() {
            None
        } else {
            state.decide(decision, location)
        }
    }

    /// When the operation was answered, if it was; otherwise notes whom to wake.
    pub(crate) fn poll_resolved_at(&self, event_id: u64, cx: &Context<'_>) -> Option<u64> {
        let mut state = self.enter_state()?;
        if state.is_stopped() {
            return None;
        }
        match &mut state.tokens.get_mut(&event_id)?.state {
            TokenState::Resolved { at, .. } => Some(*at),
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
    pub(crate) fn take(&self, event_id: u64) -> Option<DurableOutput> {
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

    /// The code hands over to a next execution.
    pub(crate) fn continue_as_new(&self, input: String, version: Option<String>) {
        if let Some(mut state) = self.enter_state()
            && !state.is_stopped()
        {
            state.continuation = Some(Continuation { input, version });
        }
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
