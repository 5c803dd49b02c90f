//! The parts of the figures, each a run of `duroxide stress`.

use super::REPORTS;

/// The servers that have to be installed; each run starts its own.
pub(super) const SERVERS: [&str; 2] = ["postgres", "redis"];

/// A part of the figures.
pub(super) struct Part {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    /// What it shows.
    pub(super) about: &'static str,
    backends: &'static [&'static str],
    words: &'static str,
}

const ALL: &[&str] = &["memory", "sqlite", "postgres", "redis"];
const DURABLE: &[&str] = &["sqlite", "postgres", "redis"];

/// How fast each workload is, which `README.md` shows a part of.
pub(super) const IN_FLIGHT: Part = Part {
    name: "in-flight",
    title: "Many at a time",
    about: "Every workload with as many operations under way as it has by default.",
    backends: ALL,
    words: "--duration 5s",
};

/// How soon one orchestration is done where nothing else is, of which `README.md` shows a part too.
pub(super) const ALONE: Part = Part {
    name: "alone",
    title: "One at a time",
    about: "Latency where nothing else happens: what a user waits for.",
    backends: ALL,
    words: "--duration 5s --in-flight 1 --workload hello --workload chain --workload events --workload tree",
};

/// All of them, in the order of the page.
pub(super) const PARTS: [&Part; 7] = [
    &IN_FLIGHT,
    &ALONE,
    &Part {
        name: "filled",
        title: "Beside what is there already",
        about: "`hello` on a store with 100,000 instances that sleep, and with none, 100,000 and a million that have ended.",
        backends: ALL,
        words: "--duration 5s --workload backlog --workload million",
    },
    &Part {
        name: "one-process",
        title: "One worker process",
        about: "The load comes from a process of its own, and one other process works.",
        backends: DURABLE,
        words: "--duration 5s --processes 1 --workload hello --workload chain",
    },
    &Part {
        name: "two-processes",
        title: "Two worker processes",
        about: "The same with two, to see whether they are in each other's way: on two processors they share with the server and the load.",
        backends: DURABLE,
        words: "--duration 5s --processes 2 --workload hello --workload chain",
    },
    &Part {
        name: "chaos",
        title: "While processes are killed",
        about: "A process is killed every few seconds and another one started, calls of the store fail, and everything is done once all the same. \
                What a dead process held is taken over when its lease has ended, which is what recovery waits for.",
        backends: DURABLE,
        words: "--duration 20s --chaos --workload mixed",
    },
    &Part {
        name: "limit",
        title: "How much is followed",
        about: "`hello` at a fixed rate, timed from when each should have begun: the highest rate at which 99 of 100 end within 100 ms.",
        backends: ALL,
        words: "--duration 3s --find-limit 100ms --workload hello",
    },
];

impl Part {
    /// Where its report is, from the root.
    pub(super) fn report(&self) -> String {
        format!("{REPORTS}/{}.json", self.name)
    }

    /// What cargo is given to measure it.
    pub(super) fn arguments(&self) -> Vec<&'static str> {
        let cargo = [
            "run",
            "--quiet",
            "--release",
            "-p",
            "duroxide-cli",
            "--",
            "stress",
        ];
        let backends = self.backends.iter().flat_map(|it| ["--backend", it]);
        let words = self.words.split_whitespace();
        cargo.into_iter().chain(backends).chain(words).collect()
    }

    /// The same for a person.
    pub(super) fn command(&self) -> String {
        format!("cargo {}", self.arguments().join(" "))
    }
}
