//! What a run says.

mod costs;
mod date;
mod facts;
mod figures;
mod files;
pub(crate) mod grid;
mod guarantees;
pub(crate) mod html;
mod machine;
pub(crate) mod markdown;
pub(crate) mod plot;
mod strengths;
pub(crate) mod table;

use serde::{Deserialize, Serialize};

pub(crate) use self::costs::COSTS;
pub(crate) use self::figures::{ChaosFigures, ClientCosts, Figures, StoreCosts};
pub(crate) use self::files::{read, write};
pub(crate) use self::guarantees::Guarantees;
pub(crate) use self::machine::Machine;
use crate::limit::{Tried, knee};

/// The version of the form in which reports are written.
pub(crate) const SCHEMA: u32 = 1;
/// What tells a report from other files.
pub(crate) const KIND: &str = "duroxide-stress-report";

/// Everything that was measured by one command.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) kind: String,
    pub(crate) schema: u32,
    pub(crate) version: String,
    /// When it began, by the machine's clock, in milliseconds since 1970.
    pub(crate) began_ms: u64,
    pub(crate) machine: Machine,
    /// Whether somebody ended it early, so that runs are missing or shorter than they should be.
    pub(crate) is_interrupted: bool,
    pub(crate) backends: Vec<BackendInfo>,
    pub(crate) runs: Vec<Run>,
}

/// A backend that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct BackendInfo {
    pub(crate) name: String,
    /// The provider and its version; absent where the backend could not be reached.
    pub(crate) provider: Option<String>,
    /// What it stores in, with its version.
    pub(crate) backend: Option<String>,
    /// What an acknowledged commit survives as it is set up here.
    pub(crate) durability: Option<String>,
    /// What its certificate says; absent where it has none.
    pub(crate) guarantees: Option<Guarantees>,
}

/// One workload on one backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) backend: String,
    pub(crate) workload: String,
    /// How operations were begun, and what else was there.
    pub(crate) shape: String,
    /// How many runtimes worked in each process.
    pub(crate) workers: usize,
    /// How many worker processes were asked for.
    pub(crate) processes: usize,
    pub(crate) payload_bytes: Option<usize>,
    /// Whether processes were killed and calls failed on purpose.
    pub(crate) chaos: bool,
    pub(crate) seed: u64,
    pub(crate) warm_up_s: f64,
    pub(crate) duration_s: f64,
    pub(crate) outcome: Outcome,
}

impl Run {
    /// How operations were begun, and what worked on them if that was not one runtime of this process.
    pub(crate) fn load(&self) -> String {
        let mut load = self.shape.clone();
        if let Outcome::Measured(figures) = &self.outcome
            && figures.processes > 0
        {
            load += &format!(", {} processes", figures.processes);
        }
        if self.workers > 1 {
            load += &format!(", {} runtimes", self.workers);
        }
        load
    }

    /// What is wrong with it, whatever the speed; nothing if this is empty.
    pub(crate) fn wrong(&self) -> Vec<&str> {
        match &self.outcome {
            Outcome::Measured(figures) => figures.wrong.iter().map(|it| &**it).collect(),
            Outcome::Limit(tried) => {
                let wrong = tried.iter().flat_map(|it| &it.wrong);
                let mut wrong: Vec<&str> = wrong.map(|it| &**it).collect();
                if knee(tried).is_none() {
                    wrong.push("not even the lowest rate was followed");
                }
                wrong
            }
            Outcome::Unavailable(why) => vec![why],
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// It was measured; it may be wrong all the same.
    Measured(Box<Figures>),
    /// Rates were tried, for the highest one that is followed.
    Limit(Vec<Tried>),
    /// It could not be, for this reason.
    Unavailable(String),
}

impl Report {
    /// The backends, in the order in which they were named.
    pub(crate) fn backend_names(&self) -> Vec<&str> {
        distinct(self.runs.iter().map(|run| &*run.backend))
    }

    /// The workloads, in their order.
    pub(crate) fn workloads(&self) -> Vec<&str> {
        distinct(self.runs.iter().map(|run| &*run.workload))
    }

    /// What was measured.
    pub(crate) fn all_figures(&self) -> impl Iterator<Item = (&Run, &Figures)> {
        self.runs.iter().filter_map(|run| match &run.outcome {
            Outcome::Measured(figures) => Some((run, &**figures)),
            Outcome::Limit(_) | Outcome::Unavailable(_) => None,
        })
    }

    /// The rates that were tried.
    pub(crate) fn limits(&self) -> impl Iterator<Item = (&Run, &[Tried])> {
        self.runs.iter().filter_map(|run| match &run.outcome {
            Outcome::Limit(tried) => Some((run, &**tried)),
            Outcome::Measured(_) | Outcome::Unavailable(_) => None,
        })
    }

    /// What was measured by a workload.
    pub(crate) fn figures_of(&self, workload: &str) -> impl Iterator<Item = (&Run, &Figures)> {
        let all = self.all_figures();
        all.filter(move |(run, _)| run.workload == workload)
    }

    /// Whether everything was measured, and nothing is wrong.
    pub(crate) fn is_good(&self) -> bool {
        self.runs.iter().all(|run| run.wrong().is_empty())
    }
}

/// Each of them once, in the order in which they come first.
fn distinct<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for name in names {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
