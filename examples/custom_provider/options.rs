//! The settings of a provider.

use std::sync::Arc;

use duroxide::clock::{Clock, SystemClock};
use duroxide::providers::Limits;

/// The settings of a [`FileProvider`](crate::provider::FileProvider).
#[derive(Debug, Clone)]
pub(crate) struct FileOptions {
    /// Where time comes from. Tests move it by hand.
    pub(crate) clock: Arc<dyn Clock>,
    /// What is refused when it is larger.
    pub(crate) limits: Limits,
}

/// Bodies are written as JSON, which may take six characters for a byte: the default limits of core
/// would let one commit write hundreds of megabytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
const COMMIT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A mailbox is in memory, all of it.
const TOPIC_MESSAGES_MAX: usize = 2_000;
const MAIL_MESSAGES_MAX: usize = 10_000;

impl Default for FileOptions {
    fn default() -> Self {
        let mut limits = Limits::default();
        limits.body_bytes_max = BODY_BYTES_MAX;
        limits.commit_bytes_max = COMMIT_BYTES_MAX;
        limits.topic_messages_max = TOPIC_MESSAGES_MAX;
        limits.mail_messages_max = MAIL_MESSAGES_MAX;
        Self {
            clock: SystemClock::shared(),
            limits,
        }
    }
}
