//! How the runs of a plot are told apart.

use crate::report::{Report, Run};

/// Colours that are told apart by everybody, on light and on dark ground (Okabe and Ito, 2008).
const COLOURS: [&str; 6] = [
    "#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00",
];
/// How lines of one colour are told apart.
const DASHES: [&str; 4] = ["none", "7 3", "2 3", "9 3 2 3"];

/// How the runs of one workload are told apart: by their backends, and by what differs of their loads.
pub(super) struct Naming<'a> {
    backends: Vec<&'a str>,
    runs: Vec<&'a Run>,
}

impl<'a> Naming<'a> {
    /// Of these runs, which have one workload.
    pub(super) fn of(report: &'a Report, runs: impl Iterator<Item = &'a Run>) -> Self {
        Self {
            backends: report.backend_names(),
            runs: runs.collect(),
        }
    }

    /// What a plot of them is called: the workload, and what is the same of all loads.
    pub(super) fn title(&self, workload: &str) -> String {
        let loads = self.runs.first().map(|run| run.load());
        let loads = loads.as_deref().map(parts).unwrap_or_default();
        let same = loads.into_iter().filter(|part| self.all_have(part));
        [workload]
            .into_iter()
            .chain(same)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// What one of them is called.
    pub(super) fn label(&self, run: &Run) -> String {
        let load = run.load();
        let differs = parts(&load).into_iter().filter(|part| !self.all_have(part));
        [&*run.backend]
            .into_iter()
            .chain(differs)
            .collect::<Vec<_>>()
            .join(", ")
    }

    /// The colour of its backend.
    pub(super) fn colour(&self, run: &Run) -> &'static str {
        let place = self.backends.iter().position(|it| *it == run.backend);
        COLOURS[place.unwrap_or_default() % COLOURS.len()]
    }

    /// The colour and the dash of its line.
    pub(super) fn stroke(&self, run: &Run) -> (&'static str, &'static str) {
        let mut same = self.runs.iter().filter(|it| it.backend == run.backend);
        let place = same.position(|it| std::ptr::eq(*it, run));
        let dash = DASHES[place.unwrap_or_default() % DASHES.len()];
        (self.colour(run), dash)
    }

    fn all_have(&self, part: &str) -> bool {
        let mut loads = self.runs.iter().map(|run| run.load());
        loads.all(|load| parts(&load).contains(&part))
    }
}

/// What a load is made of.
fn parts(load: &str) -> Vec<&str> {
    load.split(", ").collect()
}
