//! An outcome without its words.

use serde::Serialize;

use crate::suite::Outcome;

/// An outcome without its words, in the order in which the worse one counts: a clause is as good
/// as the worst of its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mark {
    NotSupported,
    Passed,
    Skipped,
    Unavailable,
    Failed,
}

impl Mark {
    pub(crate) fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Passed,
            Outcome::Failed(_) => Self::Failed,
            Outcome::Skipped(_) => Self::Skipped,
            Outcome::Unavailable(_) => Self::Unavailable,
            Outcome::NotSupported => Self::NotSupported,
        }
    }

    /// Its name for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::NotSupported => "not supported",
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}
