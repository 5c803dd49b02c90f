//! The store's clock, which never goes back.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock, Sleep, SteadyTime, millis_ceil};
use parking_lot::Mutex;

/// The latest time that SQLite's integers hold; everything later is as good as never.
pub(crate) const TIME_MAX_MS: u64 = u64::MAX >> 1;

/// A clock that goes on from where it stood when its source goes back: a message that was visible
/// must not become invisible again, and a timer must not wait until the source has caught up.
#[derive(Debug)]
pub(crate) struct StoreClock {
    source: Arc<dyn Clock>,
    time: Mutex<SteadyTime>,
}

impl StoreClock {
    pub(crate) fn new(source: Arc<dyn Clock>) -> Self {
        Self {
            source,
            time: Mutex::default(),
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        let mut time = self.time.lock();
        // Read under the lock: of two readings the one that was taken first must be the first to
        // be handed in, or the clock would seem to go back.
        time.at(self.source.now_ms()).min(TIME_MAX_MS)
    }

    /// Follows the store, in which something was written at this time: by a process whose clock
    /// stood there before the machine's was set back.
    pub(crate) fn not_before(&self, at_ms: u64) {
        let mut time = self.time.lock();
        time.not_before(at_ms.min(TIME_MAX_MS), self.source.now_ms());
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

#[cfg(test)]
mod tests {
    use duroxide_core::clock::ManualClock;

    use super::*;

    #[test]
    fn time_never_goes_back_and_never_stands_still() {
        let manual = ManualClock::at_ms(1_000);
        let clock = StoreClock::new(Arc::new(manual.clone()));
        assert_eq!(clock.now_ms(), 1_000);
        manual.set_ms(400);
        assert_eq!(clock.now_ms(), 1_000);
        manual.set_ms(410);
        assert_eq!(clock.now_ms(), 1_010);
        clock.not_before(2_000);
        clock.not_before(1_500);
        assert_eq!(clock.now_ms(), 2_000);
    }

    #[tokio::test]
    async fn whoever_sleeps_does_not_wait_for_a_source_that_was_set_back() {
        let manual = ManualClock::at_ms(10_000);
        let clock = StoreClock::new(Arc::new(manual.clone()));
        assert_eq!(clock.now_ms(), 10_000);
        manual.set_ms(1_000);
        let sleep = clock.sleep_until(10_500).unwrap();
        manual.set_ms(1_500);
        sleep.await;
        assert!(clock.sleep_until(10_500).is_none());
    }

    #[test]
    fn far_times_stay_within_what_sqlite_holds() {
        assert_eq!(after(5, Duration::MAX), TIME_MAX_MS);
    }
}
