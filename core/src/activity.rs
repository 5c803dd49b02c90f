//! The context that every activity is given.

use std::fmt::Debug;
use std::sync::Arc;

use crate::cancel_token::CancelToken;

/// What an activity can ask about itself and its surroundings.
#[derive(Debug, Clone)]
pub struct ActivityContext {
    info: Arc<ActivityInfo>,
    cancelled: CancelToken,
    heartbeat: Option<Arc<dyn Heartbeat>>,
}

/// Whoever wants to hear that an activity is still at work.
pub(crate) trait Heartbeat: Debug + Send + Sync {
    fn beat(&self);
}

/// Which activity this is, and on whose behalf it runs.
#[derive(Debug)]
pub(crate) struct ActivityInfo {
    pub(crate) instance_id: String,
    pub(crate) execution_id: u64,
    pub(crate) orchestration_name: String,
    pub(crate) orchestration_version: String,
    pub(crate) activity_name: String,
    /// The event that scheduled it.
    pub(crate) activity_id: u64,
    pub(crate) worker_id: String,
    pub(crate) attempt: u32,
}

/// Logs one line with everything that tells this activity from others.
macro_rules! trace {
    ($level:ident, $info:expr, $message:expr) => {{
        let info: &ActivityInfo = &$info;
        let message: String = $message.into();
        tracing::$level!(
            target: "duroxide::activity",
            instance_id = %info.instance_id,
            execution_id = info.execution_id,
            orchestration_name = %info.orchestration_name,
            orchestration_version = %info.orchestration_version,
            activity_name = %info.activity_name,
            activity_id = info.activity_id,
            worker_id = %info.worker_id,
            "{message}"
        );
    }};
}

impl ActivityContext {
    pub(crate) fn new(info: Arc<ActivityInfo>, cancelled: CancelToken) -> Self {
        Self {
            info,
            cancelled,
            heartbeat: None,
        }
    }

    /// The same, with somebody who wants to hear of its progress.
    pub(crate) fn heard_by(mut self, heartbeat: Arc<dyn Heartbeat>) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    /// The id of the instance that scheduled it.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.info.instance_id
    }

    /// The execution that scheduled it, from 1.
    #[must_use]
    pub fn execution_id(&self) -> u64 {
        self.info.execution_id
    }

    /// The name of the orchestration that scheduled it.
    #[must_use]
    pub fn orchestration_name(&self) -> &str {
        &self.info.orchestration_name
    }

    /// The version of the orchestration that scheduled it.
    #[must_use]
    pub fn orchestration_version(&self) -> &str {
        &self.info.orchestration_version
    }

    /// The name it is registered under.
    #[must_use]
    pub fn activity_name(&self) -> &str {
        &self.info.activity_name
    }

    /// The worker that runs it.
    #[must_use]
    pub fn worker_id(&self) -> &str {
        &self.info.worker_id
    }

    /// The how-manieth time it is started for the same scheduling, from 1. Later times follow a
    /// crash or a lost lease; a retry that the orchestration asked for is another activity.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.info.attempt
    }

    /// Whether its outcome is not wanted any more: the orchestration has ended, was cancelled or
    /// has dropped it, or another worker has taken it over. What it still returns is thrown away.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.is_cancelled()
    }

    /// Ends once [`is_cancelled`](Self::is_cancelled) is true; made for `tokio::select!`.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Says that it is still at work. An activity that was scheduled with a heartbeat timeout fails
    /// when it is silent for that long; for others this does nothing.
    pub fn heartbeat(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beat();
        }
    }

    /// Logs a line at the level `info`.
    pub fn trace_info(&self, message: impl Into<String>) {
        trace!(info, self.info, message);
    }

    /// Logs a warning.
    pub fn trace_warn(&self, message: impl Into<String>) {
        trace!(warn, self.info, message);
    }

    /// Logs an error.
    pub fn trace_error(&self, message: impl Into<String>) {
        trace!(error, self.info, message);
    }

    /// Logs a detail.
    pub fn trace_debug(&self, message: impl Into<String>) {
        trace!(debug, self.info, message);
    }
}

#[cfg(test)]
impl ActivityContext {
    /// A context for the tests of handlers.
    pub(crate) fn for_test(activity_name: &str) -> Self {
        let info = ActivityInfo {
            instance_id: "instance".to_owned(),
            execution_id: 1,
            orchestration_name: "Orchestration".to_owned(),
            orchestration_version: "1.0.0".to_owned(),
            activity_name: activity_name.to_owned(),
            activity_id: 2,
            worker_id: "worker".to_owned(),
            attempt: 1,
        };
        Self::new(Arc::new(info), CancelToken::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn it_tells_who_it_is_and_hears_of_its_cancellation() {
        let context = ActivityContext::for_test("Activity");
        assert_eq!(context.instance_id(), "instance");
        assert_eq!(context.execution_id(), 1);
        assert_eq!(context.orchestration_name(), "Orchestration");
        assert_eq!(context.orchestration_version(), "1.0.0");
        assert_eq!(context.activity_name(), "Activity");
        assert_eq!(context.worker_id(), "worker");
        assert_eq!(context.attempt(), 1);
        context.trace_info("a line");
        assert!(!context.is_cancelled());
        context.cancelled.cancel();
        context.clone().cancelled().await;
        assert!(context.is_cancelled());
    }
}
