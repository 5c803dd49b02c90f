//! How an instance is started.

use std::time::Duration;

/// How an instance is started, by a client or by an orchestration that does not wait for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StartOptions {
    /// The orchestration's version; without one the registry's policy decides.
    pub version: Option<String>,
    /// How long after the start its first turn comes, by the store's clock. Until then the instance is
    /// there, as `Pending`: events wait for it, and it can be cancelled.
    pub delay: Duration,
}
