//! What came of a profile.

use serde::Serialize;

use super::case::CaseReport;
use super::mark::Mark;
use crate::case::{CATALOGUE, Profile};

/// What came of a profile: the five outcomes of its cases, counted apart.
#[derive(Debug, Serialize)]
pub(crate) struct ProfileReport {
    pub(crate) name: &'static str,
    pub(crate) result: ProfileResult,
    /// How many cases it has in the catalogue.
    pub(crate) cases: usize,
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) unavailable: usize,
    pub(crate) not_supported: usize,
    /// The cases that the filters left out.
    pub(crate) not_selected: usize,
    /// The time that its cases took, those that ran side by side counted in full.
    pub(crate) duration_ms: u64,
}

/// What came of a profile as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ProfileResult {
    /// Every case was run and passed, but for what the provider has nothing to show for.
    Passed,
    /// What was run passed, and something was not run.
    Partial,
    /// A case failed.
    Failed,
    /// No case failed, and one had no store to run on.
    Unavailable,
    /// The provider does not offer it.
    NotSupported,
    /// The filters left it out.
    NotSelected,
}

impl ProfileResult {
    /// Whether some of its cases were to be run.
    pub(crate) fn was_run(self) -> bool {
        !matches!(self, Self::NotSupported | Self::NotSelected)
    }

    /// Its name for people.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Partial => "partial",
            Self::Failed => "FAILED",
            Self::Unavailable => "UNAVAILABLE",
            Self::NotSupported => "not supported",
            Self::NotSelected => "not selected",
        }
    }
}

impl ProfileReport {
    pub(super) fn new(profile: Profile, cases: &[CaseReport]) -> Self {
        let all = CATALOGUE.iter().copied().flatten();
        let in_catalogue = all.filter(|case| case.profile == profile).count();
        let own: Vec<_> = cases
            .iter()
            .filter(|case| case.profile == profile)
            .collect();
        let count = |mark| own.iter().filter(|case| case.outcome == mark).count();
        let mut report = Self {
            name: profile.name(),
            result: ProfileResult::NotSelected,
            cases: in_catalogue,
            passed: count(Mark::Passed),
            failed: count(Mark::Failed),
            skipped: count(Mark::Skipped),
            unavailable: count(Mark::Unavailable),
            not_supported: count(Mark::NotSupported),
            not_selected: in_catalogue.saturating_sub(own.len()),
            duration_ms: own.iter().map(|case| case.duration_ms).sum(),
        };
        report.result = report.judge(own.len());
        report
    }

    fn judge(&self, selected: usize) -> ProfileResult {
        if selected == 0 {
            ProfileResult::NotSelected
        } else if self.failed > 0 {
            ProfileResult::Failed
        } else if self.unavailable > 0 {
            ProfileResult::Unavailable
        } else if self.not_supported == selected {
            ProfileResult::NotSupported
        } else if self.passed + self.not_supported < self.cases {
            ProfileResult::Partial
        } else {
            ProfileResult::Passed
        }
    }
}
