//! The context that every activity is given.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cancel_token::CancelToken;
use crate::codec;
use crate::progress::Progress;
use crate::unfit_input::UnfitInput;

/// What an activity can ask about itself and its surroundings.
#[derive(Debug, Clone)]
pub struct ActivityContext {
    info: Arc<ActivityInfo>,
    cancelled: CancelToken,
    /// The runtime shuts down.
    stopping: CancelToken,
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
    /// Whether its code was told to end, and that was for a shutdown.
    pub(crate) told_of_shutdown: AtomicBool,
    /// Whether its code was told that it was for a shutdown.
    pub(crate) told_why: AtomicBool,
    /// Why its code does not take its input.
    pub(crate) unfit_input: OnceLock<UnfitInput>,
    pub(crate) progress: Progress,
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
    pub(crate) fn new(
        info: Arc<ActivityInfo>,
        cancelled: CancelToken,
        stopping: CancelToken,
    ) -> Self {
        Self {
            info,
            cancelled,
            stopping,
            heartbeat: None,
        }
    }

    /// The same, with somebody who wants to hear of its progress.
    pub(crate) fn heard_by(mut self, heartbeat: Arc<dyn Heartbeat>) -> Self {
        self.heartbeat = Some(heartbeat);
        self
    }

    fn hear_of_shutdown(&self) {
        self.info.told_of_shutdown.store(true, Ordering::Relaxed);
    }

    /// Whether the code was told of a shutdown, so that it may have ended for that.
    pub(crate) fn was_told_of_shutdown(&self) -> bool {
        self.info.told_of_shutdown.load(Ordering::Relaxed) && !self.cancelled.is_cancelled()
    }

    /// Whether the code knows that it was a shutdown, and no cancellation.
    pub(crate) fn knows_of_shutdown(&self) -> bool {
        self.info.told_why.load(Ordering::Relaxed)
    }

    /// Notes that the input is not one that the code takes, and answers the code's error.
    pub(crate) fn refuse_input(&self, unfit: UnfitInput) -> String {
        let message = unfit.to_string();
        // An activity has one input, so there is nothing to overwrite.
        self.info.unfit_input.set(unfit).ok();
        message
    }

    /// Why the code does not take its input, if that is so.
    pub(crate) fn refused_input(&self) -> Option<&UnfitInput> {
        self.info.unfit_input.get()
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

    /// The how-manieth time it is started for the same scheduling: 1 if it was never started
    /// before, and more if it was. A retry that the orchestration asked for is another activity.
    ///
    /// Each run that ended with its process, or with a lost lease, makes the next number higher.
    /// Of the runs that shutdowns cut off only a first one does: no number of deployments makes an
    /// activity look like one that kills its process.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.info.attempt
    }

    /// Whether it should end: nobody wants its outcome any more, or the runtime shuts down.
    ///
    /// The outcome is not wanted if the orchestration has ended, was cancelled or has dropped the
    /// activity, or if another worker has taken it over. What it still returns is thrown away.
    ///
    /// In a shutdown the outcome is wanted, but nobody can tell whether what an activity returns
    /// that was told to end is all of it. So it is not recorded either, and the next node runs the
    /// activity again, unless [`is_shutting_down`](Self::is_shutting_down) has told it that it need
    /// not end.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        if self.cancelled.is_cancelled() {
            return true;
        }
        let is_stopping = self.stopping.is_cancelled();
        if is_stopping {
            self.hear_of_shutdown();
        }
        is_stopping
    }

    /// Whether the runtime shuts down. The activity has as long as the shutdown is patient
    /// ([`Runtime::shutdown`]) and is aborted then.
    ///
    /// Code that this has told so knows that its outcome is wanted: an `Ok` that it returns in time
    /// is recorded. An `Err` is not, since nobody could tell a failure from an end that the shutdown
    /// has asked for: the next node runs the activity again. Of code that was told by
    /// [`is_cancelled`](Self::is_cancelled) or [`cancelled`](Self::cancelled) alone an `Ok` is not
    /// recorded either. What code returns that was not told of the shutdown is its outcome.
    ///
    /// [`Runtime::shutdown`]: crate::runtime::Runtime::shutdown
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        let is_stopping = self.stopping.is_cancelled();
        if is_stopping {
            self.hear_of_shutdown();
            self.info.told_why.store(true, Ordering::Relaxed);
        }
        is_stopping
    }

    /// Ends once [`is_cancelled`](Self::is_cancelled) is true; made for `tokio::select!`.
    pub async fn cancelled(&self) {
        tokio::select! {
            biased;
            () = self.cancelled.cancelled() => {}
            () = self.stopping.cancelled() => self.hear_of_shutdown(),
        }
    }

    /// Says that it is still at work. An activity that was scheduled with a heartbeat timeout fails
    /// when it is silent for that long; for others this does nothing.
    pub fn heartbeat(&self) {
        if let Some(heartbeat) = &self.heartbeat {
            heartbeat.beat();
        }
    }

    /// As [`heartbeat`](Self::heartbeat), and says how far it is: the next attempt finds it in
    /// [`last_details`](Self::last_details). Returns at once; the runtime stores the newest details of
    /// an activity within [`DETAILS_HELD_MAX`], and when it shuts down. What was said since is lost with
    /// the process, so that the next attempt may do a little again.
    ///
    /// Details go with the activity. A retry that the orchestration asked for is another activity, and
    /// finds none.
    ///
    /// ```
    /// # use duroxide_core::ActivityContext;
    /// async fn import(ctx: ActivityContext, _: String) -> Result<String, String> {
    ///     let first: u32 = ctx.last_details_typed()?.unwrap_or(0);
    ///     for piece in first..100 {
    ///         // … work on this piece …
    ///         ctx.heartbeat_with_typed(&(piece + 1))?;
    ///     }
    ///     Ok("100 pieces".to_owned())
    /// }
    /// ```
    ///
    /// # Errors
    /// The details have more than [`ACTIVITY_PROGRESS_BYTES_MAX`] bytes when they are encoded, or more than
    /// [`ACTIVITY_DETAILS_BYTES_MAX`] with what a later version of the program keeps beside them. Those before
    /// them stay, and the activity counts as heard of all the same.
    ///
    /// [`ACTIVITY_DETAILS_BYTES_MAX`]: crate::limits::ACTIVITY_DETAILS_BYTES_MAX
    /// [`DETAILS_HELD_MAX`]: crate::limits::DETAILS_HELD_MAX
    /// [`ACTIVITY_PROGRESS_BYTES_MAX`]: crate::limits::ACTIVITY_PROGRESS_BYTES_MAX
    pub fn heartbeat_with(&self, details: impl Into<String>) -> Result<(), String> {
        self.heartbeat();
        self.info.progress.say(details.into())
    }

    /// As [`heartbeat_with`](Self::heartbeat_with), typed.
    ///
    /// # Errors
    /// As there, and if the details cannot be written as JSON.
    pub fn heartbeat_with_typed<T: Serialize + ?Sized>(&self, details: &T) -> Result<(), String> {
        self.heartbeat();
        self.info.progress.say(codec::encode(details)?)
    }

    /// What an attempt before this one has said last with [`heartbeat_with`](Self::heartbeat_with), if any
    /// has. What this one says does not change it.
    #[must_use]
    pub fn last_details(&self) -> Option<&str> {
        self.info.progress.last()
    }

    /// As [`last_details`](Self::last_details), typed.
    ///
    /// # Errors
    /// The details are not such a value: other code has written them.
    pub fn last_details_typed<T: DeserializeOwned>(&self) -> Result<Option<T>, String> {
        self.last_details().map(codec::decode).transpose()
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
            told_of_shutdown: AtomicBool::new(false),
            told_why: AtomicBool::new(false),
            unfit_input: OnceLock::new(),
            progress: Progress::default(),
        };
        Self::new(
            Arc::new(info),
            CancelToken::default(),
            CancelToken::default(),
        )
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
        assert!(!context.is_shutting_down() && !context.was_told_of_shutdown());
    }

    #[tokio::test]
    async fn it_hears_of_a_shutdown_and_it_is_known_that_it_did() {
        let ways: [fn(&ActivityContext) -> bool; 2] = [
            ActivityContext::is_cancelled,
            ActivityContext::is_shutting_down,
        ];
        for (way, tells_why) in ways.into_iter().zip([false, true]) {
            let context = ActivityContext::for_test("Activity");
            assert!(!way(&context));
            context.stopping.cancel();
            assert!(!context.was_told_of_shutdown() && !context.knows_of_shutdown());
            assert!(way(&context.clone()));
            assert!(context.was_told_of_shutdown());
            assert_eq!(context.knows_of_shutdown(), tells_why);
        }
        let context = ActivityContext::for_test("Activity");
        context.stopping.cancel();
        context.cancelled().await;
        assert!(context.was_told_of_shutdown() && !context.knows_of_shutdown());
        // It is told of the stronger reason, too.
        context.cancelled.cancel();
        assert!(!context.was_told_of_shutdown());
    }
}
