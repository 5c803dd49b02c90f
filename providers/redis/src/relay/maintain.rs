//! The relay's part of `maintain`.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::ProviderError;

use super::rounds;
use crate::provider::RedisProvider;

impl RedisProvider {
    /// Brings what others have left between partitions, for so long at most, and answers how long nothing is to
    /// be done about that.
    pub(crate) async fn relay(&self, budget: Duration) -> Result<Duration, ProviderError> {
        let setup = &self.setup;
        if setup.partitions.count() == 1 {
            return Ok(Duration::MAX);
        }
        let made = tokio::select! {
            biased;
            made = rounds::run(Arc::clone(setup)) => made,
            () = SystemClock.sleep(budget) => Ok(()),
        };
        made.map_err(|failure| failure.error("maintain", false))?;
        Ok(setup
            .rounds
            .until_next(setup.access.options.clock.elapsed()))
    }
}
