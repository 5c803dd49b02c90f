//! What a run says.

pub(crate) mod html;
pub(crate) mod plot;
pub(crate) mod table;

use serde::{Deserialize, Serialize};

use crate::limit::{Tried, knee};
use crate::recorder::Measured;

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
    pub(crate) machine: Machine,
    pub(crate) runs: Vec<Run>,
}

/// Where it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) system: String,
    pub(crate) processors: usize,
}

impl Machine {
    pub(crate) fn this() -> Self {
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processors: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// One workload on one backend.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) backend: String,
    pub(crate) workload: String,
    pub(crate) shape: String,
    pub(crate) workers: usize,
    pub(crate) warm_up_s: f64,
    pub(crate) duration_s: f64,
    pub(crate) outcome: Outcome,
}

impl Run {
    /// What is wrong with it, whatever the speed; nothing if this is empty.
    pub(crate) fn wrong(&self) -> Vec<&str> {
        match &self.outcome {
            Outcome::Measured(figures) => figures.wrong.iter().map(|it| &**it).collect(),
            Outcome::Limit(tried) if knee(tried).is_none() => {
                vec!["not even the lowest rate was followed"]
            }
            Outcome::Limit(_) => Vec::new(),
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

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    /// Which implementation, and what an acknowledged commit survives.
    pub(crate) implementation: String,
    pub(crate) durability: String,
    pub(crate) measured: Measured,
    /// How long the last operations took after no more were begun.
    pub(crate) drain_s: f64,
    /// What this process used from the beginning to the end of the drain; runtimes and clients are in it.
    pub(crate) client_cpu_s: Option<f64>,
    pub(crate) client_peak_memory_mib: Option<u64>,
    /// What is wrong, whatever the speed.
    pub(crate) wrong: Vec<String>,
}

impl Report {
    /// The backends, in the order in which they were named.
    pub(crate) fn backends(&self) -> Vec<&str> {
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
