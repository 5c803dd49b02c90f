//! A time that the cases move.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock, ManualClock, millis_ceil};
use duroxide_core::providers::ProviderError;
use duroxide_provider_tests::{Pace, TestClock};
use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult, cmd};
use tokio::sync::Mutex;

use super::place::{self, Place};

/// In each partition, where the scripts read it.
const KEY: &str = "test_clock";
/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// The time of a store and of the providers on it.
pub(super) struct MovableClock {
    clock: ManualClock,
    place: Place,
    /// Where the scripts read it. One moves it at a time.
    keys: Mutex<Keys>,
}

type Keys = Vec<(String, MultiplexedConnection)>;

impl MovableClock {
    /// Gives a store that was just made a time that can be moved.
    pub(super) async fn new(place: Place) -> Result<Self, ProviderError> {
        let mut keys = place.each(KEY).await?;
        for (key, connection) in &mut keys {
            let set: RedisResult<()> = set(key, NOW_MS).query_async(connection).await;
            set.map_err(place::failed)?;
        }
        Ok(Self {
            clock: ManualClock::at_ms(NOW_MS),
            place,
            keys: Mutex::new(keys),
        })
    }

    /// Has the scripts go by this time; false where the store was removed meanwhile, which gets no key again.
    async fn move_to(&self, keys: &mut Keys, now_ms: u64) -> Result<bool, ProviderError> {
        if let Ok(are_there) = set_each(keys, now_ms).await {
            return Ok(are_there);
        }
        // A partition has another server by now, or a connection was lost.
        *keys = self.place.each(KEY).await?;
        set_each(keys, now_ms).await.map_err(place::failed)
    }
}

async fn set_each(keys: &mut [(String, MultiplexedConnection)], now_ms: u64) -> RedisResult<bool> {
    for (key, connection) in keys {
        let mut set = set(key, now_ms);
        let set: Option<String> = set.arg("XX").query_async(connection).await?;
        if set.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn set(key: &str, now_ms: u64) -> Cmd {
    let mut set = cmd("SET");
    set.arg(key).arg(now_ms);
    set
}

#[async_trait]
impl TestClock for MovableClock {
    async fn elapse(&self, by: Duration) {
        let mut keys = self.keys.lock().await;
        let now_ms = self.clock.now_ms() + millis_ceil(by);
        // The servers first: whoever is woken by the clock asks there.
        match self.move_to(&mut keys, now_ms).await {
            Ok(true) => self.clock.set_ms(now_ms),
            // Time stands still, and the case fails by that.
            Ok(false) => {
                tracing::error!(target: "duroxide::redis", "the clock of this store was removed");
            }
            Err(error) => {
                tracing::error!(target: "duroxide::redis", %error, "the clock cannot be moved");
            }
        }
        self.clock.set_ms(now_ms);
    }

    fn pace(&self) -> Pace {
        Pace::Virtual
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clock.clone())
    }
}
