//! The fixture by which this provider proves itself, and other providers are compared with it.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_provider_tests::{Fixture, Store, TestClock, Unavailable};

use crate::{MemoryOptions, MemoryProvider};

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// Makes empty in-memory stores, each with a clock of its own that stands still until it is moved.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryFixture;

struct MemoryStore {
    clock: ManualClock,
    provider: Arc<MemoryProvider>,
}

#[async_trait]
impl Fixture for MemoryFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let clock = ManualClock::at_ms(NOW_MS);
        let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
        let provider = Arc::new(MemoryProvider::with_options(options));
        Ok(Box::new(MemoryStore { clock, provider }))
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        Ok(Arc::clone(&self.provider) as Arc<dyn Provider>)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
