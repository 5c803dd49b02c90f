//! An attempt of an activity that has timeouts.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::activity::Heartbeat;
use crate::cancel_token::CancelToken;
use crate::clock::Clock;
use crate::message::ActivityBody;
use crate::providers::ClaimedActivity;

/// What the failure of an activity says that took too long.
const TIMED_OUT: &str = "timeout: activity timed out";
/// What the failure of an activity says that was silent for too long.
const MISSED_HEARTBEAT: &str = "timeout: activity missed its heartbeat";

/// An attempt that must end, or be heard of, within a time. Its outcome comes from its code or from
/// the timeout, never from both. Time is what passes, not what the clock shows: that may be set.
#[derive(Debug)]
pub(in crate::runtime) struct TimedAttempt {
    pub(super) claimed: ClaimedActivity,
    pub(super) cancel: CancelToken,
    pub(super) activity: String,
    pub(super) orchestration: String,
    pub(super) version: String,
    clock: Arc<dyn Clock>,
    started_at: Duration,
    start_to_close: Option<Duration>,
    heartbeat: Option<Duration>,
    /// In nanoseconds.
    last_heard_ns: AtomicU64,
    has_outcome: AtomicBool,
}

impl TimedAttempt {
    /// The attempt that starts now; `None` if it has all the time in the world.
    pub(in crate::runtime) fn start(
        claimed: &ClaimedActivity,
        body: &ActivityBody,
        cancel: &CancelToken,
        clock: &Arc<dyn Clock>,
    ) -> Option<Arc<Self>> {
        if body.start_to_close_ms.is_none() && body.heartbeat_ms.is_none() {
            return None;
        }
        let started_at = clock.elapsed();
        Some(Arc::new(Self {
            claimed: claimed.clone(),
            cancel: cancel.clone(),
            activity: body.name.clone(),
            orchestration: body.orchestration.clone(),
            version: body.version.clone(),
            clock: Arc::clone(clock),
            started_at,
            start_to_close: body.start_to_close_ms.map(Duration::from_millis),
            heartbeat: body.heartbeat_ms.map(Duration::from_millis),
            last_heard_ns: AtomicU64::new(nanos(started_at)),
            has_outcome: AtomicBool::new(false),
        }))
    }

    /// Gives it its outcome. False if it has one already.
    #[must_use]
    pub(in crate::runtime) fn conclude(&self) -> bool {
        !self.has_outcome.swap(true, Ordering::AcqRel)
    }

    /// Whether it has its outcome.
    pub(in crate::runtime) fn is_concluded(&self) -> bool {
        self.has_outcome.load(Ordering::Acquire)
    }

    /// Ends when it is out of time, and says why.
    pub(super) async fn expired(&self) -> &'static str {
        tokio::select! {
            biased;
            () = self.out_of_time() => TIMED_OUT,
            () = self.silent() => MISSED_HEARTBEAT,
        }
    }

    async fn out_of_time(&self) {
        match self.start_to_close {
            Some(limit) => self.sleep_until(self.started_at, limit).await,
            None => pending().await,
        }
    }

    async fn silent(&self) {
        let Some(limit) = self.heartbeat else {
            return pending().await;
        };
        loop {
            let last_heard_ns = self.last_heard_ns.load(Ordering::Acquire);
            self.sleep_until(Duration::from_nanos(last_heard_ns), limit)
                .await;
            if self.last_heard_ns.load(Ordering::Acquire) == last_heard_ns {
                return;
            }
        }
    }

    /// Sleeps until so much time has passed since then.
    async fn sleep_until(&self, since: Duration, limit: Duration) {
        let passed = self.clock.elapsed().saturating_sub(since);
        self.clock.sleep(limit.saturating_sub(passed)).await;
    }
}

impl Heartbeat for TimedAttempt {
    fn beat(&self) {
        let now_ns = nanos(self.clock.elapsed());
        self.last_heard_ns.store(now_ns, Ordering::Release);
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
