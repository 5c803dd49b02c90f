//! The door through which time comes.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A future that ends when a clock has reached some time.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A source of time.
///
/// Everything in duroxide takes time from one of these, so that a test can move it by hand.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The wall time, in milliseconds since the Unix epoch.
    fn now_ms(&self) -> u64;

    /// Ends when this much time has passed.
    fn sleep(&self, duration: Duration) -> Sleep;
}

/// The machine's clock.
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
        let since_epoch = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    fn sleep(&self, duration: Duration) -> Sleep {
        Box::pin(tokio::time::sleep(duration))
    }
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
    #[derive(Debug, Clone)]
    pub struct ManualClock {
        state: Arc<Mutex<State>>,
    }

    #[derive(Debug)]
    struct State {
        now_ms: u64,
        sleepers: Vec<(u64, oneshot::Sender<()>)>,
    }

    impl ManualClock {
        /// A clock that shows this time, in milliseconds since the Unix epoch.
        #[must_use]
        pub fn at_ms(now_ms: u64) -> Self {
            Self {
                state: Arc::new(Mutex::new(State {
                    now_ms,
                    sleepers: Vec::new(),
                })),
            }
        }

        /// Moves the clock forward and wakes everybody whose time has come.
        pub fn advance(&self, by: Duration) {
            let now_ms = self.state.lock().now_ms + millis_ceil(by);
            self.set_ms(now_ms);
        }

        /// Sets the clock, backwards too.
        pub fn set_ms(&self, now_ms: u64) {
            let due: Vec<_> = {
                let mut state = self.state.lock();
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
    }
}
