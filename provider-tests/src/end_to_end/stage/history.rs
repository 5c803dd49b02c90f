//! What every history must be like.

use std::collections::BTreeMap;

use duroxide_core::{Event, EventKind};

/// The rounding of a real clock's time to milliseconds, on both sides.
const ROUNDING_MS: u64 = 2;

/// Checks what holds for the history of every execution, whatever happened to its nodes: nothing is
/// missing, nothing is recorded twice, and no timer fired before its time. A clock that runs
/// `speedup` times as fast rounds as much more.
pub(super) fn check(history: &[Event], speedup: u32) {
    let mut answered: BTreeMap<u64, &Event> = BTreeMap::new();
    for (index, event) in history.iter().enumerate() {
        assert_eq!(event.event_id, index as u64 + 1, "a gap before {event:?}");
        let is_start = matches!(event.kind, EventKind::OrchestrationStarted { .. });
        assert_eq!(is_start, index == 0, "{event:?} is out of place");
        let is_last = index + 1 == history.len();
        assert!(is_last || !event.is_terminal(), "events after {event:?}");
        if let Some(source) = event.source_event_id {
            assert!(source < event.event_id, "{event:?} answers a later event");
            let before = answered.insert(source, event);
            assert!(before.is_none(), "{event:?} comes after {before:?}");
        }
        if let EventKind::TimerFired { fire_at_ms } = event.kind {
            let latest_ms = event.timestamp_ms + ROUNDING_MS * u64::from(speedup);
            assert!(fire_at_ms <= latest_ms, "too early: {event:?}");
        }
    }
}

/// How many events are of a kind.
pub(crate) fn count(history: &[Event], is_it: impl Fn(&EventKind) -> bool) -> usize {
    history.iter().filter(|event| is_it(&event.kind)).count()
}

/// The kinds of the events of a history, in order.
pub(crate) fn types(history: &[Event]) -> Vec<&'static str> {
    let names = history.iter().map(|event| name_of(&event.kind));
    names.collect()
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "kinds may be added, and the cases compare those that they know"
)]
fn name_of(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::OrchestrationStarted { .. } => "started",
        EventKind::OrchestrationCompleted { .. } => "completed",
        EventKind::OrchestrationFailed { .. } => "failed",
        EventKind::OrchestrationContinuedAsNew { .. } => "continued",
        EventKind::ActivityScheduled { .. } => "activity",
        EventKind::ActivityCompleted { .. } => "activity done",
        EventKind::ActivityFailed { .. } => "activity failed",
        EventKind::TimerCreated { .. } => "timer",
        EventKind::TimerFired { .. } => "timer fired",
        EventKind::ExternalSubscribed { .. } => "wait",
        EventKind::ExternalEvent { .. } => "event",
        EventKind::SubOrchestrationScheduled { .. } => "child",
        EventKind::SubOrchestrationCompleted { .. } => "child done",
        EventKind::SubOrchestrationFailed { .. } => "child failed",
        _ => "other",
    }
}
