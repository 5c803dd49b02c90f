//! What an implementer writes: how to get an empty store, and how its time passes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::ManualClock;
use duroxide_core::providers::Provider;

/// A maker of empty stores.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// An empty store that nobody else can see. It fails by panicking, with a text that says what
    /// to install or to set.
    async fn create(&self) -> Box<dyn Store>;
}

/// One store; what it holds goes away when it is dropped.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a handle on the store's data.
    ///
    /// The harness opens one for each case. A second one at the same time is asked for by the
    /// cases of `multi_handle` alone, one after the earlier ones were closed or dropped by those
    /// of `durable`.
    async fn connect(&self) -> Arc<dyn Provider>;

    /// How time passes for this store.
    fn clock(&self) -> &dyn TestClock;
}

/// How a case lets the store's time pass.
#[async_trait]
pub trait TestClock: Send + Sync {
    /// Returns when this much time has passed for the store.
    async fn elapse(&self, by: Duration);
}

#[async_trait]
impl TestClock for ManualClock {
    async fn elapse(&self, by: Duration) {
        self.advance(by);
    }
}
