//! The context that every orchestration is given.

use std::sync::Arc;

use crate::event::Event;
use crate::replay::{Identity, Journal, TraceLevel, TraceLine};
use crate::unfit_input::UnfitInput;

/// How much a trace line matters; [`OrchestrationContext::trace`] takes it as its level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Worth knowing.
    Info,
    /// Worth a look.
    Warn,
    /// Something failed.
    Error,
}

impl From<LogLevel> for String {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Info => "info".to_owned(),
            LogLevel::Warn => "warn".to_owned(),
            LogLevel::Error => "error".to_owned(),
        }
    }
}

/// What an orchestration schedules its work with.
///
/// Use it only within the orchestration's own function: a use from a spawned task or another
/// thread fails the orchestration, since no replay could repeat it.
#[derive(Debug, Clone)]
pub struct OrchestrationContext {
    pub(super) journal: Arc<Journal>,
    identity: Arc<Identity>,
}

impl OrchestrationContext {
    /// A context that belongs to no run: it tells its names, and what it schedules never happens.
    /// The runtime makes the contexts that orchestrations get.
    #[must_use]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "the signature programs are written against"
    )]
    pub fn new(
        history: Vec<Event>,
        execution_id: u64,
        instance_id: String,
        orchestration_name: Option<String>,
        orchestration_version: Option<String>,
        _worker_id: Option<String>,
    ) -> Self {
        let events_max = u64::try_from(history.len()).unwrap_or(u64::MAX);
        let identity = Identity {
            instance: instance_id,
            incarnation: uuid::Uuid::nil(),
            execution: execution_id,
            orchestration: orchestration_name.unwrap_or_default(),
            version: orchestration_version.unwrap_or_default(),
        };
        Self::on(&Journal::new(identity, events_max))
    }

    pub(crate) fn on(journal: &Arc<Journal>) -> Self {
        Self {
            journal: Arc::clone(journal),
            identity: Arc::new(journal.identity()),
        }
    }

    /// Notes that the input is not one that the code takes, and answers the code's error.
    pub(crate) fn refuse_input(&self, unfit: UnfitInput) -> String {
        let message = unfit.to_string();
        self.journal.refuse_input(unfit);
        message
    }

    /// The instance's id.
    #[must_use]
    pub fn instance_id(&self) -> &str {
        &self.identity.instance
    }

    /// The execution's id, from 1.
    #[must_use]
    pub fn execution_id(&self) -> u64 {
        self.identity.execution
    }

    /// The orchestration's name.
    #[must_use]
    pub fn orchestration_name(&self) -> &str {
        &self.identity.orchestration
    }

    /// The orchestration's version, which stays the same for the whole execution.
    #[must_use]
    pub fn orchestration_version(&self) -> &str {
        &self.identity.version
    }

    /// How many events the history of this execution has so far, which is the same in replay.
    #[must_use]
    pub fn history_len(&self) -> u64 {
        self.journal.history_len()
    }

    /// Whether the history is long enough to begin a new one with
    /// [`continue_as_new`](Self::continue_as_new): it has a quarter of the events that the cap
    /// allowed when the execution began, or 4 MiB of texts
    /// ([`CONTINUE_AS_NEW_BYTES`](crate::limits::CONTINUE_AS_NEW_BYTES)). It is the same in replay.
    ///
    /// An orchestration without an end asks at the end of each of its rounds.
    #[must_use]
    pub fn should_continue_as_new(&self) -> bool {
        self.journal.is_long()
    }

    /// Whether a line that is logged now would be new: false while replaying.
    #[must_use]
    pub fn is_logging_enabled(&self) -> bool {
        !self.journal.is_replaying()
    }

    /// Logs a line at the level of that name (`debug`, `info`, `warn` or `error`; anything else is
    /// `info`), once, when the turn is committed. It is no event of history.
    pub fn trace(&self, level: impl Into<String>, message: impl Into<String>) {
        let level = match level.into().to_ascii_lowercase().as_str() {
            "debug" | "trace" => TraceLevel::Debug,
            "warn" | "warning" => TraceLevel::Warn,
            "error" => TraceLevel::Error,
            _ => TraceLevel::Info,
        };
        self.journal.trace(TraceLine {
            level,
            message: message.into(),
        });
    }

    /// Logs a line; see [`trace`](Self::trace).
    pub fn trace_info(&self, message: impl Into<String>) {
        self.trace("info", message);
    }

    /// Logs a warning; see [`trace`](Self::trace).
    pub fn trace_warn(&self, message: impl Into<String>) {
        self.trace("warn", message);
    }

    /// Logs an error; see [`trace`](Self::trace).
    pub fn trace_error(&self, message: impl Into<String>) {
        self.trace("error", message);
    }

    /// Logs a detail; see [`trace`](Self::trace).
    pub fn trace_debug(&self, message: impl Into<String>) {
        self.trace("debug", message);
    }
}
