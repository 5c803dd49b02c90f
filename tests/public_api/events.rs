//! `Event`, `EventKind` and the constants.

use std::collections::BTreeMap;

use duroxide::{Event, EventKind, INITIAL_EVENT_ID, INITIAL_EXECUTION_ID};

use crate::support::type_of;

#[test]
fn ids_begin_at_one() {
    let (execution, event): (u64, u64) = (INITIAL_EXECUTION_ID, INITIAL_EVENT_ID);
    assert_eq!((execution, event), (1, 1));
}

#[test]
fn an_event_tells_its_place() {
    let completed = EventKind::OrchestrationCompleted {
        output: "done".to_owned(),
    };
    let event = Event::with_event_id(7, "i", 2, Some(3), completed.clone());
    assert_eq!((event.event_id(), event.source_event_id()), (7, Some(3)));
    assert_eq!(
        (event.event_id, event.source_event_id, event.execution_id),
        (7, Some(3), 2)
    );
    assert_eq!((&*event.instance_id, event.timestamp_ms), ("i", 0));
    assert!(!event.duroxide_version.is_empty() && event.is_terminal());
    let unnumbered = Event::new("i".to_owned(), 2, None, completed);
    assert_eq!(unnumbered.event_id(), 0);
}

fn kinds() -> Vec<EventKind> {
    let text = || "x".to_owned();
    let details = || duroxide::ErrorDetails::Infrastructure {
        operation: text(),
        message: text(),
        retryable: false,
    };
    vec![
        EventKind::OrchestrationStarted {
            name: text(),
            version: text(),
            input: text(),
            parent_instance: Some(text()),
            parent_id: Some(2),
            history_events_max: None,
            rules: None,
            taken: Vec::new(),
            announced: None,
            values: BTreeMap::new(),
            rewound: None,
            forked: None,
        },
        EventKind::OrchestrationCompleted { output: text() },
        EventKind::OrchestrationFailed { details: details() },
        EventKind::ActivityScheduled {
            name: text(),
            input: text(),
            queue: None,
        },
        EventKind::ActivityCompleted { result: text() },
        EventKind::ActivityFailed { details: details() },
        EventKind::TimerCreated { fire_at_ms: 1 },
        EventKind::TimerFired { fire_at_ms: 1 },
        EventKind::ExternalSubscribed { name: text() },
        EventKind::ExternalEvent {
            name: text(),
            data: text(),
        },
        EventKind::OrchestrationChained {
            name: text(),
            instance: text(),
            input: text(),
            queue: None,
        },
        EventKind::SubOrchestrationScheduled {
            name: text(),
            instance: text(),
            input: text(),
            queue: None,
        },
        EventKind::SubOrchestrationCompleted { result: text() },
        EventKind::SubOrchestrationFailed { details: details() },
        EventKind::OrchestrationContinuedAsNew { input: text() },
        EventKind::OrchestrationCancelRequested { reason: text() },
        EventKind::OrchestrationCancelAnnounced {
            reason: text(),
            cancel_at_ms: 1,
        },
        EventKind::ExternalEventRaised {
            instance: text(),
            name: text(),
            data: text(),
        },
        EventKind::ExternalTried { name: text() },
        EventKind::ExternalAbsent { name: text() },
        EventKind::SystemCall {
            op: text(),
            value: text(),
        },
    ]
}

#[test]
fn each_kind_is_tagged_with_its_type_and_flattened_into_its_event() {
    let terminal = [
        "OrchestrationCompleted",
        "OrchestrationFailed",
        "OrchestrationContinuedAsNew",
    ];
    for kind in kinds() {
        let name = type_of(&kind);
        let event = Event::with_event_id(1, "i", 1, None, kind);
        assert_eq!(event.is_terminal(), terminal.contains(&&*name));
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], *name);
        assert_eq!(serde_json::from_value::<Event>(json).unwrap(), event);
    }
}
