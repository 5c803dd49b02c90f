//! What a worker process is told.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::workload::Scale;

/// The variable that makes a worker of this program.
pub(super) const VARIABLE: &str = "DUROXIDE_STRESS_WORKER";

/// What a worker process is told, in a variable of its environment: the words of its command line are those of the
/// process that starts it, so that it comes to the same targets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Order {
    /// Which of the targets.
    pub(crate) target: usize,
    pub(crate) workload: String,
    pub(crate) scale: Scale,
    /// The folder that the store belongs to.
    pub(crate) folder: PathBuf,
    /// How many runtimes.
    pub(crate) workers: usize,
    /// Whether calls of the store fail.
    pub(crate) chaos: bool,
}

impl Order {
    /// What this process is told, if it is a worker. One that does not understand it, since the program was replaced
    /// meanwhile, is a worker all the same.
    pub(crate) fn given() -> Option<Result<Self, String>> {
        let order = std::env::var(VARIABLE).ok()?;
        Some(serde_json::from_str(&order).map_err(|error| error.to_string()))
    }
}
