//! What came of a run: one report, and its four renderings.
//!
//! The JSON is the report itself; the others are made from it and say no more.

mod case;
mod date;
mod implementation;
mod junit;
mod mark;
mod markdown;
mod profile;
mod style;
mod terminal;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

use duroxide_core::providers::ProviderInfo;
use serde::Serialize;

pub(crate) use case::{CaseReport, Effort};
pub(crate) use date::utc;
pub(crate) use implementation::{Implementation, Time};
pub(crate) use mark::Mark;
pub(crate) use profile::{ProfileReport, ProfileResult};
pub(crate) use style::Style;

use crate::case::Profile;
use crate::ending::Ending;

/// The version of the JSON form. A reader of one version reads it for ever: what is there keeps
/// its name and its meaning, and only what is new is added.
///
/// 2: the clocks of a store are no capabilities any more.
const SCHEMA: u32 = 2;

/// What came of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    kind: &'static str,
    schema: u32,
    contract: u32,
    suite: &'static str,
    /// When the run began, in UTC.
    date: String,
    /// The provider's words about itself; none if it could not be asked.
    implementation: Option<Implementation>,
    time: Option<Time>,
    #[serde(flatten)]
    draws: Draws,
    /// How the provider's processes ended that had a store open, and whose store was opened again.
    endings: Vec<&'static str>,
    verdict: Verdict,
    profiles: Vec<ProfileReport>,
    clauses: BTreeMap<&'static str, Mark>,
    cases: Vec<CaseReport>,
    duration_ms: u64,
}

/// What everything random in a run came from.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Draws {
    /// The first seed.
    pub(crate) seed: u64,
    /// How many seeds there are, one after another.
    pub(crate) repeat: u64,
    /// How much each case draws; its own default if there is none.
    pub(crate) rounds: Option<u32>,
}

impl fmt::Display for Draws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.repeat {
            0 | 1 => write!(f, "seed {}", self.seed)?,
            repeat => {
                // As the runner counts on.
                let last = self.seed.wrapping_add(repeat - 1);
                write!(f, "seeds {} to {last}", self.seed)?;
            }
        }
        match self.rounds {
            Some(rounds) => write!(f, ", {rounds} rounds"),
            None => Ok(()),
        }
    }
}

/// What a run says as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// Every case that the provider must pass passed.
    Passed,
    /// What was run passed, and something was not run.
    Partial,
    /// Something failed.
    Failed,
    /// Something had no store to run on.
    Unavailable,
    /// The provider offers nothing of what was chosen.
    NotSupported,
}

impl Verdict {
    /// Its name in the JSON form.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Unavailable => "unavailable",
            Self::NotSupported => "not_supported",
        }
    }
}

/// What is known about a run besides its cases.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) date: String,
    pub(crate) provider: Option<(Implementation, Time)>,
    pub(crate) draws: Draws,
    pub(crate) endings: Vec<Ending>,
    pub(crate) duration_ms: u64,
}

impl Report {
    /// The report on these cases, which are in the order of the catalogue.
    pub(crate) fn new(about: About, cases: Vec<CaseReport>) -> Self {
        let mut clauses = BTreeMap::new();
        for case in &cases {
            for clause in case.clauses {
                let mark = clauses.entry(*clause).or_insert(case.outcome);
                *mark = case.outcome.max(*mark);
            }
        }
        let profiles: Vec<_> = Profile::ALL
            .iter()
            .map(|profile| ProfileReport::new(*profile, &cases))
            .collect();
        let (implementation, time) = about.provider.unzip();
        Self {
            kind: "duroxide-conformance-report",
            schema: SCHEMA,
            contract: ProviderInfo::CONTRACT,
            suite: env!("CARGO_PKG_VERSION"),
            date: about.date,
            implementation,
            time,
            draws: about.draws,
            endings: about.endings.into_iter().map(Ending::name).collect(),
            verdict: verdict(&profiles),
            profiles,
            clauses,
            cases,
            duration_ms: about.duration_ms,
        }
    }

    /// Whether everything that was chosen was run and passed. A choice by filters is no defect of
    /// the provider, and something skipped is no pass.
    pub(crate) fn is_a_pass(&self) -> bool {
        match self.verdict {
            Verdict::Passed => true,
            Verdict::Partial => self.count(Mark::Skipped) == 0,
            Verdict::Failed | Verdict::Unavailable | Verdict::NotSupported => false,
        }
    }

    /// The JSON form.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|text| text + "\n")
    }

    /// For the reader of a terminal.
    pub(crate) fn terminal(&self, style: Style) -> String {
        terminal::render(self, style)
    }

    /// For a page.
    pub(crate) fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// For a continuous-integration server.
    pub(crate) fn junit(&self) -> String {
        junit::render(self)
    }

    fn count(&self, mark: Mark) -> usize {
        self.marked(mark).count()
    }

    fn marked(&self, mark: Mark) -> impl Iterator<Item = &CaseReport> {
        self.cases.iter().filter(move |case| case.outcome == mark)
    }

    /// What was done to the provider's processes, for people.
    fn endings_for_people(&self) -> String {
        if self.endings.is_empty() {
            return "none was ended".to_owned();
        }
        self.endings.join(", ").replace('_', " ")
    }

    /// How many cases the catalogue has.
    fn cases_in_catalogue(&self) -> usize {
        self.profiles.iter().map(|profile| profile.cases).sum()
    }
}

fn verdict(profiles: &[ProfileReport]) -> Verdict {
    let any = |result| profiles.iter().any(|profile| profile.result == result);
    if any(ProfileResult::Failed) {
        Verdict::Failed
    } else if any(ProfileResult::Unavailable) {
        Verdict::Unavailable
    } else if any(ProfileResult::Partial) {
        Verdict::Partial
    } else if !any(ProfileResult::Passed) {
        Verdict::NotSupported
    } else if any(ProfileResult::NotSelected) {
        Verdict::Partial
    } else {
        Verdict::Passed
    }
}
