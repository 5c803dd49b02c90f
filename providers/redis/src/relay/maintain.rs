//! The relay's part of `maintain`.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::ProviderError;

use super::rounds;
use crate::provider::RedisProvider;

/// How soon somebody has to come again at the earliest.
const PAUSE_MIN: Duration = Duration::from_secs(1);

impl RedisProvider {
    /// Brings what others have left between partitions, for so long at most, and answers how long nothing is to
    /// be done about that.
    pub(crate) async fn relay(&self, budget: Duration) -> Result<Duration, ProviderError> {
        let setup = &self.setup;
        if setup.partitions.count() == 1 {
            return Ok(Duration::MAX);
        }
        // A round that takes longer comes to its end all the same.
        let made = tokio::spawn(rounds::run(Arc::clone(setup)));
        let made = tokio::select! {
            biased;
            made = made => made.unwrap_or(Ok(())),
            () = SystemClock.sleep(budget) => Ok(()),
        };
        if let Err(failure) = made {
            // The other partitions have had theirs.
            tracing::debug!(
                target: "duroxide::redis", error = ?failure,
                "a partition cannot be reached; what lies there for others is brought later"
            );
        }
        let now = setup.access.options.clock.elapsed();
        Ok(setup.rounds.until_next(now).max(PAUSE_MIN))
    }
}
