//! The fixture by which this provider proves itself, and other providers are compared with it.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::{Limits, Provider};
use duroxide_provider_tests::{Ending, Fixture, MeteredStore, Store, TestClock, Unavailable};
use parking_lot::Mutex;

use crate::{MemoryOptions, MemoryProvider};

/// A time like those of today: Monday 2026-01-05, 00:00 UTC.
const NOW_MS: u64 = 1_767_571_200_000;

/// How much mail a topic of these stores holds: more than the cases need, and filled in no time.
const TOPIC_MESSAGES_MAX: usize = 1_500;
/// And all topics together.
const MAIL_MESSAGES_MAX: usize = 2_000;

/// Makes empty in-memory stores, each with a clock of its own that stands still until it is moved.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryFixture;

struct MemoryStore {
    clock: ManualClock,
    provider: Mutex<Arc<MemoryProvider>>,
}

impl MemoryStore {
    fn empty(clock: &ManualClock) -> Arc<MemoryProvider> {
        let mut limits = Limits::default();
        limits.topic_messages_max = TOPIC_MESSAGES_MAX;
        limits.mail_messages_max = MAIL_MESSAGES_MAX;
        let options = MemoryOptions::default()
            .clock(Arc::new(clock.clone()))
            .limits(limits);
        Arc::new(MemoryProvider::with_options(options))
    }
}

#[async_trait]
impl Fixture for MemoryFixture {
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable> {
        let clock = ManualClock::at_ms(NOW_MS);
        let provider = Mutex::new(MemoryStore::empty(&clock));
        Ok(Box::new(MemoryStore { clock, provider }))
    }

    async fn open_to_measure(&self, _: &Path) -> Result<MeteredStore, Unavailable> {
        let provider: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
        Ok(provider.into())
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable> {
        let provider = Arc::clone(&*self.provider.lock());
        Ok(provider)
    }

    /// A process that is killed takes everything with it.
    async fn crash(&self) -> Result<Ending, Unavailable> {
        *self.provider.lock() = Self::empty(&self.clock);
        Ok(Ending::ProcessKilled)
    }

    fn clock(&self) -> &dyn TestClock {
        &self.clock
    }
}
