//! What an implementer writes: how to get an empty store, and how its time passes.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use duroxide_core::clock::{Clock, ManualClock};
use duroxide_core::providers::Provider;

/// A maker of empty stores.
#[async_trait]
pub trait Fixture: Send + Sync + 'static {
    /// Which of its settings or modes the provider runs with, for reports; `default` if it has
    /// only one.
    fn mode(&self) -> &str {
        "default"
    }

    /// An empty store that nobody else can see.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no store to be had, for example since no server answers.
    async fn create(&self) -> Result<Box<dyn Store>, Unavailable>;
}

/// One store; what it holds goes away when it is dropped.
#[async_trait]
pub trait Store: Send + Sync {
    /// Opens a handle on the store's data.
    ///
    /// The harness opens one for each case. A second one at the same time is asked for by the
    /// cases of `multi_handle` alone, one after the earlier ones were closed or dropped by those
    /// of `durable`.
    ///
    /// # Errors
    /// [`Unavailable`] when the store cannot be opened.
    async fn connect(&self) -> Result<Arc<dyn Provider>, Unavailable>;

    /// How time passes for this store.
    fn clock(&self) -> &dyn TestClock;
}

/// How a case lets the store's time pass.
#[async_trait]
pub trait TestClock: Send + Sync {
    /// Returns when this much time has passed for the store.
    async fn elapse(&self, by: Duration);

    /// How the store's time passes.
    fn pace(&self) -> Pace;

    /// The clock that a runtime on this store goes by.
    fn clock(&self) -> Arc<dyn Clock>;
}

/// How a store's time passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When a case says so and not otherwise, to the millisecond.
    Virtual,
    /// As everybody's does; a second of a case takes this part of a real one. The harness makes the
    /// provider's times as short, see [`RealTime`](crate::RealTime).
    Real {
        /// By how much every time of a case is divided.
        speedup: u32,
    },
}

#[async_trait]
impl TestClock for ManualClock {
    async fn elapse(&self, by: Duration) {
        self.advance(by);
    }

    fn pace(&self) -> Pace {
        Pace::Virtual
    }

    fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

/// There is no store to test: the text says what to install or to set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);

impl Unavailable {
    /// Says why there is no store, and what to install or to set.
    #[must_use]
    pub fn new(remedy: impl Into<String>) -> Self {
        Self(remedy.into())
    }
}
