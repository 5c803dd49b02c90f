//! What to measure, as a command line says it.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::load::Shape;
use crate::workload::{KINDS, Kind, find};

/// What to measure, and how.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// What is done under load; may be repeated [default: all but those whose store is filled for minutes first,
    /// backlog and million, and these too with --size]
    #[arg(long = "workload", value_name = "NAME")]
    workloads: Vec<String>,
    /// For how long each is measured, such as 20s or 2m
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// What is left out at the beginning of each
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration)]
    warm_up: Duration,
    /// How many operations are under way, each begun when the one before has ended [default: by workload]
    #[arg(long, value_name = "COUNT", conflicts_with = "rate")]
    in_flight: Option<usize>,
    /// How many operations are begun in a second, whether those before have ended or not
    #[arg(long, value_name = "PER-SECOND")]
    rate: Option<f64>,
    /// Search for the highest rate at which 99 of 100 operations end within this time, such as 100ms
    #[arg(long, value_name = "TIME", value_parser = duration, conflicts_with_all = ["in_flight", "rate"])]
    find_limit: Option<Duration>,
    /// How many runtimes work on the store, in this process or, with --processes, in each
    #[arg(long, value_name = "COUNT", default_value_t = 1)]
    workers: usize,
    /// How many worker processes work on the store; this one only starts orchestrations then, and waits for them
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    processes: usize,
    /// Kill a worker process every few seconds and let calls of the store fail; with two processes if
    /// --processes says nothing else. A store that lives in one process has failing calls only
    #[arg(long, conflicts_with = "find_limit")]
    chaos: bool,
    /// What chaos is drawn from, so that it can be repeated
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,
    /// How much there is of it, in the workloads that have a size, which --list tells
    #[arg(long, value_name = "COUNT")]
    size: Option<u64>,
    /// How long one operation may take before it counts as stuck; one that has a size may take 20 ms more for each of it
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration)]
    patience: Duration,
    /// How long inputs are, in the workloads that have one [default: by workload]
    #[arg(long, value_name = "BYTES")]
    payload: Option<usize>,
    /// A folder for the report, which is made if it is not there
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// The workloads, and nothing else
    #[arg(long)]
    list: bool,
}

/// What is to be measured, once it was understood.
#[derive(Clone)]
pub(crate) struct Plan {
    pub(crate) kinds: Vec<&'static Kind>,
    pub(crate) duration: Duration,
    pub(crate) warm_up: Duration,
    in_flight: Option<usize>,
    rate: Option<f64>,
    pub(crate) find_limit: Option<Duration>,
    pub(crate) topology: Topology,
    pub(crate) patience: Duration,
    pub(crate) payload_bytes: Option<usize>,
    size: Option<u64>,
    pub(crate) output: Option<PathBuf>,
}

/// What works on a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topology {
    /// How many runtimes there are, in each process where there are worker processes.
    pub(crate) runtimes: usize,
    pub(crate) processes: usize,
    pub(crate) chaos: bool,
    pub(crate) seed: u64,
}

/// How long a run may last, and its warm-up.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How many operations a second may be begun.
const RATES: RangeInclusive<f64> = 0.001..=1e6;

/// How many worker processes there are if some are to be killed and nothing else is said.
const PROCESSES_IN_CHAOS: usize = 2;

impl Arguments {
    /// Whether nothing is measured, so that no backend is needed.
    #[must_use]
    pub fn only_lists(&self) -> bool {
        self.list
    }

    /// Whether several processes work on each store, so that a backend has to be one that they can share.
    #[must_use]
    pub fn shares_stores(&self) -> bool {
        self.processes > 0 || self.chaos
    }

    /// What is to be measured.
    ///
    /// # Errors
    /// What of it is impossible.
    pub(crate) fn plan(self) -> Result<Plan, String> {
        let kinds = self.kinds()?;
        self.check(&kinds)?;
        Ok(Plan {
            kinds,
            duration: self.duration,
            warm_up: self.warm_up,
            in_flight: self.in_flight,
            rate: self.rate,
            find_limit: self.find_limit,
            topology: Topology {
                runtimes: self.workers,
                processes: match self.processes {
                    0 if self.chaos => PROCESSES_IN_CHAOS,
                    count => count,
                },
                chaos: self.chaos,
                seed: self.seed,
            },
            patience: self.patience,
            payload_bytes: self.payload,
            size: self.size,
            output: self.output,
        })
    }
}

impl Arguments {
    fn is_open(&self) -> bool {
        self.rate.is_some() || self.find_limit.is_some()
    }

    /// The workloads that are named, or else those that need no minutes to begin with.
    fn kinds(&self) -> Result<Vec<&'static Kind>, String> {
        if self.workloads.is_empty() {
            let is_meant = |kind: &&Kind| {
                (self.size.is_some() || !kind.is_filled) && !(self.is_open() && kind.is_long)
            };
            return Ok(KINDS.iter().filter(is_meant).collect());
        }
        let found = self.workloads.iter().map(|name| {
            let unknown = || format!("there is no workload {name}; there are {}", names());
            find(name).ok_or_else(unknown)
        });
        found.collect()
    }

    /// Whether what was asked for can be.
    fn check(&self, kinds: &[&Kind]) -> Result<(), String> {
        if self.duration.is_zero() || self.duration > LONGEST || self.warm_up > LONGEST {
            return Err(
                "--duration must be longer than nothing, and no time longer than 30 days"
                    .to_owned(),
            );
        }
        if self.workers == 0 || self.in_flight == Some(0) {
            return Err("--workers and --in-flight must be 1 at least".to_owned());
        }
        if self.rate.is_some_and(|rate| !RATES.contains(&rate)) {
            return Err("--rate must be between 0.001 and 1000000".to_owned());
        }
        if self.find_limit.is_some_and(|bound| bound.is_zero()) {
            return Err("--find-limit must be longer than nothing".to_owned());
        }
        if let Some(long) = kinds
            .iter()
            .find(|it| it.is_long)
            .filter(|_| self.is_open())
        {
            let name = long.name;
            return Err(format!(
                "an operation of {name} may outlast a run, so that it has no --rate and no limit"
            ));
        }
        if self.payload.is_some() && !kinds.iter().any(|it| it.has_payload) {
            return Err("--payload is for hello and large-payload".to_owned());
        }
        if self.size.is_some() && kinds.iter().all(|it| it.sizes.default.is_empty()) {
            return Err("--size is for workloads that have one; see --list".to_owned());
        }
        Ok(())
    }
}

impl Plan {
    /// The sizes in which a workload is measured, each a run of its own.
    pub(crate) fn sizes(&self, kind: &Kind) -> Vec<u64> {
        match (self.size, kind.sizes.default) {
            (_, []) => vec![0],
            (Some(size), _) => vec![size],
            (None, default) => default.to_vec(),
        }
    }

    /// How operations of a workload are begun.
    pub(crate) fn shape(&self, kind: &Kind) -> Shape {
        match self.rate {
            Some(per_second) => Shape::Open { per_second },
            None => Shape::Closed {
                in_flight: self.in_flight.unwrap_or(kind.in_flight),
            },
        }
    }
}

fn names() -> String {
    let names: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
    names.join(", ")
}

/// The workloads, a line for each.
pub(crate) fn list() -> String {
    let line = |kind: &Kind| {
        let sizes: Vec<String> = kind.sizes.default.iter().map(u64::to_string).collect();
        let sizes = match kind.sizes.unit {
            "" => String::new(),
            unit => format!(" (--size: {} {unit})", sizes.join(", ")),
        };
        format!("{:<16} {}{sizes}\n", kind.name, kind.about)
    };
    KINDS.iter().map(line).collect()
}

/// A time such as `500ms`, `20s` or `2m`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "a time is a number with ms, s or m, such as 20s".to_owned();
    let split = text.find(|it: char| !it.is_ascii_digit() && it != '.');
    let (number, unit) = split
        .and_then(|at| text.split_at_checked(at))
        .ok_or_else(wrong)?;
    let number: f64 = number.parse().map_err(|_| wrong())?;
    let seconds = match unit {
        "ms" => number / 1_000.0,
        "s" => number,
        "m" => number * 60.0,
        _ => return Err(wrong()),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1_500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        for wrong in ["", "20", "s", "-1s", "1h", "1e99m"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
