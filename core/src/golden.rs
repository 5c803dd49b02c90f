//! What was stored once must be read for ever: each wire type against files that are never edited.
//!
//! To add a file, run the test once with `DUROXIDE_WRITE_GOLDEN=1`; a file that is there already
//! is never written.

mod histories;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use uuid::Uuid;

use crate::event::{
    AppErrorKind, CancelAnnouncement, ConfigErrorKind, ErrorDetails, PoisonMessageType,
    decode_entries,
};
use crate::frame;
use crate::message::{
    ActivityBody, ActivityDetails, CarriedEvent, Cause, CoreState, Fork, ForkCut, MessageBody,
    Notice, Origin, Output, ParentLink, RewindTarget, Start, ValueBody,
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
        MessageBody::Cancel {
            announced_in: None, ..
        } => "message_cancel.bin",
        MessageBody::Cancel { .. } => "message_cancel_in_time.bin",
        MessageBody::CancelLater { .. } => "message_cancel_later.bin",
        MessageBody::CancelAnnounced {
            announced_in: None, ..
        } => "message_cancel_announced.bin",
        MessageBody::CancelAnnounced { .. } => "message_cancel_announced_in.bin",
        MessageBody::Suspend => "message_suspend.bin",
        MessageBody::Resume => "message_resume.bin",
        MessageBody::Rewind { .. } => "message_rewind.bin",
        MessageBody::StartAgain(_) => "message_start_again.bin",
        MessageBody::Fork(_) => "message_fork.bin",
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
        ..Start::default()
    };
    let bodies = [
        MessageBody::StartAgain(Start {
            carried: Vec::new(),
            ..start.clone()
        }),
        MessageBody::Start(start),
        fork(ForkCut::LastFailedStep),
        MessageBody::Rewind {
            to: RewindTarget::LastFailedStep,
        },
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
        MessageBody::cancel(text("enough")),
        MessageBody::CancelLater {
            reason: text("enough"),
            grace_ms: 30_000,
        },
        MessageBody::CancelAnnounced {
            reason: text("enough"),
            cancel_at_ms: 1_700_000_030_000,
            announced_in: None,
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

fn fork(cut: ForkCut) -> MessageBody {
    MessageBody::Fork(Fork {
        start: Start {
            orchestration: text("Order"),
            version: Some(text("1.2.3")),
            ..Start::default()
        },
        source: InstanceId::new("source ☃").unwrap(),
        incarnation: Incarnation(ID),
        execution: 3,
        cut,
    })
}

#[test]
fn a_fork_before_an_event() {
    check(
        "message_fork_before.bin",
        &fork(ForkCut::Before(7)),
        MessageBody::encode,
        MessageBody::decode,
    );
}

#[test]
fn announced_cancellations() {
    let reason = || text("enough");
    let bodies = [
        MessageBody::Cancel {
            reason: reason(),
            announced_in: Some(3),
        },
        MessageBody::CancelAnnounced {
            reason: reason(),
            cancel_at_ms: 1_700_000_030_000,
            announced_in: Some(3),
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
        ..Start::default()
    };
    let taking_over = Start {
        taken: vec![ID],
        ..plain.clone()
    };
    let to_be_cancelled = Start {
        announced: Some(Box::new(announcement())),
        ..plain.clone()
    };
    let with_values = Start {
        values: BTreeMap::from([(text("colour"), text("red"))]),
        ..plain.clone()
    };
    for (name, start) in [
        ("message_start_plain.bin", plain),
        ("message_start_announced.bin", to_be_cancelled),
        ("message_start_taken.bin", taking_over),
        ("message_start_values.bin", with_values),
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
fn activity_details() {
    let details = ActivityDetails {
        progress: Some(text("60")),
        ..ActivityDetails::default()
    };
    check(
        "activity_details.bin",
        &details,
        ActivityDetails::encode,
        ActivityDetails::decode,
    );
}

#[test]
fn note() {
    let note = Notice {
        activity_id: None,
        ..notice()
    };
    check("note.bin", &note, Notice::encode, Notice::decode);
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
    let told = CoreState {
        parent_is_told: true,
        ..of_child.clone()
    };
    let rewound = CoreState {
        start_is_lost: true,
        rewound_in: Some(3),
        ..CoreState::default()
    };
    let given_up = CoreState {
        not_rewound: Some(Notice {
            activity_id: None,
            ..notice()
        }),
        ..CoreState::default()
    };
    check(
        "core_state_not_rewound.bin",
        &given_up,
        CoreState::encode,
        CoreState::decode,
    );
    check(
        "core_state_rewound.bin",
        &rewound,
        CoreState::encode,
        CoreState::decode,
    );
    check(
        "core_state_told.bin",
        &told,
        CoreState::encode,
        CoreState::decode,
    );
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
    let that_expires = CoreState::of_new(None, Some(Duration::from_hours(24)));
    check(
        "core_state_expiry.bin",
        &that_expires,
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

#[test]
fn a_value() {
    let body = ValueBody::of("half way");
    check("value.bin", &body, ValueBody::encode, ValueBody::decode);
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
        (Cause::Event, "92c8b591-1283-8c16-a550-c2e1293fe08e"),
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
