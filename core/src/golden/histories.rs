//! Histories: each kind of event and of failure, and what an event may say beside that.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{ID, announcement, application, configuration, golden, poison, text};
use crate::event::{
    AppErrorKind, ConfigErrorKind, Entry, ErrorDetails, EventKind, Forked, PoisonMessageType,
    Rewound, Started, decode_entries, encode_chunk,
};
use crate::providers::HistoryChunk;

/// One of each kind of failure.
fn all_details() -> Vec<ErrorDetails> {
    vec![
        ErrorDetails::Infrastructure {
            operation: text("commit"),
            message: text("away"),
            retryable: true,
        },
        configuration(ConfigErrorKind::UnregisteredOrchestration, None),
        configuration(ConfigErrorKind::UnregisteredActivity, Some("register it")),
        configuration(
            ConfigErrorKind::MissingVersion {
                requested_version: text("2.0.0"),
            },
            None,
        ),
        configuration(ConfigErrorKind::Nondeterminism, Some("event 3")),
        application(AppErrorKind::ActivityFailed),
        application(AppErrorKind::OrchestrationFailed),
        application(AppErrorKind::Cancelled {
            reason: text("enough"),
        }),
        poison(PoisonMessageType::Orchestration {
            instance: text("i"),
            execution_id: 1,
        }),
        poison(PoisonMessageType::Activity {
            instance: text("i"),
            execution_id: 1,
            activity_name: text("Charge"),
            activity_id: 2,
        }),
    ]
}

/// The place of a failure's kind among all; a kind without one does not compile.
fn place_of_details(details: &ErrorDetails) -> usize {
    match details {
        ErrorDetails::Infrastructure { .. } => 0,
        ErrorDetails::Configuration { kind, .. } => match kind {
            ConfigErrorKind::UnregisteredOrchestration => 1,
            ConfigErrorKind::UnregisteredActivity => 2,
            ConfigErrorKind::MissingVersion { .. } => 3,
            ConfigErrorKind::Nondeterminism => 4,
        },
        ErrorDetails::Application { kind, .. } => match kind {
            AppErrorKind::ActivityFailed => 5,
            AppErrorKind::OrchestrationFailed => 6,
            AppErrorKind::Cancelled { .. } => 7,
        },
        ErrorDetails::Poison { message_type, .. } => match message_type {
            PoisonMessageType::Orchestration { .. } => 8,
            PoisonMessageType::Activity { .. } => 9,
        },
    }
}

/// One of each kind of event, failures apart.
fn all_kinds() -> Vec<EventKind> {
    let (name, input, instance) = (text("Order"), text("1"), text("i::sub::7"));
    let details = application(AppErrorKind::ActivityFailed);
    vec![
        EventKind::OrchestrationStarted {
            name: name.clone(),
            version: text("1.2.3"),
            input: input.clone(),
            parent_instance: Some(text("parent")),
            parent_id: Some(7),
            history_events_max: None,
            rules: None,
            taken: Vec::new(),
            announced: None,
            values: BTreeMap::new(),
            rewound: None,
            forked: None,
        },
        EventKind::OrchestrationCompleted {
            output: text("done"),
        },
        EventKind::OrchestrationFailed {
            details: details.clone(),
        },
        EventKind::ActivityScheduled {
            name: name.clone(),
            input: input.clone(),
            queue: None,
        },
        EventKind::ActivityCompleted { result: text("ok") },
        EventKind::ActivityFailed {
            details: details.clone(),
        },
        EventKind::TimerCreated { fire_at_ms: 1_000 },
        EventKind::TimerFired { fire_at_ms: 1_000 },
        EventKind::ExternalSubscribed { name: text("Paid") },
        EventKind::ExternalEvent {
            name: text("Paid"),
            data: text("42"),
        },
        EventKind::OrchestrationChained {
            name: name.clone(),
            instance: instance.clone(),
            input: input.clone(),
            queue: None,
        },
        EventKind::SubOrchestrationScheduled {
            name,
            instance,
            input: input.clone(),
            queue: None,
        },
        EventKind::SubOrchestrationCompleted { result: text("ok") },
        EventKind::SubOrchestrationFailed { details },
        EventKind::OrchestrationContinuedAsNew { input },
        EventKind::OrchestrationCancelRequested {
            reason: text("enough"),
        },
        EventKind::SystemCall {
            op: text("guid"),
            value: ID.to_string(),
        },
    ]
}

/// The place of an event's kind among all; a kind without one does not compile.
fn place_of_kind(kind: &EventKind) -> usize {
    match kind {
        EventKind::OrchestrationStarted { .. } => 0,
        EventKind::OrchestrationCompleted { .. } => 1,
        EventKind::OrchestrationFailed { .. } => 2,
        EventKind::ActivityScheduled { .. } => 3,
        EventKind::ActivityCompleted { .. } => 4,
        EventKind::ActivityFailed { .. } => 5,
        EventKind::TimerCreated { .. } => 6,
        EventKind::TimerFired { .. } => 7,
        EventKind::ExternalSubscribed { .. } => 8,
        EventKind::ExternalEvent { .. } => 9,
        EventKind::OrchestrationChained { .. } => 10,
        EventKind::SubOrchestrationScheduled { .. } => 11,
        EventKind::SubOrchestrationCompleted { .. } => 12,
        EventKind::SubOrchestrationFailed { .. } => 13,
        EventKind::OrchestrationContinuedAsNew { .. } => 14,
        EventKind::OrchestrationCancelRequested { .. } => 15,
        EventKind::SystemCall { .. } => 16,
        // These have a file of their own.
        EventKind::ExternalEventRaised { .. } => 17,
        EventKind::ExternalTried { .. } => 18,
        EventKind::ExternalAbsent { .. } => 19,
        EventKind::OrchestrationCancelAnnounced { .. } => 20,
        EventKind::ValueSet { .. } => 21,
    }
}

#[test]
fn a_history_of_every_kind_of_event_and_failure() {
    let (kinds, details) = (all_kinds(), all_details());
    let places: Vec<usize> = kinds.iter().map(place_of_kind).collect();
    assert_eq!(places, (0..17).collect::<Vec<_>>());
    let places: Vec<usize> = details.iter().map(place_of_details).collect();
    assert_eq!(places, (0..10).collect::<Vec<_>>());

    let failures = details
        .into_iter()
        .map(|details| EventKind::ActivityFailed { details });
    let entries: Vec<Entry> = (5..)
        .zip(kinds.into_iter().chain(failures))
        .map(|(event_id, kind)| Entry {
            event_id,
            source_event_id: (event_id % 2 == 0).then_some(event_id - 1),
            timestamp_ms: 1_700_000_000_000 + event_id,
            message_id: (event_id % 3 == 0).then_some(ID),
            kind,
        })
        .collect();
    check_history("history.bin", &entries);
}

/// The start that most of these histories begin with.
fn order() -> Started {
    Started {
        name: "Order",
        version: "1.2.3",
        input: "1",
        ..Started::default()
    }
}

/// Events from this id on, of which each says no more than what it is.
fn numbered(first: u64, kinds: impl IntoIterator<Item = EventKind>) -> Vec<Entry> {
    let entry = |(event_id, kind)| Entry {
        event_id,
        source_event_id: None,
        timestamp_ms: 1_700_000_000_000,
        message_id: None,
        kind,
    };
    (first..).zip(kinds).map(entry).collect()
}

/// What a history says of its cap, and of what did not fit into it.
#[test]
fn a_history_with_a_cap_of_its_own_and_a_refusal() {
    let kinds = [
        EventKind::from(Started {
            history_events_max: Some(1_024),
            ..order()
        }),
        EventKind::ActivityScheduled {
            name: text("Charge"),
            input: text("42"),
            queue: None,
        },
        EventKind::SystemCall {
            op: text("no_room"),
            value: text("no room: activity \"Charge\" is refused"),
        },
    ];
    check_history("history_capped.bin", &numbered(1, kinds));
}

/// A start says by which rules the execution decides.
#[test]
fn a_history_whose_start_names_its_rules() {
    let kind = EventKind::from(Started {
        rules: Some(1),
        ..order()
    });
    check_history("history_with_rules.bin", &numbered(1, [kind]));
}

/// What was scheduled says to which queue it went, where the code has named one.
#[test]
fn a_history_with_queues() {
    let queue = || Some(text("gpu"));
    let kinds = [
        EventKind::ActivityScheduled {
            name: text("Render"),
            input: text("1"),
            queue: queue(),
        },
        EventKind::SubOrchestrationScheduled {
            name: text("Ship"),
            instance: text("child"),
            input: text("1"),
            queue: queue(),
        },
        EventKind::OrchestrationChained {
            name: text("Ship"),
            instance: text("next"),
            input: text("1"),
            queue: queue(),
        },
    ];
    check_history("history_with_queues.bin", &numbered(2, kinds));
}

/// A start knows which events the executions before have taken, and an event which wait has taken it.
#[test]
fn a_history_of_mail() {
    let started = EventKind::from(Started {
        taken: vec![ID],
        ..order()
    });
    let wait = EventKind::ExternalSubscribed { name: text("Paid") };
    let event = EventKind::ExternalEvent {
        name: text("Paid"),
        data: text("42"),
    };
    let mut entries = numbered(1, [started, wait, event]);
    entries[2].source_event_id = Some(2);
    entries[2].message_id = Some(ID);
    check_history("history_of_mail.bin", &entries);
}

/// The kinds that came after the first file of all kinds, and a start that knows of a cancellation.
#[test]
fn a_history_of_what_instances_tell_each_other() {
    let name = || text("Paid");
    let kinds = [
        EventKind::ExternalEventRaised {
            instance: text("i ☃"),
            name: name(),
            data: text("42"),
        },
        EventKind::ExternalTried { name: name() },
        EventKind::ExternalAbsent { name: name() },
        EventKind::OrchestrationCancelAnnounced {
            reason: text("enough"),
            cancel_at_ms: 1_700_000_030_000,
        },
    ];
    let places: Vec<usize> = kinds.iter().map(place_of_kind).collect();
    assert_eq!(places, (17..21).collect::<Vec<_>>());
    let started = EventKind::from(Started {
        announced: Some(Box::new(announcement())),
        ..order()
    });
    let mut entries = numbered(1, std::iter::once(started).chain(kinds));
    entries[3].source_event_id = Some(3);
    entries[4].message_id = Some(ID);
    check_history("history_of_instances.bin", &entries);
}

/// A start knows the values that the executions before have set, and others are set and removed.
#[test]
fn a_history_of_values() {
    let started = EventKind::from(Started {
        values: BTreeMap::from([(text("colour"), text("red"))]),
        ..order()
    });
    let set = EventKind::ValueSet {
        key: text("@status"),
        value: Some(text("half way")),
    };
    let removed = EventKind::ValueSet {
        key: text("colour"),
        value: None,
    };
    assert_eq!([&set, &removed].map(place_of_kind), [21, 21]);
    check_history(
        "history_of_values.bin",
        &numbered(1, [started, set, removed]),
    );
}

/// A start says which history it goes back on.
#[test]
fn a_history_that_was_rewound() {
    let started = EventKind::from(Started {
        rewound: Some(Box::new(Rewound {
            execution: 3,
            event_id: 17,
            request: ID,
        })),
        ..order()
    });
    check_history("history_rewound.bin", &numbered(1, [started]));
}

/// A start says of which history it is a copy.
#[test]
fn a_history_of_a_fork() {
    let started = EventKind::from(Started {
        forked: Some(Box::new(Forked {
            instance: text("source ☃"),
            execution: 3,
            event_id: 17,
        })),
        ..order()
    });
    check_history("history_forked.bin", &numbered(1, [started]));
}

#[track_caller]
fn check_history(name: &str, entries: &[Entry]) {
    let encoded = encode_chunk(entries).unwrap();
    let stored = golden(name, &encoded.body);
    let chunk = HistoryChunk {
        body: stored.clone(),
        ..encoded.clone()
    };
    assert_eq!(decode_entries(&chunk).unwrap(), entries);
    assert_eq!(without_version(&encoded.body), without_version(&stored));
}

/// The JSON of a chunk without the version of duroxide that wrote it, which the checksum covers.
fn without_version(body: &Bytes) -> String {
    let json = std::str::from_utf8(&body[6..]).unwrap();
    let rest = json.strip_prefix("{\"duroxide\":\"").unwrap();
    rest.split_once('"').unwrap().1.to_owned()
}
