//! The list of workloads.

use std::future::Future;
use std::pin::Pin;

use super::report::Row;
use super::stage::Backend;
use super::{Failure, chain, fan_out, hello, idle, mailbox, processes, timers, waiting};

pub(crate) type Rows = Pin<Box<dyn Future<Output = Result<Vec<Row>, Failure>>>>;

/// One thing to measure.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    pub(crate) backends: &'static [Backend],
    pub(crate) run: fn(Backend, Size) -> Rows,
}

/// How much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// To see that it works.
    Short,
    /// To measure.
    Full,
}

impl Size {
    pub(crate) fn of(self, short: usize, full: usize) -> usize {
        match self {
            Self::Short => short,
            Self::Full => full,
        }
    }

    pub(crate) fn argument(self) -> &'static [&'static str] {
        match self {
            Self::Short => &["--short"],
            Self::Full => &["--full"],
        }
    }
}

const EVERYWHERE: &[Backend] = &Backend::ALL;
const ON_SERVERS: &[Backend] = &[Backend::Postgres, Backend::Redis];

pub(crate) const WORKLOADS: &[Workload] = &[
    Workload {
        name: "hello",
        what: "one activity, one at a time and 200 in flight",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(hello::run(backend, size)),
    },
    Workload {
        name: "chain",
        what: "50 activities one after another, and the first and the last hundred of 10,000",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(chain::run(backend, size)),
    },
    Workload {
        name: "fan_out",
        what: "10,000 activities at once, joined",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(fan_out::run(backend, size)),
    },
    Workload {
        name: "timers",
        what: "1,000 orchestrations that sleep for a second",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(timers::run(backend, size)),
    },
    Workload {
        name: "waiting",
        what: "100,000 orchestrations that wait for an event, and then get it",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(waiting::run(backend, size)),
    },
    Workload {
        name: "mailbox",
        what: "one orchestration that takes 100,000 waiting events, and 10,000 with an activity each",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(mailbox::run(backend, size)),
    },
    Workload {
        name: "processes",
        what: "one activity, 200 in flight, with one and with two worker processes",
        backends: ON_SERVERS,
        run: |backend, size| Box::pin(processes::run(backend, size)),
    },
    Workload {
        name: "idle",
        what: "nothing to do",
        backends: EVERYWHERE,
        run: |backend, size| Box::pin(idle::run(backend, size)),
    },
];

pub(crate) fn find(name: &str) -> Result<&'static Workload, String> {
    let mut workloads = WORKLOADS.iter();
    workloads
        .find(|workload| workload.name == name)
        .ok_or_else(|| format!("there is no workload {name:?}\n{}", list()))
}

pub(crate) fn list() -> String {
    let line = |workload: &Workload| format!("  {:<9}  {}\n", workload.name, workload.what);
    WORKLOADS.iter().map(line).collect()
}
