//! The waker that an orchestration is polled with.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Wake;
use std::thread::ThreadId;

use parking_lot::Mutex;

/// What to do when something outside of a step interferes.
pub(crate) type Alarm = Box<dyn Fn() + Send + Sync>;

/// Tells wakes that belong to the step, from the thread that takes it, from all others.
#[derive(Default)]
pub(super) struct StepWaker {
    state: Mutex<State>,
    alarm: OnceLock<Alarm>,
    /// One alarm is enough: the turn that it asks for ends the run.
    sounded: AtomicBool,
}

impl fmt::Debug for StepWaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StepWaker")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct State {
    stepping: Option<ThreadId>,
    signalled: bool,
    foreign: bool,
    closed: bool,
}

impl StepWaker {
    /// Sets whom to tell when something outside of a step interferes. Without it that is found out
    /// at the next step.
    pub(super) fn set_alarm(&self, alarm: Alarm) {
        // The first one stays; there is no second.
        self.alarm.set(alarm).ok();
    }

    /// Something outside of a step has interfered.
    pub(super) fn sound_alarm(&self) {
        if let Some(alarm) = self.alarm.get()
            && !self.sounded.swap(true, Ordering::Relaxed)
        {
            alarm();
        }
    }

    /// A step begins on this thread.
    pub(super) fn enter(&self) {
        self.state.lock().stepping = Some(std::thread::current().id());
    }

    /// The step ends.
    pub(super) fn leave(&self) {
        self.state.lock().stepping = None;
    }

    /// The run has ended; wakes have no meaning any more.
    pub(super) fn close(&self) {
        self.state.lock().closed = true;
    }

    /// Whether the step's thread is this one, so that the context may be used.
    pub(super) fn is_stepping_here(&self) -> bool {
        self.state.lock().stepping == Some(std::thread::current().id())
    }

    /// Whether it was signalled since the last call.
    pub(super) fn take_signal(&self) -> bool {
        std::mem::take(&mut self.state.lock().signalled)
    }

    /// Whether anything outside of a step has ever called.
    pub(super) fn saw_foreign_wake(&self) -> bool {
        self.state.lock().foreign
    }
}

impl Wake for StepWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.state.lock();
        if state.stepping == Some(std::thread::current().id()) {
            state.signalled = true;
            return;
        }
        let is_first = !state.closed && !std::mem::replace(&mut state.foreign, true);
        drop(state);
        if is_first {
            self.sound_alarm();
        }
    }
}
