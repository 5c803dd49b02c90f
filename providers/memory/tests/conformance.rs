//! The in-memory provider keeps the contract.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;
use duroxide_memory::{MemoryOptions, MemoryProvider};
use duroxide_provider_tests::{Fixture, Store, TestClock};

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

struct Memory;

struct MemoryStore {
    clock: ManualClock,
    provider: Arc<MemoryProvider>,
}

#[async_trait]
impl Fixture for Memory {
    async fn create(&self) -> Box<dyn Store> {
        let clock = ManualClock::at_ms(NOW_MS);
        let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
        let provider = Arc::new(MemoryProvider::with_options(options));
        Box::new(MemoryStore { clock, provider })
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn connect(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider) as Arc<dyn Provider>
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}

duroxide_provider_tests::conformance_tests! {
    fixture = Memory,
    profiles = [required, management],
}
