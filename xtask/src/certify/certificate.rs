//! A certificate: a report without what differs from run to run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::backend::Backend;
use super::mutants::Mutants;
use super::read;

const KIND: &str = "duroxide-conformance-certificate";
/// 2: what was done to the processes that had a store.
const SCHEMA: u32 = 2;
/// The schema of the reports that certificates are made of.
const REPORT_SCHEMA: u32 = 2;

/// What the suite said of a backend in one of its modes.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Certificate {
    kind: String,
    schema: u32,
    pub(crate) contract: u32,
    pub(crate) suite: String,
    /// The command by which anybody sees the same.
    pub(crate) command: String,
    pub(crate) implementation: Implementation,
    time: Value,
    seed: u64,
    rounds: Option<u32>,
    /// How good the suite was at finding faults; none if that was not measured.
    pub(crate) mutants: Option<Mutants>,
    pub(crate) verdict: String,
    /// How the processes ended that had a store open, and what was acknowledged survived it.
    pub(crate) endings: Vec<Ending>,
    pub(crate) profiles: Vec<Profile>,
    /// The outcome of each clause.
    pub(crate) clauses: BTreeMap<String, String>,
    /// The outcome of each case.
    pub(crate) cases: BTreeMap<String, String>,
}

/// How processes ended, and the run in which they did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ending {
    /// `handle_dropped`, `process_killed` or `power_cut`.
    pub(crate) what: String,
    /// The command by which anybody sees the same.
    pub(crate) run: String,
}

impl Ending {
    pub(super) fn of(what: &str, run: String) -> Self {
        Self {
            what: what.to_owned(),
            run,
        }
    }
}

/// Who was tested.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Implementation {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) backend: String,
    pub(crate) mode: String,
    pub(crate) durability: String,
    capabilities: Value,
}

/// What came of a profile.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Profile {
    pub(crate) name: String,
    pub(crate) result: String,
    cases: usize,
    pub(crate) passed: usize,
}

/// The part of a report that does not differ from run to run.
#[derive(Deserialize)]
struct Report {
    kind: String,
    schema: u32,
    contract: u32,
    suite: String,
    implementation: Implementation,
    time: Value,
    seed: u64,
    rounds: Option<u32>,
    verdict: String,
    endings: Vec<String>,
    profiles: Vec<Profile>,
    clauses: BTreeMap<String, String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    id: String,
    outcome: String,
}

impl Certificate {
    /// The certificate of a report, with the endings that further runs have shown. Only a run in which
    /// everything passed has one.
    pub(crate) fn of_report(
        json: &[u8],
        backend: &Backend,
        mutants: Option<Mutants>,
        further: Vec<Ending>,
    ) -> Result<Self, String> {
        let report: Report = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        if report.kind != "duroxide-conformance-report" || report.schema != REPORT_SCHEMA {
            return Err(format!("a {} {} is not known", report.kind, report.schema));
        }
        if report.verdict != "passed" {
            return Err(format!("the verdict is {}", report.verdict));
        }
        let cases = report.cases.into_iter();
        let of_suite = report.endings.iter();
        let of_suite = of_suite.map(|what| Ending::of(what, backend.command()));
        Ok(Self {
            kind: KIND.to_owned(),
            schema: SCHEMA,
            contract: report.contract,
            suite: report.suite,
            command: backend.command(),
            implementation: report.implementation,
            time: report.time,
            seed: report.seed,
            rounds: report.rounds,
            mutants,
            verdict: report.verdict,
            endings: of_suite.chain(further).collect(),
            profiles: report.profiles,
            clauses: report.clauses,
            cases: cases.map(|case| (case.id, case.outcome)).collect(),
        })
    }

    /// The certificate of a backend, as it was written last.
    pub(crate) fn read(backend: &Backend) -> Result<Self, String> {
        let file = backend.file();
        let text = read(&file).map_err(|why| format!("{why}; cargo xtask certify writes it"))?;
        let certificate: Self =
            serde_json::from_str(&text).map_err(|error| format!("{file}: {error}"))?;
        if certificate.kind != KIND || certificate.schema != SCHEMA {
            return Err(format!("{file} is no certificate of schema {SCHEMA}"));
        }
        Ok(certificate)
    }

    pub(crate) fn json(&self) -> Result<String, String> {
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        Ok(text + "\n")
    }

    /// How many cases passed.
    pub(crate) fn passed(&self) -> usize {
        self.profiles.iter().map(|profile| profile.passed).sum()
    }

    /// The hardest ending that was tried; none if no process was ended.
    pub(crate) fn hardest_ending(&self) -> Option<&str> {
        const HARDEST_FIRST: [&str; 3] = ["power_cut", "process_killed", "handle_dropped"];
        let was_tried = |what: &&str| self.endings.iter().any(|ending| ending.what == *what);
        HARDEST_FIRST.into_iter().find(was_tried)
    }

    /// What it says, in a line.
    pub(crate) fn summary(&self) -> String {
        let Implementation { name, mode, .. } = &self.implementation;
        format!("{name}, {mode}: {}, {} cases", self.verdict, self.passed())
    }
}
