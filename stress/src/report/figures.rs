//! The figures of a run.

use serde::{Deserialize, Serialize};

use crate::recorder::Measured;

/// The figures of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) measured: Measured,
    /// How many operations ended in all, those that were not measured too: costs are of these.
    pub(crate) all_operations: u64,
    /// How many steps one operation has: activities, timers and events that it waits for.
    pub(crate) steps: f64,
    /// How long the last operations took after no more were begun.
    pub(crate) drain_s: f64,
    /// How many processes worked on it beside this one.
    pub(crate) processes: usize,
    pub(crate) client: ClientCosts,
    pub(crate) store: StoreCosts,
    /// Present if processes were killed and calls failed on purpose.
    pub(crate) chaos: Option<ChaosFigures>,
    /// What is wrong, whatever the speed.
    pub(crate) wrong: Vec<String>,
}

impl Figures {
    /// By what costs of everything are divided.
    pub(crate) fn operations(&self) -> f64 {
        self.all_operations.max(1) as f64
    }
}

/// What the processes with the runtimes and the clients used, from the beginning of the load to the end of the drain.
/// Only Linux tells it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClientCosts {
    pub(crate) cpu_s: Option<f64>,
    pub(crate) peak_memory_mib: Option<u64>,
    /// What part of one processor the load generator used, which begins operations and waits for their ends.
    pub(crate) generator_share: Option<f64>,
}

/// What was asked of the store for one operation, and what it used. What a backend does not count is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct StoreCosts {
    pub(crate) round_trips: Option<f64>,
    pub(crate) statements: Option<f64>,
    pub(crate) durable_commits: Option<f64>,
    pub(crate) written_bytes: Option<f64>,
    /// By how much the store grew for each instance that has ended.
    pub(crate) stored_bytes: Option<f64>,
    /// Of the server, for everything.
    pub(crate) server_cpu_s: Option<f64>,
    pub(crate) server_peak_memory_mib: Option<f64>,
}

/// What was done to a run on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ChaosFigures {
    /// How many worker processes were killed.
    pub(crate) kills: u64,
    /// After each kill, how long it took until everything that was under way then had ended.
    pub(crate) recovery_ms: Vec<f64>,
}
