//! What must hold in the history of one execution.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use duroxide_core::{Event, EventKind};

/// What must hold in the history of every execution that has ended: numbers without a gap, one start, one end, and
/// no step with two outcomes.
///
/// # Errors
/// What does not hold.
pub fn check_history(history: &[Event]) -> Result<(), String> {
    check(history, true)
}

/// Numbers without a gap, one start, one end, and one outcome for each decision. An instance that
/// was cancelled may have decisions without an outcome.
pub(super) fn check(history: &[Event], is_cancelled: bool) -> Result<(), String> {
    for (number, event) in (1..).zip(history) {
        if event.event_id != number {
            return Err(format!("event {number} has the number {}", event.event_id));
        }
    }
    let is_start = |event: &&Event| matches!(event.kind, EventKind::OrchestrationStarted { .. });
    if history.iter().filter(is_start).count() != 1
        || !history.first().is_some_and(|it| is_start(&it))
    {
        return Err("its history does not begin once".to_owned());
    }
    let ends = history.iter().filter(|event| event.kind.is_terminal());
    if ends.count() != 1 || !history.last().is_some_and(|event| event.kind.is_terminal()) {
        return Err("its history does not end once".to_owned());
    }
    check_outcomes(history, is_cancelled)
}

fn check_outcomes(history: &[Event], is_cancelled: bool) -> Result<(), String> {
    let mut outcomes: BTreeMap<u64, usize> = BTreeMap::new();
    for event in history.iter().filter(|event| event.kind.is_input()) {
        if let Some(source) = event.source_event_id {
            *outcomes.entry(source).or_default() += 1;
        }
    }
    for event in history {
        let is_answered = matches!(
            event.kind,
            EventKind::ActivityScheduled { .. }
                | EventKind::TimerCreated { .. }
                | EventKind::SubOrchestrationScheduled { .. }
        );
        let times = outcomes.get(&event.event_id).copied().unwrap_or(0);
        if is_answered && times != 1 && !(is_cancelled && times == 0) {
            return Err(format!("step {} has {times} outcomes", event.event_id));
        }
    }
    Ok(())
}

/// How many activities it scheduled.
pub(super) fn activities(history: &[Event]) -> usize {
    let is_one = |event: &&Event| matches!(event.kind, EventKind::ActivityScheduled { .. });
    history.iter().filter(is_one).count()
}

/// How often an event with this data is recorded.
pub(super) fn times_raised(history: &[Event], datum: &str) -> usize {
    let is_it = |event: &&Event| matches!(&event.kind, EventKind::ExternalEvent { data, .. } if data == datum);
    history.iter().filter(is_it).count()
}

/// The history as a person reads it.
pub(super) fn describe(history: &[Event]) -> String {
    let mut text = String::new();
    for event in history {
        let source = event.source_event_id.map(|id| format!(" of {id}"));
        let source = source.unwrap_or_default();
        // Writing to a string does not fail.
        writeln!(text, "    {}{source} {:?}", event.event_id, event.kind).ok();
    }
    text
}
