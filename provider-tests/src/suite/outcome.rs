//! What can come of a case.

use crate::transcript::Transcript;

/// What came of a case. Only one of these is a pass.
#[derive(Debug)]
pub enum Outcome {
    /// The provider did what the clauses say.
    Passed,
    /// It did not.
    Failed(Failure),
    /// The case was not run, for this reason, though the provider declares its profile.
    Skipped(String),
    /// There was no store to run it on; the text says what to install or to set.
    Unavailable(String),
    /// The provider does not declare the case's profile, or has nothing that the case could show
    /// anything by.
    NotSupported,
}

impl Outcome {
    /// Its name in reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed(_) => "failed",
            Self::Skipped(_) => "skipped",
            Self::Unavailable(_) => "unavailable",
            Self::NotSupported => "not_supported",
        }
    }
}

/// Why a case failed.
#[derive(Debug, thiserror::Error)]
#[error("{message}\ncalls:\n{transcript}")]
pub struct Failure {
    /// What was expected and what happened.
    pub message: String,
    /// The calls up to there.
    pub transcript: Transcript,
}
