//! The replay engine: any code, any inputs, and histories that are not what it wrote.

use std::collections::BTreeMap;

use duroxide_core::event::{AppErrorKind, ConfigErrorKind, Entry, ErrorDetails, EventKind};
use duroxide_core::fuzzing::Run;
use uuid::Uuid;

use crate::program;
use crate::text::check_length;

/// A small cap, so that it is reached.
const EVENTS_MAX: u64 = 48;
const PROGRAM_BYTES_MAX: u8 = 16;
const STEPS_MAX: u8 = 32;
/// Two names on either side, cut to what a person reads, and an explanation.
const ERROR_BYTES_MAX: usize = 5_000;

/// Runs code on inputs, replays what that recorded, and then what edits make of it.
pub(crate) fn run(bytes: &[u8]) {
    let (program, bytes) = counted(bytes, PROGRAM_BYTES_MAX, 1);
    let (steps, edits) = counted(bytes, STEPS_MAX, 2);
    let mut history = live(program, steps);
    edit(&mut history, edits);
    check_replay(program, &history);
}

/// Replays a history from anywhere: it may fail, in few words, and must end.
pub(crate) fn check_replay(program: &[u8], history: &[Entry]) {
    let mut run = fresh(program);
    match run.replay(history.to_vec()) {
        Ok(()) if !run.has_ended() => {
            // The code stands where the history ends, and goes on from there.
            run.step(input(2, 0), None, None, 1);
        }
        Ok(()) => {}
        Err(failure) => check_length(&failure, ERROR_BYTES_MAX),
    }
}

/// A first byte that counts, what it counts, and the rest.
fn counted(bytes: &[u8], count_max: u8, each: usize) -> (&[u8], &[u8]) {
    let Some((count, bytes)) = bytes.split_first() else {
        return (&[], &[]);
    };
    let length = each * usize::from(count % (count_max + 1));
    bytes.split_at_checked(length).unwrap_or((bytes, &[]))
}

fn fresh(program: &[u8]) -> Run {
    let program = program.to_vec();
    Run::new(EVENTS_MAX, |ctx| program::run(ctx, program))
}

/// Takes the steps live. What they recorded must be replayed to the same place.
fn live(program: &[u8], steps: &[u8]) -> Vec<Entry> {
    let mut run = fresh(program);
    let mut history = run.step(start(), None, None, 1);
    for (step, now_ms) in steps.chunks_exact(2).zip(2..) {
        let (what, about) = (step[0], step[1]);
        let source = (about > 0).then_some(u64::from(about));
        let message = Uuid::from_u128(u128::from(about / 2));
        history.extend(run.step(input(what, about), source, Some(message), now_ms));
    }
    if run.failure().is_none() {
        let mut again = fresh(program);
        let replayed = again.replay(history.clone());
        assert_eq!(
            replayed,
            Ok(()),
            "code does not do what it just did: {history:?}"
        );
        assert_eq!(again.has_ended(), run.has_ended(), "{history:?}");
    }
    history
}

/// Drops, repeats, exchanges and replaces entries, and renumbers them or does not.
fn edit(history: &mut Vec<Entry>, edits: &[u8]) {
    for edit in edits.chunks_exact(3) {
        if history.is_empty() || history.len() > 2 * usize::try_from(EVENTS_MAX).unwrap_or(0) {
            return;
        }
        let (what, about) = (edit[0], edit[2]);
        let at = usize::from(edit[1]) % history.len();
        match what % 7 {
            0 => drop(history.remove(at)),
            1 => history.insert(at, history[at].clone()),
            2 => {
                let other = usize::from(about) % history.len();
                history.swap(at, other);
            }
            3 => history[at].kind = input(what / 7, about),
            4 => history[at].source_event_id = (about > 0).then_some(u64::from(about)),
            5 => history[at].event_id = u64::from(about),
            _ => {
                for (entry, event_id) in history.iter_mut().zip(1..) {
                    entry.event_id = event_id;
                }
            }
        }
    }
}

fn start() -> EventKind {
    EventKind::OrchestrationStarted {
        name: "Fuzzed".to_owned(),
        version: "1.0.0".to_owned(),
        input: String::new(),
        parent_instance: None,
        parent_id: None,
        history_events_max: None,
        rules: None,
        taken: Vec::new(),
        announced: None,
        values: BTreeMap::new(),
        rewound: None,
        forked: None,
    }
}

/// One of each kind of event, most of which no honest store hands to the engine as an input.
fn input(what: u8, about: u8) -> EventKind {
    let text = || format!("text {about}");
    let fire_at_ms = u64::from(about);
    // So that older seeds say what they said.
    if what >= 252 {
        return recent_input(what, about);
    }
    match what % 17 {
        0 => EventKind::ActivityCompleted { result: text() },
        1 => EventKind::TimerFired { fire_at_ms },
        2 => EventKind::ExternalEvent {
            name: "Event".to_owned(),
            data: text(),
        },
        3 => EventKind::SubOrchestrationCompleted { result: text() },
        4 => EventKind::ActivityFailed {
            details: details(about),
        },
        5 => EventKind::SubOrchestrationFailed {
            details: details(about),
        },
        6 => EventKind::OrchestrationCancelRequested { reason: text() },
        7 => start(),
        8 => EventKind::OrchestrationCompleted { output: text() },
        9 => EventKind::OrchestrationFailed {
            details: details(about),
        },
        10 => EventKind::OrchestrationContinuedAsNew { input: text() },
        11 => EventKind::ActivityScheduled {
            name: "Activity".to_owned(),
            input: "input".to_owned(),
            queue: None,
        },
        12 => EventKind::TimerCreated { fire_at_ms },
        13 => EventKind::ExternalSubscribed {
            name: "Event".to_owned(),
        },
        14 => EventKind::SubOrchestrationScheduled {
            name: "Child".to_owned(),
            instance: format!("fuzzed::sub::{about}"),
            input: "input".to_owned(),
            queue: None,
        },
        15 => EventKind::OrchestrationChained {
            name: "Detached".to_owned(),
            instance: format!("d{about}"),
            input: "input".to_owned(),
            queue: None,
        },
        _ => EventKind::SystemCall {
            op: ["guid", "utcnow_ms", "other"][usize::from(about % 3)].to_owned(),
            value: text(),
        },
    }
}

fn recent_input(what: u8, about: u8) -> EventKind {
    let name = || "Event".to_owned();
    match what % 4 {
        0 => EventKind::ExternalEventRaised {
            instance: format!("d{about}"),
            name: name(),
            data: "data".to_owned(),
        },
        1 => EventKind::ExternalTried { name: name() },
        2 => EventKind::ExternalAbsent { name: name() },
        _ => EventKind::OrchestrationCancelAnnounced {
            reason: format!("text {about}"),
            cancel_at_ms: u64::from(about),
        },
    }
}

fn details(about: u8) -> ErrorDetails {
    match about % 4 {
        0 => ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredActivity,
            resource: "Activity".to_owned(),
            message: None,
        },
        1 => ErrorDetails::Infrastructure {
            operation: "decode".to_owned(),
            message: "damaged".to_owned(),
            retryable: false,
        },
        kind => ErrorDetails::Application {
            kind: if kind == 2 {
                AppErrorKind::ActivityFailed
            } else {
                AppErrorKind::OrchestrationFailed
            },
            message: "broken".to_owned(),
            retryable: true,
        },
    }
}
