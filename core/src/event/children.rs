//! The children that an execution waits for.

use std::collections::BTreeSet;

use super::{Entry, EventKind};

/// The children that a history scheduled and got no answer from: event and instance.
pub(crate) fn open_children(entries: &[Entry]) -> Vec<(u64, String)> {
    let answered: BTreeSet<u64> = entries
        .iter()
        .filter(|entry| {
            matches!(
                entry.kind,
                EventKind::SubOrchestrationCompleted { .. }
                    | EventKind::SubOrchestrationFailed { .. }
            )
        })
        .filter_map(|entry| entry.source_event_id)
        .collect();
    entries
        .iter()
        .filter_map(|entry| {
            let EventKind::SubOrchestrationScheduled { instance, .. } = &entry.kind else {
                return None;
            };
            Some((entry.event_id, instance.clone()))
        })
        .filter(|(event_id, _)| !answered.contains(event_id))
        .collect()
}
