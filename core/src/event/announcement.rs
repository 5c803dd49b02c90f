//! Cancellations that the code hears of before they come.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Entry, EventKind};

/// A cancellation that has been announced and has not come yet, as one execution hands it to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelAnnouncement {
    /// Why.
    pub reason: String,
    /// When it comes, in milliseconds since the Unix epoch, by the clock of the node that took the
    /// request.
    pub cancel_at_ms: u64,
    /// The message that announced it.
    pub message_id: Uuid,
}

/// The message that announced a cancellation to an execution or to one before it, if any did.
pub(crate) fn announced_by(entries: &[Entry]) -> Option<Uuid> {
    entries.iter().find_map(|entry| {
        if let EventKind::OrchestrationStarted { announced, .. } = &entry.kind {
            return announced.as_ref().map(|it| it.message_id);
        }
        let is_one = matches!(entry.kind, EventKind::OrchestrationCancelAnnounced { .. });
        entry.message_id.filter(|_| is_one)
    })
}
