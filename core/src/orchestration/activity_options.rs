//! What an activity is given besides its input.

use std::time::Duration;

/// How long an activity may take, and who runs it. Without options it may take as long as it likes,
/// and goes to the queue that is named like its instance's.
///
/// Both times count from when an attempt *starts*, so that an activity that waits for a worker
/// loses nothing by it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityOptions {
    /// How long it may run, from its start on a worker to its outcome. Beyond that it is cancelled
    /// and fails with `timeout: activity timed out`.
    pub start_to_close: Option<Duration>,
    /// How long it may be silent. Beyond that it is cancelled and fails with
    /// `timeout: activity missed its heartbeat`.
    pub heartbeat: Option<Duration>,
    /// The queue it goes to: only runtimes that serve this queue of activities run it.
    pub queue: Option<String>,
}

impl ActivityOptions {
    /// No limits, and no queue of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with a limit to how long it runs.
    #[must_use]
    pub fn with_start_to_close(mut self, timeout: Duration) -> Self {
        self.start_to_close = Some(timeout);
        self
    }

    /// The same with a limit to how long it is silent.
    #[must_use]
    pub fn with_heartbeat(mut self, timeout: Duration) -> Self {
        self.heartbeat = Some(timeout);
        self
    }

    /// The same for the runtimes that serve this queue of activities.
    #[must_use]
    pub fn with_queue(mut self, queue: impl Into<String>) -> Self {
        self.queue = Some(queue.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_an_activity_has_no_timeouts() {
        let none = ActivityOptions {
            start_to_close: None,
            heartbeat: None,
            queue: None,
        };
        assert_eq!(ActivityOptions::default(), none);
        assert_eq!(ActivityOptions::new(), none);
    }
}
