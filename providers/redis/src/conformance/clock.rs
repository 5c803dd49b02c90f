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

use super::place::Place;

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// The time of a store and of the providers on it.
pub(super) struct MovableClock {
    clock: ManualClock,
    /// Where the scripts read it.
    keys: Vec<String>,
    /// One moves it at a time.
    connection: Mutex<MultiplexedConnection>,
}

impl MovableClock {
    /// Gives a store that was just made a time that can be moved.
    pub(super) async fn new(
        place: &Place,
        mut connection: MultiplexedConnection,
    ) -> Result<Self, ProviderError> {
        let keys = place.keys("test_clock");
        for key in &keys {
            let set: RedisResult<()> = set(key, NOW_MS).query_async(&mut connection).await;
            set.map_err(|cause| place.failed(cause))?;
        }
        Ok(Self {
            clock: ManualClock::at_ms(NOW_MS),
            keys,
            connection: Mutex::new(connection),
        })
    }
}

fn set(key: &str, now_ms: u64) -> Cmd {
    let mut set = cmd("SET");
    set.arg(key).arg(now_ms);
    set
}

#[async_trait]
impl TestClock for MovableClock {
    async fn elapse(&self, by: Duration) {
        let mut connection = self.connection.lock().await;
        let now_ms = self.clock.now_ms() + millis_ceil(by);
        // The server first: whoever is woken by the clock asks there. A store that was removed meanwhile
        // gets no key again.
        for key in &self.keys {
            let moved: RedisResult<Option<String>> = set(key, now_ms)
                .arg("XX")
                .query_async(&mut *connection)
                .await;
            match moved {
                Ok(Some(_)) => {}
                // Time stands still, and the case fails by that.
                Ok(None) => {
                    tracing::error!(target: "duroxide::redis", "the clock of this store was removed");
                    return;
                }
                Err(error) => {
                    tracing::error!(target: "duroxide::redis", %error, "the clock cannot be moved");
                    return;
                }
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
