//! What was stored once must be read for ever: each wire type against files that are never edited.
//!
//! To add a file, run the test once with `DUROXIDE_WRITE_GOLDEN=1`; a file that is there already
//! is never written.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use bytes::Bytes;
use uuid::Uuid;

use crate::event::{
    AppErrorKind, CancelAnnouncement, ConfigErrorKind, Entry, ErrorDetails, EventKind,
    PoisonMessageType, decode_entries, encode_chunk,
};
use crate::frame;
use crate::message::{
    ActivityBody, CarriedEvent, Cause, CoreState, MessageBody, Notice, Origin, Output, ParentLink,
    Start,
};
use crate::providers::{HistoryChunk, Incarnation, InstanceId};

const ID: Uuid = Uuid::from_u128(0x0011_2233_4455_6677_8899_aabb_ccdd_eeff);

/// The bytes of a golden file; made from `encoded` if there is none and writing is asked for.
fn golden(name: &str, encoded: &Bytes) -> Bytes {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("DUROXIDE_WRITE_GOLDEN").is_some_and(|value| value == "1")
        && let Ok(mut file) = File::create_new(&path)
    {
        file.write_all(encoded).unwrap();
    }
    fs::read(&path)
        .unwrap_or_else(|error| {
            panic!(
                "{error}: {}; add it with DUROXIDE_WRITE_GOLDEN=1",
                path.display()
            )
        })
        .into()
}

#[track_caller]
fn check<T: PartialEq + Debug, E: Debug>(
    name: &str,
    value: &T,
    encode: fn(&T) -> Bytes,
    decode: fn(&[u8]) -> Result<T, E>,
) {
    let encoded = encode(value);
    let stored = golden(name, &encoded);
    assert_eq!(
        decode(&stored).unwrap(),
        *value,
        "{name} is read as something else"
    );
    assert_eq!(encoded, stored, "{name} is written differently");
}

fn text(text: &str) -> String {
    text.to_owned()
}

fn parent() -> ParentLink {
    ParentLink {
        instance: InstanceId::new("parent ☃ \"{}\"").unwrap(),
        incarnation: Incarnation(ID),
        execution: 2,
        event_id: 7,
    }
}

fn announcement() -> CancelAnnouncement {
    CancelAnnouncement {
        reason: text("enough"),
        cancel_at_ms: 1_700_000_030_000,
        message_id: ID,
    }
}

fn notice() -> Notice {
    Notice {
        reason: text("activity \"Charge\" is not registered on worker-1"),
        activity_id: Some(2),
        at_ms: 1_700_000_000_000,
    }
}

fn application(kind: AppErrorKind) -> ErrorDetails {
    ErrorDetails::Application {
        kind,
        message: text("it broke\nhere"),
        retryable: true,
    }
}

fn configuration(kind: ConfigErrorKind, message: Option<&str>) -> ErrorDetails {
    ErrorDetails::Configuration {
        kind,
        resource: text("Order"),
        message: message.map(text),
    }
}

fn poison(message_type: PoisonMessageType) -> ErrorDetails {
    ErrorDetails::Poison {
        attempt_count: 11,
        max_attempts: 10,
        message_type,
        message: text("given up"),
    }
}

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

/// The golden file of a kind of message; a kind without one does not compile.
fn name_of_message(body: &MessageBody) -> &'static str {
    match body {
        MessageBody::Start(_) => "message_start.bin",
        MessageBody::ActivityCompleted { .. } => "message_activity_completed.bin",
        MessageBody::ActivityFailed { .. } => "message_activity_failed.bin",
        MessageBody::TimerFired { .. } => "message_timer_fired.bin",
        MessageBody::ExternalEvent { .. } => "message_external_event.bin",
        MessageBody::ChildCompleted { .. } => "message_child_completed.bin",
        MessageBody::ChildFailed { .. } => "message_child_failed.bin",
        MessageBody::Cancel { .. } => "message_cancel.bin",
        MessageBody::CancelLater { .. } => "message_cancel_later.bin",
        MessageBody::CancelAnnounced { .. } => "message_cancel_announced.bin",
        MessageBody::Suspend => "message_suspend.bin",
        MessageBody::Resume => "message_resume.bin",
        MessageBody::Nudge { notice: None } => "message_nudge.bin",
        MessageBody::Nudge { notice: Some(_) } => "message_nudge_notice.bin",
    }
}

#[test]
fn message_bodies() {
    let details = application(AppErrorKind::ActivityFailed);
    let start = Start {
        orchestration: text("Order"),
        version: Some(text("1.2.3")),
        input: text("{\"id\":1}"),
        parent: Some(parent()),
        carried: vec![
            CarriedEvent {
                name: text("Paid"),
                data: text("42"),
                message_id: Some(ID),
            },
            CarriedEvent {
                name: text(""),
                data: text(""),
                message_id: None,
            },
        ],
        taken: Vec::new(),
        announced: None,
    };
    let bodies = [
        MessageBody::Start(start),
        MessageBody::ActivityCompleted {
            activity_id: 2,
            result: text("naïve ☃"),
        },
        MessageBody::ActivityFailed {
            activity_id: 2,
            details: details.clone(),
        },
        MessageBody::TimerFired {
            timer_id: 3,
            fire_at_ms: u64::MAX,
        },
        MessageBody::ExternalEvent {
            name: text("Paid"),
            data: text("\"quoted\""),
        },
        MessageBody::ChildCompleted {
            child_id: 4,
            result: text("done"),
        },
        MessageBody::ChildFailed {
            child_id: 4,
            details,
        },
        MessageBody::Cancel {
            reason: text("enough"),
        },
        MessageBody::CancelLater {
            reason: text("enough"),
            grace_ms: 30_000,
        },
        MessageBody::CancelAnnounced {
            reason: text("enough"),
            cancel_at_ms: 1_700_000_030_000,
        },
        MessageBody::Suspend,
        MessageBody::Resume,
        MessageBody::Nudge { notice: None },
        MessageBody::Nudge {
            notice: Some(notice()),
        },
    ];
    for body in bodies {
        check(
            name_of_message(&body),
            &body,
            MessageBody::encode,
            MessageBody::decode,
        );
    }
}

#[test]
fn starts() {
    let plain = Start {
        orchestration: text("Order"),
        version: None,
        input: text(""),
        parent: None,
        carried: Vec::new(),
        taken: Vec::new(),
        announced: None,
    };
    let taking_over = Start {
        taken: vec![ID],
        ..plain.clone()
    };
    let to_be_cancelled = Start {
        announced: Some(Box::new(announcement())),
        ..plain.clone()
    };
    for (name, start) in [
        ("message_start_plain.bin", plain),
        ("message_start_announced.bin", to_be_cancelled),
        ("message_start_taken.bin", taking_over),
    ] {
        let body = MessageBody::Start(start);
        check(name, &body, MessageBody::encode, MessageBody::decode);
    }
}

#[test]
fn activity_body() {
    let body = ActivityBody {
        name: text("Charge"),
        input: text("42"),
        orchestration: text("Order"),
        version: text("1.2.3"),
        start_to_close_ms: None,
        heartbeat_ms: None,
    };
    check(
        "activity.bin",
        &body,
        ActivityBody::encode,
        ActivityBody::decode,
    );
    let limited = ActivityBody {
        start_to_close_ms: Some(30_000),
        heartbeat_ms: Some(1),
        ..body
    };
    check(
        "activity_with_timeouts.bin",
        &limited,
        ActivityBody::encode,
        ActivityBody::decode,
    );
}

#[test]
fn core_state() {
    let of_child = CoreState {
        parent: Some(parent()),
        ..CoreState::default()
    };
    let with_notice = CoreState {
        parent: Some(parent()),
        notice: Some(notice()),
        ..CoreState::default()
    };
    check(
        "core_state_notice.bin",
        &with_notice,
        CoreState::encode,
        CoreState::decode,
    );
    check(
        "core_state_child.bin",
        &of_child,
        CoreState::encode,
        CoreState::decode,
    );
    let plain = CoreState::default();
    check(
        "core_state_plain.bin",
        &plain,
        CoreState::encode,
        CoreState::decode,
    );
}

#[test]
fn output() {
    let completed = Output::Completed(text("done"));
    check(
        "output_completed.bin",
        &completed,
        Output::encode,
        Output::decode,
    );
    let failed = Output::Failed(application(AppErrorKind::OrchestrationFailed));
    check("output_failed.bin", &failed, Output::encode, Output::decode);
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

/// What a history says of its cap, and of what did not fit into it.
#[test]
fn a_history_with_a_cap_of_its_own_and_a_refusal() {
    let kinds = [
        EventKind::OrchestrationStarted {
            name: text("Order"),
            version: text("1.2.3"),
            input: text("1"),
            parent_instance: None,
            parent_id: None,
            history_events_max: Some(1_024),
            rules: None,
            taken: Vec::new(),
            announced: None,
        },
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
    let entries: Vec<Entry> = (1..)
        .zip(kinds)
        .map(|(event_id, kind)| Entry {
            event_id,
            source_event_id: None,
            timestamp_ms: 1_700_000_000_000,
            message_id: None,
            kind,
        })
        .collect();
    check_history("history_capped.bin", &entries);
}

/// A start says by which rules the execution decides.
#[test]
fn a_history_whose_start_names_its_rules() {
    let kind = EventKind::OrchestrationStarted {
        name: text("Order"),
        version: text("1.2.3"),
        input: text("1"),
        parent_instance: None,
        parent_id: None,
        history_events_max: None,
        rules: Some(1),
        taken: Vec::new(),
        announced: None,
    };
    let entry = Entry {
        event_id: 1,
        source_event_id: None,
        timestamp_ms: 1_700_000_000_000,
        message_id: None,
        kind,
    };
    check_history("history_with_rules.bin", &[entry]);
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
    let entries: Vec<Entry> = (2..)
        .zip(kinds)
        .map(|(event_id, kind)| Entry {
            event_id,
            source_event_id: None,
            timestamp_ms: 1_700_000_000_000,
            message_id: None,
            kind,
        })
        .collect();
    check_history("history_with_queues.bin", &entries);
}

/// A start knows which events the executions before have taken, and an event which wait has taken it.
#[test]
fn a_history_of_mail() {
    let started = EventKind::OrchestrationStarted {
        name: text("Order"),
        version: text("1.2.3"),
        input: text("1"),
        parent_instance: None,
        parent_id: None,
        history_events_max: None,
        rules: None,
        taken: vec![ID],
        announced: None,
    };
    let wait = EventKind::ExternalSubscribed { name: text("Paid") };
    let event = EventKind::ExternalEvent {
        name: text("Paid"),
        data: text("42"),
    };
    let entry = |event_id, source_event_id, message_id, kind| Entry {
        event_id,
        source_event_id,
        timestamp_ms: 1_700_000_000_000,
        message_id,
        kind,
    };
    let entries = [
        entry(1, None, None, started),
        entry(2, None, None, wait),
        entry(3, Some(2), Some(ID), event),
    ];
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
    let started = EventKind::OrchestrationStarted {
        name: text("Order"),
        version: text("1.2.3"),
        input: text("1"),
        parent_instance: None,
        parent_id: None,
        history_events_max: None,
        rules: None,
        taken: Vec::new(),
        announced: Some(Box::new(announcement())),
    };
    let entries: Vec<Entry> = (1..)
        .zip(std::iter::once(started).chain(kinds))
        .map(|(event_id, kind)| Entry {
            event_id,
            source_event_id: matches!(kind, EventKind::ExternalAbsent { .. }).then_some(3),
            timestamp_ms: 1_700_000_000_000,
            message_id: (event_id == 5).then_some(ID),
            kind,
        })
        .collect();
    check_history("history_of_instances.bin", &entries);
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

/// A turn that is committed by a new version repeats what an old version sent.
#[test]
fn the_ids_of_messages_stay() {
    let origin = Origin {
        incarnation: Incarnation(ID),
        execution: 2,
        event_id: 7,
    };
    let causes = [
        (
            Cause::ActivityOutcome,
            "09e1e64c-c351-558c-a646-e82f63493432",
        ),
        (Cause::Timer, "daefe4ed-f4f2-50ab-910d-fd595e310d54"),
        (Cause::Start, "628fcf9f-fb3a-5d2a-89e3-20bf2d4fd35a"),
        (Cause::ChildCancel, "7e326c72-f3e2-5d7c-b94e-eaca8dd04262"),
        (Cause::ChildOutcome, "bf1b4bb3-3e25-5e9c-8991-28556556fbd0"),
        (Cause::NextExecution, "f59ad024-4bbd-5df5-8655-65b0a3e3b259"),
        (Cause::Refused, "91a61307-11a6-5be8-b2c2-9e107c5f9e52"),
        (Cause::Event, "92c8b591-1283-5c16-a550-c2e1293fe08e"),
        (
            Cause::CancelAnnouncement,
            "f565faf8-815d-5921-a91e-55d4e3f3a585",
        ),
        (Cause::Cancel, "57f5d79d-70d4-5a63-bf54-dc1084fe5a96"),
        (Cause::OpenTry, "0f15de5f-d76e-584f-9632-91bd28acfb2b"),
    ];
    let ids: Vec<String> = causes
        .iter()
        .map(|(cause, _)| origin.message_id(*cause).to_string())
        .collect();
    let expected: Vec<&str> = causes.iter().map(|(_, expected)| *expected).collect();
    assert_eq!(ids, expected);
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), causes.len());
}

/// What a made-up version 2 writes: another format, and kinds that this version does not know. None
/// of it may be taken for damage.
#[test]
fn what_a_later_version_wrote_is_told_from_damage() {
    let of_version_2 = |json: &str| {
        let mut bytes = frame::around(json.as_bytes()).to_vec();
        bytes[1] = 2;
        Bytes::from(bytes)
    };
    let message = r#"{"type":"Suspend","reason":"lunch"}"#;
    let chunk = r#"{"duroxide":"2.0.0","events":[{"at":1,"kind":{"type":"Suspended"}}]}"#;
    let bodies = [
        ("v2_format.bin", of_version_2("{}")),
        ("v2_message.bin", frame::around(message.as_bytes())),
    ];
    for (name, encoded) in bodies {
        let stored = golden(name, &encoded);
        let error = MessageBody::decode(&stored).unwrap_err();
        assert!(error.is_newer_format(), "{name}: {error}");
    }
    // A start that names other rules is one that this version cannot go by.
    let started = r#"{"duroxide":"2.0.0","events":[{"at":1,"kind":{"type":"OrchestrationStarted","name":"Order","version":"1.2.3","input":"1","r":2}}]}"#;
    let chunks = [("v2_history.bin", chunk), ("v2_rules.bin", started)];
    for (name, json) in chunks {
        let chunk = HistoryChunk {
            first_event_id: 1,
            event_count: 1,
            body: golden(name, &frame::around(json.as_bytes())),
        };
        let error = decode_entries(&chunk).unwrap_err();
        assert!(error.is_newer_format(), "{name}: {error}");
    }
}

/// A head that a later version wrote keeps what this one does not know.
#[test]
fn what_a_later_version_keeps_in_the_head_is_kept() {
    let json = r#"{"labels":{"tenant":"a"},"zone":[7,null]}"#;
    let stored = golden("v2_core_state.bin", &frame::around(json.as_bytes()));
    let mut core_state = CoreState::decode(&stored).unwrap();
    assert_eq!(core_state.encode(), stored);
    core_state.notice = Some(notice());
    let encoded = core_state.encode();
    core_state = CoreState::decode(&encoded).unwrap();
    assert_eq!(core_state.notice.take(), Some(notice()));
    assert_eq!(core_state.encode(), stored);
}
