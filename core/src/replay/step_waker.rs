//! The waker that an orchestration is polled with.

use std::sync::Arc;
use std::task::Wake;
use std::thread::ThreadId;

use parking_lot::Mutex;

/// Tells wakes that belong to the step, from the thread that takes it, from all others.
#[derive(Debug, Default)]
pub(super) struct StepWaker {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stepping: Option<ThreadId>,
    signalled: bool,
    foreign: bool,
    closed: bool,
}

impl StepWaker {
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
        } else if !state.closed {
            state.foreign = true;
        }
    }
}
