//! The test clock of a store whose time nobody can move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock, SystemClock};

use super::ScaledClock;
use crate::fixture::{Pace, TestClock};

/// What a store's clock and this machine's may differ by in the length of a short time, and what
/// is lost where a store rounds to milliseconds.
const ROUNDING: Duration = Duration::from_millis(2);

/// The test clock of a store that lives in real time, such as a server: letting time pass means
/// to sleep.
///
/// The harness divides every duration of a case by the speedup before the store sees it, so that
/// the cases work unchanged. The shortest time that a case tells apart is a second of its own, so
/// a second divided by the speedup must stay well above what a call to the store takes, pauses of
/// the machine included: 20 suits a store in the same process, less a remote one. A speedup that
/// is too high makes cases fail that should pass, never the other way round.
#[derive(Debug, Clone, Copy)]
pub struct RealTime {
    clock: ScaledClock,
}

impl RealTime {
    /// Real time, in which a case runs so many times faster; 0 counts as 1.
    #[must_use]
    pub fn new(speedup: u32) -> Self {
        Self {
            clock: ScaledClock::new(speedup),
        }
    }
}

#[async_trait]
impl TestClock for RealTime {
    async fn elapse(&self, by: Duration) {
        SystemClock
            .sleep(by / self.clock.speedup() + ROUNDING)
            .await;
    }

    fn pace(&self) -> Pace {
        Pace::Real {
            speedup: self.clock.speedup(),
        }
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock)
    }
}
