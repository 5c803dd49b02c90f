//! What came of one case.

use serde::Serialize;

use super::mark::Mark;
use crate::case::{Case, Profile};
use crate::suite::{Outcome, Seed};

/// The last calls of a failed case that a report holds.
const CALLS_KEPT: usize = 12;

/// What came of one case.
#[derive(Debug, Serialize)]
pub(crate) struct CaseReport {
    pub(crate) id: &'static str,
    #[serde(skip)]
    pub(crate) profile: Profile,
    pub(crate) clauses: &'static [&'static str],
    pub(crate) outcome: Mark,
    /// How often it was run: once for each seed, until it did not pass.
    pub(crate) runs: u64,
    pub(crate) duration_ms: u64,
    /// Why it did not pass.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub(crate) trouble: Option<Trouble>,
}

/// Why a case did not pass.
#[derive(Debug, Serialize)]
pub(crate) struct Trouble {
    pub(crate) seed: u64,
    pub(crate) message: String,
    /// The line of the suite that failed, where it was a check that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) at: Option<String>,
    /// How many calls the case had begun.
    pub(crate) calls_made: usize,
    /// The last of them and their answers.
    pub(crate) calls: Vec<CallReport>,
}

/// A call of a case.
#[derive(Debug, Serialize)]
pub(crate) struct CallReport {
    /// Its place among the case's calls, from 1.
    pub(crate) number: usize,
    pub(crate) call: String,
    /// None if the provider had not answered when the case ended.
    pub(crate) answer: Option<String>,
}

/// How often a case was run, and how long that took.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Effort {
    pub(crate) runs: u64,
    pub(crate) duration_ms: u64,
}

impl CaseReport {
    /// What came of a case under this seed, the last one it was run with.
    pub(crate) fn new(case: &'static Case, outcome: Outcome, seed: Seed, effort: Effort) -> Self {
        Self {
            id: case.id,
            profile: case.profile,
            clauses: case.clauses,
            outcome: Mark::of(&outcome),
            runs: effort.runs,
            duration_ms: effort.duration_ms,
            trouble: Trouble::of(outcome, seed),
        }
    }

    /// Says which line failed.
    pub(crate) fn at(mut self, place: Option<String>) -> Self {
        if let Some(trouble) = &mut self.trouble {
            trouble.at = place;
        }
        self
    }

    /// Why it did not pass; empty if it did.
    pub(crate) fn message(&self) -> &str {
        self.trouble
            .as_ref()
            .map_or("", |trouble| trouble.message.as_str())
    }
}

impl Trouble {
    fn of(outcome: Outcome, seed: Seed) -> Option<Self> {
        let (message, calls_made, calls) = match outcome {
            Outcome::Passed | Outcome::NotSupported => return None,
            Outcome::Skipped(reason) | Outcome::Unavailable(reason) => (reason, 0, Vec::new()),
            Outcome::Failed(failure) => (
                failure.message,
                failure.transcript.len(),
                failure.transcript.last(CALLS_KEPT),
            ),
        };
        let calls = calls
            .into_iter()
            .map(|(number, call, answer)| CallReport {
                number,
                call,
                answer,
            })
            .collect();
        Some(Self {
            seed: seed.0,
            message,
            at: None,
            calls_made,
            calls,
        })
    }
}
