//! The store's clock: the process's, which never goes back.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock, Sleep, millis_ceil};

/// The latest time that SQLite's integers hold; everything later is as good as never.
pub(crate) const TIME_MAX_MS: u64 = u64::MAX >> 1;

/// A clock that stands still while its source is behind what it has shown: a message that was
/// visible must not become invisible again.
#[derive(Debug)]
pub(crate) struct StoreClock {
    source: Arc<dyn Clock>,
    latest_ms: AtomicU64,
}

impl StoreClock {
    pub(crate) fn new(source: Arc<dyn Clock>) -> Self {
        Self {
            source,
            latest_ms: AtomicU64::new(0),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        let now_ms = self.source.now_ms().min(TIME_MAX_MS);
        self.latest_ms
            .fetch_max(now_ms, Ordering::Relaxed)
            .max(now_ms)
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        self.source.sleep(duration)
    }

    /// Ends at this time; `None` if it has come already.
    pub(crate) fn sleep_until(&self, at_ms: u64) -> Option<Sleep> {
        loop {
            let source_ms = self.source.now_ms();
            let now_ms = self.now_ms();
            if at_ms <= now_ms {
                return None;
            }
            let sleep = self
                .source
                .sleep(Duration::from_millis(at_ms.saturating_sub(now_ms)));
            // The sleep ends at the time it was computed for only if the clock stood still.
            if self.source.now_ms() == source_ms {
                return Some(sleep);
            }
        }
    }
}

/// The time that is this long after `now_ms`.
pub(crate) fn after(now_ms: u64, delay: Duration) -> u64 {
    now_ms.saturating_add(millis_ceil(delay)).min(TIME_MAX_MS)
}

/// How long it is from `now_ms` until then.
pub(crate) fn until(now_ms: u64, at_ms: u64) -> Duration {
    Duration::from_millis(at_ms.saturating_sub(now_ms))
}

#[cfg(test)]
mod tests {
    use duroxide_core::clock::ManualClock;

    use super::*;

    #[test]
    fn time_never_goes_back() {
        let manual = ManualClock::at_ms(1_000);
        let clock = StoreClock::new(Arc::new(manual.clone()));
        assert_eq!(clock.now_ms(), 1_000);
        manual.set_ms(400);
        assert_eq!(clock.now_ms(), 1_000);
        manual.set_ms(1_001);
        assert_eq!(clock.now_ms(), 1_001);
    }

    #[test]
    fn far_times_stay_within_what_sqlite_holds() {
        assert_eq!(after(5, Duration::MAX), TIME_MAX_MS);
        assert_eq!(until(7, 5), Duration::ZERO);
    }
}
