//! Why the engine ends a run that did not end by itself.

use std::fmt;
use std::panic::Location;

use crate::event::{AppErrorKind, ConfigErrorKind, ErrorDetails};
use crate::unfit_input::UnfitInput;

/// A run that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The code does not do what history says it did.
    Nondeterminism(Mismatch),
    /// The next event would pass the cap.
    HistoryFull { events_max: u64 },
    /// Nothing that the orchestration waits for is durable.
    NotDurable,
    /// Something outside of the orchestration woke it.
    ForeignWake,
    /// The context was used from elsewhere than the orchestration's own code.
    OutsideStep,
    /// The code woke itself again and again.
    PollLimit { polls_max: u32 },
    /// The code scheduled too much before it waited.
    StepFull { decisions_max: usize },
    /// The code continues as new with an input that cannot be written, and does not look.
    NotEncoded(String),
    /// The input is not of the type with which the code is registered.
    UnfitInput(UnfitInput),
    /// The code panicked.
    Panicked(String),
}

/// Both sides of a difference between code and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Where in history.
    pub(crate) event_id: u64,
    /// What history has there.
    pub(crate) recorded: String,
    /// What the code does there.
    pub(crate) code: String,
    /// The line of code, where there is one.
    pub(crate) location: Option<&'static Location<'static>>,
}

impl Failure {
    /// Whether a deployment of other code may mend it.
    pub(crate) fn is_nondeterminism(&self) -> bool {
        matches!(self, Self::Nondeterminism(_))
    }

    /// Whether something outside of the code brought it about, which no replay repeats.
    pub(crate) fn is_from_outside(&self) -> bool {
        matches!(self, Self::ForeignWake | Self::OutsideStep)
    }

    /// How it is recorded that code does not fit a history: code that does not even take the input
    /// which the history begins with does not.
    pub(crate) fn into_mismatch(self, orchestration: &str) -> ErrorDetails {
        let Self::UnfitInput(unfit) = self else {
            return self.into_details(orchestration);
        };
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            resource: orchestration.to_owned(),
            message: Some(unfit.mismatch()),
        }
    }

    /// How it is recorded.
    pub(crate) fn into_details(self, orchestration: &str) -> ErrorDetails {
        let message = self.to_string();
        match self {
            Self::Nondeterminism(_) | Self::ForeignWake | Self::OutsideStep => {
                ErrorDetails::Configuration {
                    kind: ConfigErrorKind::Nondeterminism,
                    resource: orchestration.to_owned(),
                    message: Some(message),
                }
            }
            Self::HistoryFull { .. } => ErrorDetails::Infrastructure {
                operation: "append_history".to_owned(),
                message,
                retryable: false,
            },
            Self::NotDurable
            | Self::PollLimit { .. }
            | Self::StepFull { .. }
            | Self::NotEncoded(_)
            | Self::UnfitInput(_)
            | Self::Panicked(_) => ErrorDetails::Application {
                kind: AppErrorKind::OrchestrationFailed,
                message,
                retryable: false,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nondeterminism(mismatch) => mismatch.fmt(f),
            Self::HistoryFull { events_max } => write!(
                f,
                "the history has reached its cap of {events_max} events; use continue_as_new, or \
                 raise the provider's history_events_max"
            ),
            Self::NotDurable => f.write_str(
                "the orchestration waits on something that is not durable; await only what the \
                 OrchestrationContext schedules, and move other waiting into an activity",
            ),
            Self::ForeignWake => f.write_str(
                "the orchestration was woken by something that is not durable, such as a task, a \
                 channel or a timer of the async runtime; move it into an activity",
            ),
            Self::OutsideStep => f.write_str(
                "the OrchestrationContext was used outside of its orchestration, for example in a \
                 spawned task; use it in the orchestration function only",
            ),
            Self::PollLimit { polls_max } => write!(
                f,
                "the orchestration woke itself {polls_max} times without waiting for anything \
                 durable; await a timer instead of spinning"
            ),
            Self::StepFull { decisions_max } => write!(
                f,
                "the orchestration scheduled more than {decisions_max} things without waiting for \
                 any (DECISIONS_PER_STEP_MAX); wait for some of them first, or share the work \
                 among sub-orchestrations"
            ),
            Self::NotEncoded(error) => {
                write!(f, "the input of continue_as_new cannot be encoded: {error}")
            }
            Self::UnfitInput(unfit) => unfit.fmt(f),
            Self::Panicked(message) => write!(f, "orchestration panicked: {message}"),
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            event_id,
            recorded,
            code,
            location,
        } = self;
        write!(
            f,
            "at event {event_id} history has {recorded}, and the code does {code}"
        )?;
        if let Some(location) = location {
            write!(f, " ({location})")?;
        }
        f.write_str(
            "; deploy the code that wrote this history, or register the change as a new version",
        )
    }
}

/// The text of a panic.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&'static str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is no text".to_owned())
}
