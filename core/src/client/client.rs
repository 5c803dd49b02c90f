//! The client itself.

use std::sync::Arc;

use crate::clock::{Clock, SystemClock};
use crate::providers::Provider;

/// Starts, watches and steers orchestrations in a store. It needs no runtime in its process.
/// Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) store: Arc<dyn Provider>,
    pub(super) clock: Arc<dyn Clock>,
}

impl Client {
    /// A client of this store.
    #[must_use]
    pub fn new(store: Arc<dyn Provider>) -> Self {
        Self::with_clock(store, SystemClock::shared())
    }

    /// A client of this store that takes time from this clock.
    #[must_use]
    pub fn with_clock(store: Arc<dyn Provider>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }
}
