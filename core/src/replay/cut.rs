//! Where the history of a run that failed is cut, so that it can go on from there.

use super::input::Input;
use crate::event::{AppErrorKind, Entry, ErrorDetails, EventKind};

/// A place in a history: what comes before it is repeated, and what the event here brought is done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The first event that is not repeated.
    pub(crate) event_id: u64,
    /// Whether the last step before it may not be whole, or never was taken: the run was ended there, by
    /// its code or from outside. The code goes on within that step then.
    pub(crate) within_step: bool,
}

impl Cut {
    /// The first event that a cut can be at: the start is always repeated.
    pub(crate) const FIRST: u64 = 2;

    /// Just before the last step failed: the last activity or child that failed, if the code failed; before
    /// the cancellation, if it was cancelled; and otherwise where the run ended, since it was the run that
    /// could not go on. `None` if the history does not end with a failure.
    pub(crate) fn before_failure(entries: &[Entry]) -> Option<Self> {
        let (last, before) = entries.split_last()?;
        let EventKind::OrchestrationFailed { details } = &last.kind else {
            return None;
        };
        let is_failed_step = |entry: &&Entry| {
            matches!(
                entry.kind,
                EventKind::ActivityFailed { .. } | EventKind::SubOrchestrationFailed { .. }
            )
        };
        let is_cancellation = |entry: &&Entry| {
            matches!(
                entry.kind,
                EventKind::OrchestrationCancelRequested { .. }
                    | EventKind::OrchestrationCancelAnnounced { .. }
            )
        };
        let (found, within_step) = match details {
            ErrorDetails::Application {
                kind: AppErrorKind::Cancelled { .. },
                ..
            } => (before.iter().find(is_cancellation), true),
            ErrorDetails::Application {
                kind: AppErrorKind::OrchestrationFailed | AppErrorKind::ActivityFailed,
                ..
            } => (before.iter().rev().find(is_failed_step), false),
            ErrorDetails::Infrastructure { .. }
            | ErrorDetails::Configuration { .. }
            | ErrorDetails::Poison { .. } => (None, true),
        };
        // The start is always repeated.
        let found = found.filter(|entry| entry.event_id > 1);
        Some(match found {
            Some(entry) => Self {
                event_id: entry.event_id,
                within_step,
            },
            None => Self {
                event_id: last.event_id,
                within_step: true,
            },
        })
    }

    /// What came after the cut and holds all the same, in its order: what succeeded of what was scheduled
    /// before it, and events, which nobody would raise again. Their decisions are not there, so that events
    /// are answered to no wait yet.
    pub(crate) fn kept(self, entries: &[Entry]) -> Vec<Input> {
        let after = entries
            .iter()
            .filter(|entry| entry.event_id > self.event_id);
        after
            .filter_map(|entry| match &entry.kind {
                EventKind::ActivityCompleted { .. }
                | EventKind::SubOrchestrationCompleted { .. }
                | EventKind::TimerFired { .. } => {
                    let source = entry.source_event_id?;
                    let holds = source < self.event_id;
                    holds.then(|| Input::answering(source, entry.kind.clone()))
                }
                EventKind::ExternalEvent { .. } => {
                    Some(Input::new(entry.kind.clone()).brought_by(entry.message_id))
                }
                // Failures are for the steps to do again, and decisions for the code to make again.
                EventKind::OrchestrationStarted { .. }
                | EventKind::OrchestrationCompleted { .. }
                | EventKind::OrchestrationFailed { .. }
                | EventKind::OrchestrationContinuedAsNew { .. }
                | EventKind::OrchestrationCancelRequested { .. }
                | EventKind::OrchestrationCancelAnnounced { .. }
                | EventKind::ActivityScheduled { .. }
                | EventKind::ActivityFailed { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::ExternalSubscribed { .. }
                | EventKind::ExternalTried { .. }
                | EventKind::ExternalAbsent { .. }
                | EventKind::OrchestrationChained { .. }
                | EventKind::ExternalEventRaised { .. }
                | EventKind::SubOrchestrationScheduled { .. }
                | EventKind::SubOrchestrationFailed { .. }
                | EventKind::ValueSet { .. }
                | EventKind::SystemCall { .. } => None,
            })
            .collect()
    }
}
