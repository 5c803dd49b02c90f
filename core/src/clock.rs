//! The door through which time comes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A future that ends when a clock has reached some time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of time.
///
/// Everything in duroxide takes time from one of these, so that a test can move it by hand.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time, in milliseconds since the Unix epoch.
    ///
    /// It should not go back; [`SystemClock`] never does. Whoever counts time by a clock that does
    /// uses [`SteadyTime`].
    fn now_ms(&self) -> u64;

    /// Ends when this much time has passed, whatever the clock is set to meanwhile.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// How much time has passed since some moment that stays the same for the life of the clock. It
    /// goes as [`sleep`](Self::sleep) does, whatever the clock is set to meanwhile.
    ///
    /// The default goes by [`now_ms`](Self::now_ms), which is right for a clock that nobody sets.
    fn elapsed(&self) -> Duration {
        Duration::from_millis(self.now_ms())
    }
}

/// The machine's clock, as one process sees it: it follows the wall time forward, and where the wall
/// time is set back it goes on from where it stood, as fast as ever.
///
/// A wall time that moves forward is followed within 5 ms, since a machine that slept looks the same:
/// its timers are due. One that is set back would stop every timer until it has caught up.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl SystemClock {
    /// The machine's clock, to share.
    #[must_use]
    pub fn shared() -> Arc<dyn Clock> {
        Arc::new(Self)
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn now_ms(&self) -> u64 {
        static PROCESS: ProcessTime = ProcessTime::new();
        let beginning = beginning();
        if let Some(now_ms) = PROCESS.at_if_fresh(micros(beginning.elapsed())) {
            return now_ms;
        }
        // In this order: a thread that pauses between the two may see too little of the wall time,
        // which changes nothing, and never too much of it.
        let wall = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        PROCESS.at(micros(wall), micros(beginning.elapsed()))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }

    fn elapsed(&self) -> Duration {
        beginning().elapsed()
    }
}

/// A moment that stays the same for the life of the process.
#[expect(clippy::disallowed_methods, reason = "this is the door")]
fn beginning() -> Instant {
    static BEGINNING: LazyLock<Instant> = LazyLock::new(Instant::now);
    *BEGINNING
}

/// Real time since it was started. What watches over the machine's threads goes by this, whatever a
/// [`Clock`] shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }
}

/// The time of a process: what has passed since it began, on top of the latest beginning that its
/// wall time has ever meant.
#[derive(Debug)]
struct ProcessTime {
    /// In microseconds since the Unix epoch; it only grows.
    began_us: AtomicI64,
    /// How long the process had lived when the wall time was looked at last.
    looked_us: AtomicI64,
}

/// How long the wall time is not looked at again, in microseconds: a look reads two clocks more, and a
/// runtime asks for the time many times in a millisecond.
const LOOK_EVERY_US: i64 = 5_000;

impl ProcessTime {
    const fn new() -> Self {
        Self {
            began_us: AtomicI64::new(i64::MIN),
            looked_us: AtomicI64::new(i64::MIN),
        }
    }

    /// The time in milliseconds, when the wall shows `wall_us` and `passed_us` is how long the
    /// process has lived.
    fn at(&self, wall_us: i64, passed_us: i64) -> u64 {
        let began_us = wall_us.saturating_sub(passed_us);
        let latest_us = self
            .began_us
            .fetch_max(began_us, Ordering::Relaxed)
            .max(began_us);
        // After the beginning, so that whoever finds it fresh finds a beginning.
        self.looked_us.fetch_max(passed_us, Ordering::Release);
        time_ms(latest_us, passed_us)
    }

    /// The time in milliseconds, if the wall time was looked at a moment ago.
    fn at_if_fresh(&self, passed_us: i64) -> Option<u64> {
        let looked_us = self.looked_us.load(Ordering::Acquire);
        let is_fresh = passed_us.saturating_sub(looked_us) < LOOK_EVERY_US;
        is_fresh.then(|| time_ms(self.began_us.load(Ordering::Relaxed), passed_us))
    }
}

fn time_ms(began_us: i64, passed_us: i64) -> u64 {
    u64::try_from(began_us.saturating_add(passed_us)).unwrap_or_default() / 1_000
}

fn micros(duration: Duration) -> i64 {
    let whole_us = duration.as_secs().saturating_mul(1_000_000);
    let us = whole_us.saturating_add(duration.subsec_micros().into());
    i64::try_from(us).unwrap_or(i64::MAX)
}

/// Time that goes on from where it stood when the clock that it is read from goes back.
///
/// [`SystemClock`] needs it not. It is for stores, which work by whatever clock they are given and
/// must not make invisible what was visible.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SteadyTime {
    /// What the clock has shown last.
    reading_ms: u64,
    /// How much later it is than the clock shows.
    ahead_ms: u64,
}

impl SteadyTime {
    /// The time when the clock shows `reading_ms`. Readings are handed in one after the other, as
    /// they were taken.
    pub fn at(&mut self, reading_ms: u64) -> u64 {
        let set_back_ms = self.reading_ms.saturating_sub(reading_ms);
        self.ahead_ms = self.ahead_ms.saturating_add(set_back_ms);
        self.reading_ms = reading_ms;
        reading_ms.saturating_add(self.ahead_ms)
    }

    /// Lets the time be at least this much, when the clock shows `reading_ms`, for example since
    /// something was written at that time.
    pub fn not_before(&mut self, at_ms: u64, reading_ms: u64) {
        let now_ms = self.at(reading_ms);
        self.ahead_ms = self.ahead_ms.saturating_add(at_ms.saturating_sub(now_ms));
    }
}

/// A duration in whole milliseconds, rounded up, so that nothing happens early.
#[must_use]
pub fn millis_ceil(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

#[cfg(any(test, feature = "test-util"))]
pub use manual::ManualClock;

#[cfg(any(test, feature = "test-util"))]
mod manual {
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;
    use tokio::sync::oneshot;

    use super::{Clock, Sleep, millis_ceil};

    /// A clock that stands still until a test moves it.
    ///
    /// Setting it forward lets time pass. Setting it back does not, nor does a [`jump`](Self::jump):
    /// whoever sleeps has as long to sleep as before.
    #[derive(Debug, Clone)]
    pub struct ManualClock {
        state: Arc<Mutex<State>>,
    }

    #[derive(Debug)]
    struct State {
        now_ms: u64,
        /// How much time has passed.
        elapsed: Duration,
        sleepers: Vec<(u64, oneshot::Sender<()>)>,
    }

    impl ManualClock {
        /// A clock that shows this time, in milliseconds since the Unix epoch.
        #[must_use]
        pub fn at_ms(now_ms: u64) -> Self {
            Self {
                state: Arc::new(Mutex::new(State {
                    now_ms,
                    elapsed: Duration::ZERO,
                    sleepers: Vec::new(),
                })),
            }
        }

        /// Moves the clock forward and wakes everybody whose time has come.
        pub fn advance(&self, by: Duration) {
            let now_ms = self.state.lock().now_ms + millis_ceil(by);
            self.set_ms(now_ms);
        }

        /// Shows a later time although none has passed, as a machine does whose clock was wrong and
        /// is set right.
        pub fn jump(&self, by: Duration) {
            let mut state = self.state.lock();
            let by_ms = millis_ceil(by);
            state.now_ms += by_ms;
            for (at_ms, _) in &mut state.sleepers {
                *at_ms = at_ms.saturating_add(by_ms);
            }
        }

        /// Sets the clock, backwards too.
        pub fn set_ms(&self, now_ms: u64) {
            let due: Vec<_> = {
                let mut state = self.state.lock();
                let set_back_ms = state.now_ms.saturating_sub(now_ms);
                for (at_ms, _) in &mut state.sleepers {
                    *at_ms = at_ms.saturating_sub(set_back_ms);
                }
                let forward_ms = now_ms.saturating_sub(state.now_ms);
                state.elapsed += Duration::from_millis(forward_ms);
                state.now_ms = now_ms;
                state
                    .sleepers
                    .extract_if(.., |(at_ms, _)| *at_ms <= now_ms)
                    .collect()
            };
            for (_, sleeper) in due {
                // A sleeper that was dropped meanwhile needs no wake.
                sleeper.send(()).ok();
            }
        }
    }

    impl Clock for ManualClock {
        fn now_ms(&self) -> u64 {
            self.state.lock().now_ms
        }

        fn sleep(&self, duration: Duration) -> Sleep {
            let (wake, woken) = oneshot::channel();
            {
                let mut state = self.state.lock();
                let at_ms = state.now_ms.saturating_add(millis_ceil(duration));
                if at_ms > state.now_ms {
                    state.sleepers.retain(|(_, sleeper)| !sleeper.is_closed());
                    state.sleepers.push((at_ms, wake));
                } else {
                    wake.send(()).ok();
                }
            }
            Box::pin(async move {
                woken.await.ok();
            })
        }

        fn elapsed(&self) -> Duration {
            self.state.lock().elapsed
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);
    const NOON: Duration = Duration::from_secs(1_700_000_000);

    fn ms(duration: Duration) -> u64 {
        millis_ceil(duration)
    }

    fn at(process: &ProcessTime, wall: Duration, passed: Duration) -> u64 {
        process.at(micros(wall), micros(passed))
    }

    #[test]
    fn the_time_of_a_process_goes_on_where_the_wall_time_is_set_back() {
        let process = ProcessTime::new();
        let second = Duration::from_secs(1);
        assert_eq!(at(&process, NOON, second), ms(NOON));
        assert_eq!(at(&process, NOON - HOUR, second), ms(NOON));
        assert_eq!(
            at(&process, NOON - HOUR + second, 2 * second),
            ms(NOON + second)
        );
        // Set right again, nothing has happened.
        assert_eq!(
            at(&process, NOON + 2 * second, 3 * second),
            ms(NOON + 2 * second)
        );
    }

    #[test]
    fn the_time_of_a_process_follows_the_wall_time_forward() {
        let process = ProcessTime::new();
        let second = Duration::from_secs(1);
        assert_eq!(at(&process, NOON, second), ms(NOON));
        // The machine slept, and its processes did not notice.
        assert_eq!(at(&process, NOON + HOUR, second), ms(NOON + HOUR));
        assert_eq!(
            at(&process, NOON + HOUR + second, 2 * second),
            ms(NOON + HOUR + second)
        );
    }

    #[test]
    fn a_wall_time_that_was_read_late_takes_nothing_back() {
        let process = ProcessTime::new();
        let second = Duration::from_secs(1);
        assert_eq!(at(&process, NOON + second, second), ms(NOON + second));
        // A second passed between the two readings.
        assert_eq!(
            at(&process, NOON + second, 2 * second),
            ms(NOON + 2 * second)
        );
        assert_eq!(
            at(&process, Duration::ZERO, 2 * second),
            ms(NOON + 2 * second)
        );
    }

    #[test]
    fn the_wall_time_is_looked_at_now_and_then() {
        let process = ProcessTime::new();
        let second = Duration::from_secs(1);
        let step = Duration::from_micros(4_999);
        assert_eq!(
            process.at_if_fresh(micros(second)),
            None,
            "it was never looked at"
        );
        at(&process, NOON, second);
        let fresh = process.at_if_fresh(micros(second + step));
        assert_eq!(fresh, Some(ms(NOON) + 4));
        // A thread that was paused has an older reading, which is a fresh one.
        assert_eq!(
            process.at_if_fresh(micros(second - step)),
            Some(ms(NOON) - 5)
        );
        assert_eq!(process.at_if_fresh(micros(second + 2 * step)), None);
    }

    #[test]
    fn a_process_can_begin_before_its_machine_knows_the_date() {
        let process = ProcessTime::new();
        assert_eq!(at(&process, Duration::ZERO, HOUR), 0);
        assert_eq!(at(&process, NOON, HOUR), ms(NOON));
    }

    #[test]
    fn the_machines_clock_never_goes_back() {
        let mut latest_ms = 0;
        for _ in 0..1_000 {
            let now_ms = SystemClock.now_ms();
            assert!(now_ms >= latest_ms);
            latest_ms = now_ms;
        }
    }

    #[test]
    fn what_has_passed_is_not_what_the_clock_shows() {
        let clock = ManualClock::at_ms(1_000);
        let second = Duration::from_secs(1);
        clock.advance(second);
        let mut sleep = clock.sleep(second);
        clock.jump(HOUR);
        clock.set_ms(500);
        clock.jump(HOUR);
        assert_eq!(clock.now_ms(), 500 + ms(HOUR));
        assert_eq!(clock.elapsed(), second);
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(second);
        assert_eq!(clock.elapsed(), 2 * second);
        assert!(sleep.now_or_never().is_some());
    }

    #[test]
    fn steady_time_goes_on_from_where_it_stood() {
        let mut time = SteadyTime::default();
        assert_eq!(time.at(1_000), 1_000);
        assert_eq!(time.at(400), 1_000);
        assert_eq!(time.at(410), 1_010);
        assert_eq!(time.at(10), 1_010);
        time.not_before(900, 20);
        assert_eq!(time.at(20), 1_020);
        time.not_before(5_000, 20);
        assert_eq!(time.at(30), 5_010);
    }
}
