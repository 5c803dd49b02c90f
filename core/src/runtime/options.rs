//! The settings of a runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::observability::ObservabilityConfig;
use crate::clock::{Clock, SystemClock};
use crate::providers::TaskQueue;

/// The settings of a runtime.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// The least pause between two claims that found nothing, where the backend cannot tell of
    /// new work. Where it can, this never delays anything.
    pub dispatcher_min_poll_interval: Duration,
    /// How long the runtime waits for work before it looks again by itself.
    pub dispatcher_long_poll_timeout: Duration,
    /// The queues of the instances that this runtime runs: at most
    /// [`CLAIM_QUEUES_MAX`](crate::limits::CLAIM_QUEUES_MAX), by default the one named `default`. It
    /// runs the activities of the queues that are named like these as well. With none it runs no
    /// orchestrations.
    pub turn_queues: Vec<String>,
    /// Queues of activities with slots of their own: how many of each are in flight at once. One that
    /// is named like a queue of turns no longer counts against
    /// [`worker_concurrency`](Self::worker_concurrency) then, and with 0 slots this runtime runs none
    /// of its activities.
    pub activity_queues: BTreeMap<String, usize>,
    /// How many claimed turns are in flight at once. A turn in flight costs memory and no thread,
    /// and turns that end together are committed together, so the default is high. A turn that
    /// goes on with the outcome of an activity of this runtime counts as that activity.
    pub orchestration_concurrency: usize,
    /// How many activities are in flight at once, but for those of
    /// [`activity_queues`](Self::activity_queues). Most of them wait for something, so the default
    /// is high; lower it if they compute.
    pub worker_concurrency: usize,
    /// How long an instance is leased for a turn. After a crash its work rests for so long.
    pub orchestrator_lock_timeout: Duration,
    /// How long before its end that lease is renewed at the latest, if it is at least 15 s long.
    pub orchestrator_lock_renewal_buffer: Duration,
    /// How long an activity is leased. After a crash it rests for so long.
    pub worker_lock_timeout: Duration,
    /// How long before its end that lease is renewed at the latest, if it is at least 15 s long.
    pub worker_lock_renewal_buffer: Duration,
    /// Logs and metrics.
    pub observability: ObservabilityConfig,
    /// How often a turn or an activity may take its process down before it is given up as poison.
    /// The first two times do not count, since anything that ran beside it may have been the cause;
    /// from the third on it runs alone, and the last two times with nothing beside it however long
    /// it takes.
    pub max_attempts: u32,
    /// How long a turn's code may run without yielding. Beyond that the turn is given up: its lease
    /// is left to pass, the attempt counts, and its slot serves others.
    pub turn_deadline: Duration,
    /// What happens to work that the deployed code does not fit.
    pub mismatch_policy: MismatchPolicy,
    /// How many instances stay in memory between their turns, so that they need no replay.
    pub warm_instances_max: usize,
    /// How many bytes of history those may stand for.
    pub warm_bytes_max: usize,
    /// Whether every turn is replayed from its history and compared, which finds code that is not
    /// deterministic. For tests: it costs as much as the history is long.
    pub shadow_replay: bool,
    /// Whether that comparison includes inputs, outputs and the inputs of `continue_as_new`. They
    /// need not be the same for a replay to succeed: what was recorded is adopted.
    pub shadow_replay_inputs: bool,
    /// What this node is called in logs, in [`ClientError::Blocked`](crate::ClientError::Blocked)
    /// and by `ActivityContext::worker_id`; up to 128 bytes. Without it that is
    /// `HOST:PID-RANDOM`. Nothing goes by it, so two nodes may have the same name.
    pub worker_node_id: Option<String>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// How long after their end the instances expire that this runtime ends, and that were started
    /// without a time of their own: at least [`EXPIRE_AFTER_MIN`](crate::limits::EXPIRE_AFTER_MIN).
    /// They are removed then, with their children, whose time counts from their own end. `None` keeps
    /// them for ever.
    pub expire_after: Option<Duration>,
    /// How long a cancelled activity may go on after it was told, before it is aborted.
    pub activity_cancellation_grace: Duration,
}

impl Default for RuntimeOptions {
    fn default() -> Self {
        Self {
            dispatcher_min_poll_interval: Duration::from_millis(100),
            dispatcher_long_poll_timeout: Duration::from_secs(30),
            turn_queues: vec![TaskQueue::DEFAULT.to_owned()],
            activity_queues: BTreeMap::new(),
            orchestration_concurrency: 256,
            worker_concurrency: 256,
            orchestrator_lock_timeout: Duration::from_secs(5),
            orchestrator_lock_renewal_buffer: Duration::from_secs(2),
            worker_lock_timeout: Duration::from_secs(30),
            worker_lock_renewal_buffer: Duration::from_secs(5),
            observability: ObservabilityConfig::default(),
            max_attempts: 10,
            turn_deadline: Duration::from_secs(10),
            mismatch_policy: MismatchPolicy::default(),
            warm_instances_max: 10_000,
            warm_bytes_max: 256 * 1024 * 1024,
            shadow_replay: false,
            shadow_replay_inputs: false,
            worker_node_id: None,
            clock: SystemClock::shared(),
            expire_after: None,
            activity_cancellation_grace: Duration::from_secs(10),
        }
    }
}

/// From this length on a lease is renewed a buffer before its end.
const LONG_LEASE_MIN: Duration = Duration::from_secs(15);
/// A long lease is not renewed more often than this, however large its buffer is.
const LONG_LEASE_RENEWAL_MIN: Duration = Duration::from_secs(1);

impl RuntimeOptions {
    /// The latest moment to renew a lease, counted from its beginning: a buffer before its end,
    /// or half of it if it is shorter than 15 s.
    #[must_use]
    pub fn renewal_interval(lease: Duration, buffer: Duration) -> Duration {
        if lease >= LONG_LEASE_MIN {
            lease.saturating_sub(buffer).max(LONG_LEASE_RENEWAL_MIN)
        } else {
            lease / 2
        }
    }
}

/// What happens to work that the deployed code does not fit: its orchestration, version or activity
/// is not registered, the code does not do what history says it did, or it takes another input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MismatchPolicy {
    /// It is given back, for longer each time, as often as it takes: a node with other code may run
    /// it, and a deployment mends it. Nothing is ended by a deployment. The log says what is missing
    /// and how many wait for it, and so does the error of a client that waits in vain.
    GiveBack {
        /// For how long it is given back the first time; twice as long each further time.
        delay_min: Duration,
        /// The longest such time.
        delay_max: Duration,
    },
    /// It fails, and says why. An activity that is not registered, or does not take its input, fails
    /// as any other: the orchestration's code gets the error.
    FailAtOnce,
}

impl MismatchPolicy {
    /// The default times.
    pub(super) const DELAY_MIN: Duration = Duration::from_millis(100);
    pub(super) const DELAY_MAX: Duration = Duration::from_secs(30);
}

impl Default for MismatchPolicy {
    fn default() -> Self {
        Self::GiveBack {
            delay_min: Self::DELAY_MIN,
            delay_max: Self::DELAY_MAX,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_leases_are_renewed_a_buffer_before_their_end_and_short_ones_half_way() {
        let cases = [
            (30_000, 5_000, 25_000),
            (300_000, 30_000, 270_000),
            (15_000, 5_000, 10_000),
            (15_000, 60_000, 1_000),
            (14_999, 5_000, 7_500),
            (5_000, 2_000, 2_500),
            (200, 0, 100),
            (0, 0, 0),
        ];
        for (lease_ms, buffer_ms, expected_ms) in cases {
            let interval = RuntimeOptions::renewal_interval(
                Duration::from_millis(lease_ms),
                Duration::from_millis(buffer_ms),
            );
            let rounded_ms = interval.as_micros().div_ceil(1_000);
            assert_eq!(
                rounded_ms, expected_ms,
                "lease {lease_ms} buffer {buffer_ms}"
            );
        }
    }
}
