//! What an activity is given besides its input.

use std::time::Duration;

/// How long an activity may take. Without options it may take as long as it likes.
///
/// Both times count from when an attempt *starts*, so that an activity that waits for a worker
/// loses nothing by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ActivityOptions {
    /// How long it may run, from its start on a worker to its outcome. Beyond that it is cancelled
    /// and fails with `timeout: activity timed out`.
    pub start_to_close: Option<Duration>,
    /// How long it may be silent. Beyond that it is cancelled and fails with
    /// `timeout: activity missed its heartbeat`.
    pub heartbeat: Option<Duration>,
}

impl ActivityOptions {
    /// No limits.
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_options_an_activity_has_no_timeouts() {
        let none = ActivityOptions {
            start_to_close: None,
            heartbeat: None,
        };
        assert_eq!(
            [ActivityOptions::default(), ActivityOptions::new()],
            [none; 2]
        );
    }
}
