//! Stores that are measured, and what they cost.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::providers::Provider;

use crate::fixture::Unavailable;

/// A store that was opened to be measured.
#[derive(Clone)]
pub struct MeteredStore {
    /// The store.
    pub provider: Arc<dyn Provider>,
    /// What tells its costs, if anything does.
    pub meter: Option<Arc<dyn CostMeter>>,
}

impl fmt::Debug for MeteredStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeteredStore")
            .field("provider", &self.provider.about().name)
            .field("is_metered", &self.meter.is_some())
            .finish()
    }
}

impl From<Arc<dyn Provider>> for MeteredStore {
    /// A store whose costs nobody counts.
    fn from(provider: Arc<dyn Provider>) -> Self {
        Self {
            provider,
            meter: None,
        }
    }
}

/// Reads what a store has cost so far, from its own counters.
#[async_trait]
pub trait CostMeter: Send + Sync {
    /// Whose work the counts are of.
    fn scope(&self) -> CostScope;

    /// What has been counted so far. The difference between two of these is the cost of what was done between them.
    ///
    /// # Errors
    /// [`Unavailable`] when it cannot be read, and what would help.
    async fn read(&self) -> Result<Costs, Unavailable>;
}

/// Whose work the counts of a [`CostMeter`] are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CostScope {
    /// What was done by the handle that was opened with it: other processes are not counted.
    Handle,
    /// What anybody did to the server, other stores on it included.
    Server,
}

/// What a store has cost so far. What a backend does not count is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Costs {
    /// Calls over a network, each of which somebody waits for.
    pub round_trips: Option<u64>,
    /// Statements or commands, those inside a function or a script included where the backend counts them.
    pub statements: Option<u64>,
    /// How often something was made durable: flushes to a disk, each of which may have carried several commits.
    pub durable_commits: Option<u64>,
    /// Bytes that were written to logs and files.
    pub written_bytes: Option<u64>,
    /// Bytes that the store occupies now. This one is no count, and may become less.
    pub stored_bytes: Option<u64>,
    /// Processor time of the server, in user and in system mode.
    pub server_cpu: Option<Duration>,
    /// The most memory that the server has had. This one is no count.
    pub server_peak_memory_bytes: Option<u64>,
}
