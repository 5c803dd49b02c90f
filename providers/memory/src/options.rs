//! The settings of a provider.

use std::sync::Arc;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::Limits;

use crate::defect::Defects;

/// The settings of a [`MemoryProvider`](crate::MemoryProvider).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MemoryOptions {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: Limits,
    pub(crate) defects: Defects,
}

impl MemoryOptions {
    /// Takes time from this clock instead of the machine's.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses what passes these limits instead of the default ones.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets one of the limits: how many events an execution may have.
    #[must_use]
    pub fn history_events_max(mut self, history_events_max: u64) -> Self {
        self.limits.history_events_max = history_events_max;
        self
    }

    /// Breaks the contract in these ways, to see whether it is noticed.
    #[cfg(feature = "mutants")]
    #[must_use]
    pub fn defects(mut self, defects: &[crate::Defect]) -> Self {
        self.defects = Defects(defects.to_vec());
        self
    }
}

impl Default for MemoryOptions {
    fn default() -> Self {
        Self {
            clock: SystemClock::shared(),
            limits: Limits::default(),
            defects: Defects::default(),
        }
    }
}
