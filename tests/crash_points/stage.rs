//! The line, the clock and the code, for as long as one process lives.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use duroxide::Client;
use duroxide::clock::ManualClock;
use duroxide::providers::Provider;
use duroxide::runtime::{Runtime, RuntimeOptions};
use tokio::sync::watch;

use crate::code;
use crate::line::Line;
use crate::support::{checked, pause};

pub(crate) const TURN_LEASE: Duration = Duration::from_secs(5);
const ACTIVITY_LEASE: Duration = Duration::from_secs(10);
/// Beyond what a crash and a clock that runs ahead of a busy machine cost.
pub(crate) const ATTEMPTS_MAX: u32 = 20;
/// How far the clock moves when nothing else does.
const TICK: Duration = Duration::from_secs(1);
/// How long nothing else must have moved, in milliseconds of real time.
const IDLE_MS: u64 = 2;

pub(crate) struct Stage {
    pub(crate) line: Arc<Line>,
    pub(crate) clock: ManualClock,
    /// How often the slow activity began.
    pub(crate) slow: Arc<watch::Sender<u32>>,
    /// Whether somebody has mended what is broken at first.
    pub(crate) is_mended: Arc<AtomicBool>,
}

impl Stage {
    pub(crate) fn client(&self) -> Client {
        let store = Arc::<Line>::clone(&self.line);
        Client::with_clock(store, Arc::new(self.clock.clone()))
    }

    pub(crate) async fn runtime(&self) -> Arc<Runtime> {
        let options = RuntimeOptions {
            clock: Arc::new(self.clock.clone()),
            orchestrator_lock_timeout: TURN_LEASE,
            worker_lock_timeout: ACTIVITY_LEASE,
            max_attempts: ATTEMPTS_MAX,
            ..checked()
        };
        let activities = code::activities(
            self.clock.clone(),
            Arc::clone(&self.slow),
            Arc::clone(&self.is_mended),
        );
        let store: Arc<dyn Provider> = Arc::<Line>::clone(&self.line);
        Runtime::start_with_options(store, Arc::new(activities), code::orchestrations(), options)
            .await
    }

    /// Moves the clock whenever the process waits for time to pass, for ever. A machine so busy
    /// that this is mistaken lets leases expire early, which must do no harm either.
    pub(crate) async fn tick(&self) -> ! {
        let mut seen = self.line.traffic();
        loop {
            pause(IDLE_MS).await;
            let traffic = self.line.traffic();
            if traffic == seen {
                self.clock.advance(TICK);
            }
            seen = traffic;
        }
    }
}
