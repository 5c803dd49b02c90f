//! What is done to a run on purpose.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};

use super::Workers;
use crate::failure::Failure;
use crate::load::Load;

/// How long nothing is killed at the least, and how much longer at the most.
const QUIET_MS: u64 = 2_000;
const QUIET_MORE_MS: u64 = 2_000;

/// What fails, and how often: commits before and after they were made, claims whose answers are lost, and renewals.
/// The numbers have no common factor, so that everything meets everything.
const FAULTS: [(Operation, u64, Effect); 6] = [
    (Operation::Commit, 101, Effect::LoseReply),
    (
        Operation::Commit,
        127,
        Effect::FailBefore(ErrorKind::Unavailable),
    ),
    (
        Operation::ClaimTurns,
        151,
        Effect::FailBefore(ErrorKind::Unavailable),
    ),
    (Operation::ClaimActivities, 307, Effect::LoseReply),
    (
        Operation::Renew,
        3,
        Effect::FailBefore(ErrorKind::Unavailable),
    ),
    (Operation::ReadHistory, 11, Effect::LoseReply),
];

/// The store as runtimes see it: with calls that fail, if they are to.
pub(crate) fn around(store: Arc<dyn Provider>, chaos: bool) -> Arc<dyn Provider> {
    if !chaos {
        return store;
    }
    let faults = FAULTS.map(|(operation, nth, effect)| Fault {
        operation,
        when: When::EveryNth(nth),
        effect,
    });
    Arc::new(Faulty::new(store).with_faults(faults))
}

/// Kills a worker process every few seconds, and starts another one, as long as operations are begun. It never ends
/// by itself but for a failure.
pub(crate) async fn kill_now_and_then(workers: &mut Workers, load: &Load, seed: u64) -> Failure {
    let mut draw = fastrand::Rng::with_seed(seed);
    loop {
        let quiet_ms = QUIET_MS + draw.u64(..QUIET_MORE_MS);
        SystemClock.sleep(Duration::from_millis(quiet_ms)).await;
        let count = workers.count_processes();
        if load.is_over() || count == 0 {
            return std::future::pending().await;
        }
        load.note_kill();
        if let Err(failure) = workers.replace(draw.usize(..count)).await {
            return failure;
        }
    }
}
