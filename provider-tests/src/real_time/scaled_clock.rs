//! Real time, faster.

use std::time::Duration;

use duroxide_core::clock::{Clock, Sleep, SystemClock};

/// The machine's clock, run faster: a second of it takes the `speedup`th part of a real one.
#[derive(Debug, Clone, Copy)]
pub struct ScaledClock {
    speedup: u32,
    began_at_ms: u64,
}

impl ScaledClock {
    /// A clock that shows the real time now and runs so many times faster from now on; 0 counts
    /// as 1.
    #[must_use]
    pub fn new(speedup: u32) -> Self {
        Self {
            speedup: speedup.max(1),
            began_at_ms: SystemClock.now_ms(),
        }
    }

    /// How many times faster than real time it runs.
    #[must_use]
    pub fn speedup(&self) -> u32 {
        self.speedup
    }
}

impl Clock for ScaledClock {
    fn now_ms(&self) -> u64 {
        let real_ms = SystemClock.now_ms().saturating_sub(self.began_at_ms);
        self.began_at_ms + real_ms * u64::from(self.speedup)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        SystemClock.sleep(duration / self.speedup)
    }

    fn elapsed(&self) -> Duration {
        SystemClock.elapsed() * self.speedup
    }
}
