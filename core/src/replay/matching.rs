//! The comparison of what the code decides with what history says it decided.

use super::token::Decision;
use crate::event::EventKind;
use crate::values::CUSTOM_STATUS;

/// How much of a name an error repeats. A longer one, which no limit keeps out of a history from
/// elsewhere, is cut.
const QUOTED_CHARS_MAX: usize = 100;

/// Whether history's event is this decision: what identifies it, its kind and its names, is
/// compared. What the code could not know, the time of a timer, the value of a system call and the
/// id of a child, is adopted.
///
/// So is the queue that something went to: it is there. So is an input, since it is what was done: types gain fields, and a `HashMap` has no order. Tests
/// may want to have it compared.
pub(super) fn adopted(recorded: &EventKind, decision: &Decision, compares_inputs: bool) -> bool {
    let same = |recorded: &String, code: &String| !compares_inputs || recorded == code;
    match (recorded, decision) {
        (
            EventKind::ActivityScheduled { name, input, .. },
            Decision::Activity {
                name: code_name,
                input: code_input,
                ..
            },
        ) => name == code_name && same(input, code_input),
        (EventKind::TimerCreated { .. }, Decision::Timer { .. }) => true,
        (EventKind::ExternalSubscribed { name }, Decision::Wait { name: code_name }) => {
            name == code_name
        }
        (EventKind::ExternalTried { name }, Decision::TryWait { name: code_name }) => {
            name == code_name
        }
        (
            EventKind::SubOrchestrationScheduled { name, input, .. },
            Decision::Child {
                name: code_name,
                input: code_input,
                ..
            },
        ) => name == code_name && same(input, code_input),
        (
            EventKind::OrchestrationChained {
                name,
                instance,
                input,
                ..
            },
            Decision::Detached {
                name: code_name,
                instance: code_instance,
                input: code_input,
                ..
            },
        ) => name == code_name && instance == code_instance && same(input, code_input),
        (
            EventKind::ExternalEventRaised {
                instance,
                name,
                data,
            },
            Decision::Raise {
                instance: code_instance,
                name: code_name,
                data: code_data,
            },
        ) => instance == code_instance && name == code_name && same(data, code_data),
        (
            EventKind::ValueSet { key, value },
            Decision::SetValue {
                key: code_key,
                value: code_value,
            },
        ) => {
            let is_alike = match (value, code_value) {
                (Some(value), Some(code_value)) => same(value, code_value),
                (None, None) => true,
                _ => false,
            };
            key == code_key && is_alike
        }
        (EventKind::SystemCall { op, .. }, Decision::Guid) => op == "guid",
        (EventKind::SystemCall { op, .. }, Decision::UtcNow) => op == "utcnow_ms",
        _ => false,
    }
}

/// A name in quotation marks, escaped, and no more of it than a person reads.
fn quoted(name: &str) -> String {
    let end = name.char_indices().nth(QUOTED_CHARS_MAX);
    match end.and_then(|(end, _)| name.get(..end)) {
        Some(beginning) => format!("{beginning:?}..."),
        None => format!("{name:?}"),
    }
}

/// The setting or the removal of a value in words. What it is set to may be a secret.
fn describe_value(key: &str, value: Option<&String>) -> String {
    let what = if key == CUSTOM_STATUS {
        "the custom status".to_owned()
    } else {
        format!("value {}", quoted(key))
    };
    match value {
        Some(_) => format!("the setting of {what}"),
        None => format!("the removal of {what}"),
    }
}

/// An event in words. Inputs are left out: they may hold secrets, and errors are logged.
pub(super) fn describe_event(kind: &EventKind) -> String {
    match kind {
        EventKind::ActivityScheduled { name, .. } => format!("activity {}", quoted(name)),
        EventKind::TimerCreated { .. } => "a timer".to_owned(),
        EventKind::ExternalSubscribed { name } => format!("a wait for event {}", quoted(name)),
        EventKind::ExternalTried { name } => format!("a try for event {}", quoted(name)),
        EventKind::ExternalAbsent { name } => format!("the absence of event {}", quoted(name)),
        EventKind::SubOrchestrationScheduled { name, .. } => {
            format!("sub-orchestration {}", quoted(name))
        }
        EventKind::OrchestrationChained { name, instance, .. } => {
            format!(
                "detached orchestration {} as {}",
                quoted(name),
                quoted(instance)
            )
        }
        EventKind::ExternalEventRaised { instance, name, .. } => describe_raised(instance, name),
        EventKind::ValueSet { key, value } => describe_value(key, value.as_ref()),
        EventKind::SystemCall { op, .. } => format!("system call {}", quoted(op)),
        EventKind::OrchestrationStarted { .. } => "the start".to_owned(),
        EventKind::ActivityCompleted { .. } => "an activity's result".to_owned(),
        EventKind::ActivityFailed { .. } => "an activity's failure".to_owned(),
        EventKind::TimerFired { .. } => "a fired timer".to_owned(),
        EventKind::ExternalEvent { name, .. } => format!("event {}", quoted(name)),
        EventKind::SubOrchestrationCompleted { .. } => "a sub-orchestration's result".to_owned(),
        EventKind::SubOrchestrationFailed { .. } => "a sub-orchestration's failure".to_owned(),
        EventKind::OrchestrationCancelRequested { .. } => "a cancellation".to_owned(),
        EventKind::OrchestrationCancelAnnounced { .. } => {
            "the announcement of a cancellation".to_owned()
        }
        EventKind::OrchestrationCompleted { .. } => "the end with a result".to_owned(),
        EventKind::OrchestrationFailed { .. } => "the end with an error".to_owned(),
        EventKind::OrchestrationContinuedAsNew { .. } => "continue_as_new".to_owned(),
    }
}

fn describe_raised(instance: &str, name: &str) -> String {
    format!("event {} raised for {}", quoted(name), quoted(instance))
}

/// A decision in words, and in what it differs from a recorded one that looks the same.
pub(super) fn describe_decision(decision: &Decision, recorded: Option<&EventKind>) -> String {
    let words = match decision {
        Decision::Activity { name, .. } => format!("activity {}", quoted(name)),
        Decision::Timer { .. } => "a timer".to_owned(),
        Decision::Wait { name } => format!("a wait for event {}", quoted(name)),
        Decision::TryWait { name } => format!("a try for event {}", quoted(name)),
        Decision::Child { name, .. } => format!("sub-orchestration {}", quoted(name)),
        Decision::Detached { name, instance, .. } => {
            format!(
                "detached orchestration {} as {}",
                quoted(name),
                quoted(instance)
            )
        }
        Decision::Raise { instance, name, .. } => describe_raised(instance, name),
        Decision::SetValue { key, value } => describe_value(key, value.as_ref()),
        Decision::Guid => "system call \"guid\"".to_owned(),
        Decision::UtcNow => "system call \"utcnow_ms\"".to_owned(),
    };
    match recorded {
        Some(recorded) if describe_event(recorded) == words => {
            format!("{words} with another input")
        }
        _ => words,
    }
}
