//! That a commit of which one part fails applies no part.

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ActivityLease, ErrorKind, ExecutionStatus, ExecutionUpdate, HistoryChunk,
    Position, Reservation,
};

use crate::support::{Cx, LEASE, TurnBuilder, later, random_token, to};

/// The one thing that is wrong with a commit.
#[derive(Debug, Clone, Copy)]
enum Flaw {
    Token,
    Position,
    CompletedActivity,
    GapInHistory,
    GapInExecutions,
    HistoryCap,
    MessageBody,
    LastMessageBody,
    ActivityBody,
    Output,
    CoreState,
    CommitBytes,
    EmptyChunk,
    ActivityTwice,
}

const FLAWS: [(Flaw, ErrorKind); 14] = [
    (Flaw::Token, ErrorKind::LeaseLost),
    (Flaw::Position, ErrorKind::PositionConflict),
    (Flaw::CompletedActivity, ErrorKind::LeaseLost),
    (Flaw::GapInHistory, ErrorKind::InvalidInput),
    (Flaw::GapInExecutions, ErrorKind::InvalidInput),
    (Flaw::HistoryCap, ErrorKind::LimitExceeded),
    (Flaw::MessageBody, ErrorKind::LimitExceeded),
    (Flaw::LastMessageBody, ErrorKind::LimitExceeded),
    (Flaw::ActivityBody, ErrorKind::LimitExceeded),
    (Flaw::Output, ErrorKind::LimitExceeded),
    (Flaw::CoreState, ErrorKind::LimitExceeded),
    (Flaw::CommitBytes, ErrorKind::LimitExceeded),
    (Flaw::EmptyChunk, ErrorKind::InvalidInput),
    (Flaw::ActivityTwice, ErrorKind::InvalidInput),
];

/// Brings a store into a state in which every part of a turn has something to do, and returns a
/// turn that does it all.
pub(super) async fn prepared(cx: &Cx) -> TurnBuilder {
    cx.running_with_activities("a", 4).await;
    cx.running("b").await;
    let completed = cx.work(1).await.remove(0).lease;
    let cancelled = cx.work(1).await.remove(0).lease;
    let timer = cx.poke_later("a", LEASE).await;
    cx.send(to("a", cx.message_to_execution(1))).await;
    let turn = cx.poke_and_claim("a").await;
    let consumed = [timer.id, turn.messages[1].id];
    cx.turn(&turn)
        .core_state(Bytes::from_static(b"another"))
        .consume(consumed)
        .purge_through(1)
        .activities(11..=13)
        .cancel_one(cancelled.key.activity_id)
        .cancel_one(4)
        .complete_activity(completed)
        .send(to("b", cx.message()))
        .send(later("a", cx.message(), LEASE))
        .send(cx.start_of("child"))
        .append(2)
}

fn oversized(limit: usize) -> Bytes {
    Bytes::from(vec![1; limit + 1])
}

fn flawed(cx: &Cx, flaw: Flaw, commit: TurnBuilder) -> TurnBuilder {
    let limits = cx.limits();
    let built = commit.clone().build();
    let duroxide_core::providers::Fence::At { lease, position } = built.fence else {
        panic!("the turn was claimed");
    };
    let mut too_large = cx.message();
    too_large.body = oversized(limits.body_bytes_max);
    let far = ExecutionUpdate {
        execution: 1,
        chunk: Some(HistoryChunk {
            first_event_id: 9,
            event_count: 1,
            body: Bytes::new(),
        }),
        status: ExecutionStatus::Running,
        output: None,
    };
    match flaw {
        Flaw::Token => commit.at(random_token(), position),
        Flaw::Position => commit.at(
            lease,
            Position {
                next_event_id: position.next_event_id + 1,
                ..position
            },
        ),
        Flaw::CompletedActivity => commit.complete_activity(ActivityLease {
            token: random_token(),
            ..built.completed[0].clone()
        }),
        Flaw::GapInHistory => commit.executions(vec![far]),
        Flaw::GapInExecutions => commit.execution(ExecutionUpdate {
            execution: 3,
            chunk: None,
            ..far
        }),
        Flaw::HistoryCap => commit.append(limits.history_events_max),
        Flaw::MessageBody => commit.first_message(to("b", too_large)),
        Flaw::LastMessageBody => commit.send(to("b", too_large)),
        Flaw::ActivityBody => commit.activity_body(oversized(limits.body_bytes_max)),
        Flaw::Output => commit.end(
            ExecutionStatus::Completed,
            Some(oversized(limits.body_bytes_max)),
        ),
        Flaw::EmptyChunk => commit.next(0),
        Flaw::ActivityTwice => commit.activity(11),
        Flaw::CoreState => commit.core_state(oversized(limits.core_state_bytes_max)),
        Flaw::CommitBytes => {
            let body = Bytes::from(vec![1; limits.body_bytes_max]);
            let parts = limits.commit_bytes_max / limits.body_bytes_max + 1;
            (0..parts).fold(commit, |commit, _| {
                let mut message = cx.message();
                message.body = body.clone();
                commit.send(to("b", message))
            })
        }
    }
}

/// Commits of which exactly one part is wrong: the store then equals one in which nobody tried.
pub(crate) async fn one_flaw_refuses_all_parts(cx: &Cx) {
    const NAMES: [&str; 3] = ["a", "b", "child"];
    let mut dumps = Vec::new();
    for (flaw, kind) in FLAWS {
        let (tried, untouched) = (cx.twin().await, cx.twin().await);
        let commit = prepared(&tried).await;
        prepared(&untouched).await;
        let before = tried.view(&NAMES).await;
        let commit = flawed(&tried, flaw, commit);

        let error = tried.try_turn(commit).await.expect_err("it is flawed");

        assert_eq!(error.kind(), kind, "{flaw:?}: {error:?}");
        assert_eq!(tried.view(&NAMES).await, before, "{flaw:?}");
        let dump = async move { (flaw, tried.dump().await, untouched.dump().await) };
        dumps.push(tokio::spawn(dump));
    }
    for dump in dumps {
        let (flaw, tried, untouched) = dump.await.expect("the stores can be emptied");
        assert_eq!(tried, untouched, "{flaw:?}");
    }
}

/// The commit that the flaws are put into is valid without them, and then every part of it counts.
pub(crate) async fn without_a_flaw_all_parts_are_applied(cx: &Cx) {
    let commit = prepared(cx).await;

    let committed = cx.apply(commit).await;

    assert_eq!(committed.cancelled.len(), 1, "the other was not leased");
    assert_eq!(&cx.head("a").await.core_state[..], b"another");
    let dump = cx.dump().await;
    let inboxes: Vec<_> = dump
        .turns
        .iter()
        .map(|(id, (_, m))| (&**id, m.len()))
        .collect();
    assert_eq!(inboxes, [("a", 1), ("b", 1), ("child", 1)]);
    let activities: Vec<_> = dump.activities.keys().map(|key| key.activity_id).collect();
    assert_eq!(activities, [3, 11, 12, 13]);
}

/// A refused turn does not create the activities that it reserves.
pub(crate) async fn a_refused_turn_reserves_nothing(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let reservation = Reservation {
        token: random_token(),
        lease: LEASE,
    };
    let commit = cx
        .turn(&turn)
        .at(random_token(), turn.head.position)
        .append(1)
        .reserved(5, reservation.token, reservation.lease)
        .cancel(ActivityCancel::AllOfExecution(1));

    cx.refuse(commit, ErrorKind::LeaseLost).await;

    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}
