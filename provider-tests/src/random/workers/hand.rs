//! One worker: what it draws, how it sleeps, and its calls of the store.

use std::time::Duration;

use duroxide_core::providers::ReleasedAttempts;
use fastrand::Rng;

use super::caller::{Caller, Patience};
use super::scheduler::Sleep;
use super::{INSTANCES, LEASE, TOPICS};

/// After so many polls most calls have ended.
const POLLS_MAX: usize = 3;

/// One worker's hand on the store.
#[derive(Debug)]
pub(super) struct Hand {
    pub(super) rng: Rng,
    pub(super) store: Caller,
    sleep: Sleep,
}

impl Hand {
    pub(super) fn new(store: Caller, rng: Rng, sleep: Sleep) -> Self {
        Self { rng, store, sleep }
    }

    /// Whether something happens that does so this often in a hundred times.
    pub(super) fn chance(&mut self, percent: u8) -> bool {
        self.rng.u8(..100) < percent
    }

    pub(super) fn any_instance(&mut self) -> &'static str {
        INSTANCES[self.rng.usize(..INSTANCES.len())]
    }

    pub(super) fn any_topic(&mut self) -> &'static str {
        TOPICS[self.rng.usize(..TOPICS.len())]
    }

    /// Rarely an impatient one.
    pub(super) fn any_patience(&mut self) -> Patience {
        if self.chance(8) {
            Patience::Polls(self.rng.usize(..=POLLS_MAX))
        } else {
            Patience::Endless
        }
    }

    /// What a release shall do with the count.
    pub(super) fn any_attempts(&mut self) -> ReleasedAttempts {
        match self.rng.u8(..3) {
            0 => ReleasedAttempts::Keep,
            1 => ReleasedAttempts::TakeBack,
            _ => ReleasedAttempts::Reset,
        }
    }

    pub(super) async fn nap(&mut self, ms_max: u64) {
        let nap = Duration::from_millis(self.rng.u64(1..=ms_max));
        self.sleep.sleep(nap).await;
    }

    /// Sleeps for longer than a lease.
    pub(super) async fn oversleep(&mut self) {
        let beyond = Duration::from_millis(self.rng.u64(1..=50));
        self.sleep.sleep(LEASE + beyond).await;
    }
}
