//! Why an orchestration or an activity failed, as recorded in history.

use serde::{Deserialize, Serialize};

/// A recorded failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ErrorDetails {
    /// The store or the machine failed, or data is damaged.
    Infrastructure {
        /// What was attempted.
        operation: String,
        /// What happened.
        message: String,
        /// Whether it may succeed later.
        retryable: bool,
    },
    /// The deployed code does not fit; a deployment mends it.
    Configuration {
        /// In which way.
        kind: ConfigErrorKind,
        /// What it is about: the name of an orchestration or activity.
        resource: String,
        /// More, where there is more to say.
        message: Option<String>,
    },
    /// The user's code failed, or was cancelled.
    Application {
        /// In which way.
        kind: AppErrorKind,
        /// What it says.
        message: String,
        /// Whether it may succeed later.
        retryable: bool,
    },
    /// It was tried too often.
    Poison {
        /// How often it was tried alone, so that its end was its own doing.
        attempt_count: u32,
        /// How often it may be.
        max_attempts: u32,
        /// What was tried.
        message_type: PoisonMessageType,
        /// More, for people.
        message: String,
    },
}

/// In which way the deployed code does not fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ConfigErrorKind {
    /// No orchestration of that name is registered.
    UnregisteredOrchestration,
    /// No activity of that name is registered.
    UnregisteredActivity,
    /// The orchestration is registered, and not in that version.
    MissingVersion {
        /// The version that was asked for.
        requested_version: String,
    },
    /// The code does not do what history says it did.
    Nondeterminism,
}

/// In which way the user's code failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppErrorKind {
    /// An activity returned an error or panicked.
    ActivityFailed,
    /// An orchestration returned an error or panicked.
    OrchestrationFailed,
    /// Somebody cancelled it.
    Cancelled {
        /// Why.
        reason: String,
    },
}

/// What was tried too often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PoisonMessageType {
    /// A turn of an orchestration.
    Orchestration {
        /// The instance.
        instance: String,
        /// The execution.
        execution_id: u64,
    },
    /// An activity.
    Activity {
        /// The instance.
        instance: String,
        /// The execution.
        execution_id: u64,
        /// The activity's name.
        activity_name: String,
        /// The event that scheduled it.
        activity_id: u64,
    },
}

impl ErrorDetails {
    /// `infrastructure`, `configuration`, `application` or `poison`, for metrics.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Infrastructure { .. } => "infrastructure",
            Self::Configuration { .. } => "configuration",
            Self::Application { .. } => "application",
            Self::Poison { .. } => "poison",
        }
    }

    /// The bytes of what it says at length.
    pub(crate) fn text_bytes(&self) -> usize {
        match self {
            Self::Infrastructure { message, .. }
            | Self::Application { message, .. }
            | Self::Poison { message, .. } => message.len(),
            Self::Configuration { message, .. } => message.as_ref().map_or(0, String::len),
        }
    }

    /// Whether the same may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Infrastructure { retryable, .. } | Self::Application { retryable, .. } => {
                *retryable
            }
            Self::Configuration { .. } | Self::Poison { .. } => false,
        }
    }

    /// One line for logs; also what orchestration code sees as the error of an activity.
    #[must_use]
    pub fn display_message(&self) -> String {
        match self {
            Self::Infrastructure {
                operation, message, ..
            } => {
                format!("infrastructure:{operation}: {message}")
            }
            Self::Configuration {
                kind,
                resource,
                message,
            } => match kind {
                ConfigErrorKind::UnregisteredOrchestration
                | ConfigErrorKind::UnregisteredActivity => format!("unregistered:{resource}"),
                ConfigErrorKind::MissingVersion { requested_version } => {
                    format!("canceled: missing version {resource}@{requested_version}")
                }
                ConfigErrorKind::Nondeterminism => message.as_ref().map_or_else(
                    || format!("nondeterministic in {resource}"),
                    |message| format!("nondeterministic: {message}"),
                ),
            },
            Self::Application {
                kind: AppErrorKind::Cancelled { reason },
                ..
            } => {
                format!("canceled: {reason}")
            }
            Self::Application { message, .. } => message.clone(),
            Self::Poison {
                attempt_count,
                max_attempts,
                message_type,
                ..
            } => match message_type {
                PoisonMessageType::Orchestration { instance, .. } => format!(
                    "poison: orchestration {instance} exceeded {attempt_count} attempts \
                     (max {max_attempts})"
                ),
                PoisonMessageType::Activity {
                    activity_name,
                    activity_id,
                    ..
                } => format!(
                    "poison: activity {activity_name}#{activity_id} exceeded {attempt_count} \
                     attempts (max {max_attempts})"
                ),
            },
        }
    }
}
