//! Batches, and turns with many parts.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityCancel, ActivityOutcome, Commit, Committed, ErrorKind, Turn,
};

use crate::support::{Cx, LEASE, random_token, refused, to};

/// Good and bad members are each answered in their place.
pub(crate) async fn a_batch_is_answered_in_order(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.running("b").await;
    let work = cx.work_only().await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;
    let b_before = cx.view(&["b"]).await;
    let forged = cx.turn(&b).at(random_token(), b.head.position).append(1);
    let started = cx.start_of("new");

    let answers = cx
        .batch(vec![
            Commit::Send(to("nobody", cx.message())),
            Commit::Turn(cx.turn(&a).append(1).build()),
            Commit::Turn(forged.build()),
            Commit::Send(started),
            Commit::Send(cx.start_of("b")),
            Commit::Activity(ActivityOutcome {
                lease: work.lease,
                message: None,
            }),
        ])
        .await;

    let [nobody, turn, forged, start, again, outcome] = answers.try_into().unwrap();
    refused(nobody, ErrorKind::NotFound);
    assert!(matches!(turn, Ok(Committed::Turn(_))), "{turn:?}");
    refused(forged, ErrorKind::LeaseLost);
    assert_eq!(start.unwrap(), Committed::Sent);
    refused(again, ErrorKind::AlreadyExists);
    let messages_dropped = 0;
    assert_eq!(outcome.unwrap(), Committed::Activity { messages_dropped });
    assert_eq!(cx.head("b").await, b.head, "{b_before:?}");
    assert_eq!(cx.position("a").await.next_event_id, 3);
    cx.claim_only("new").await;
    cx.apply(cx.turn(&b).append(1)).await;
}

/// A member over a limit costs only itself.
pub(crate) async fn an_oversized_member_costs_only_itself(cx: &Cx) {
    cx.running("a").await;
    let mut oversized = cx.message();
    oversized.body = vec![0; cx.limits().body_bytes_max + 1].into();
    let (before, after) = (cx.message(), cx.message());

    let answers = cx
        .batch(vec![
            Commit::Send(to("a", before.clone())),
            Commit::Send(to("a", oversized)),
            Commit::Send(to("a", after.clone())),
        ])
        .await;

    let kinds: Vec<_> = answers
        .into_iter()
        .map(|a| a.err().map(|e| e.kind()))
        .collect();
    assert_eq!(kinds, [None, Some(ErrorKind::LimitExceeded), None]);
    // The order of the members is open.
    let mut messages = cx.claim_only("a").await.messages;
    messages.sort_by_key(|message| message.id);
    assert_eq!(messages, [before, after]);
}

/// A send in the same batch as the turn is seen by the turn's release, before or after it.
pub(crate) async fn a_release_sees_the_sends_of_its_batch(cx: &Cx) {
    for send_first in [true, false] {
        let cx = cx.twin().await;
        cx.running("a").await;
        let turn = cx.poke_and_claim("a").await;
        let message = cx.message();
        let mut operations = vec![
            Commit::Turn(cx.turn(&turn).append(1).build()),
            Commit::Send(to("a", message.clone())),
        ];
        if send_first {
            operations.reverse();
        }

        for answer in cx.batch(operations).await {
            answer.expect("both are valid");
        }

        assert_eq!(cx.claim_only("a").await.messages, [message]);
    }
}

/// An outcome in the batch of its instance's turn is seen by the turn's release.
pub(crate) async fn a_release_sees_the_outcomes_of_its_batch(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.poke_and_claim("a").await;
    let message = cx.message_to_execution(1);

    let answers = cx
        .batch(vec![
            Commit::Turn(cx.turn(&turn).append(1).build()),
            Commit::Activity(ActivityOutcome {
                lease: work.lease,
                message: Some(message.clone()),
            }),
        ])
        .await;

    for answer in answers {
        answer.expect("both are valid");
    }
    assert_eq!(cx.claim_only("a").await.messages, [message]);
}

/// Turns with none to a thousand activities and as many messages, all of them there.
pub(crate) async fn a_turn_fans_out(cx: &Cx) {
    cx.running("a").await;
    for count in [0, 1, 99, 100, 101, 1_000] {
        let turn = cx.poke_and_claim("a").await;
        let messages: Vec<_> = (0..count).map(|_| cx.message()).collect();
        let mut commit = cx.turn(&turn).append(1).activities(1..=count);
        for message in &messages {
            commit = commit.send(to("a", message.clone()));
        }
        cx.apply(commit).await;

        let work = cx.work(2_000).await;
        let mut ids: Vec<_> = work.iter().map(|w| w.lease.key.activity_id).collect();
        ids.sort_unstable();
        assert_eq!(ids, Vec::from_iter(1..=count));
        if count == 0 {
            cx.claim_nothing().await;
            continue;
        }
        let turn = cx.claim_only("a").await;
        assert_eq!(turn.messages, messages);
        let cancel = ActivityCancel::AllOfExecution(1);
        let committed = cx.apply(cx.turn(&turn).cancel(cancel)).await;
        assert_eq!(committed.cancelled.len(), work.len());
    }
}

/// A turn starts a hundred and one instances.
pub(crate) async fn a_turn_fans_out_to_many_instances(cx: &Cx) {
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let mut commit = cx.turn(&turn).append(1);
    for number in 0..101 {
        commit = commit.send(cx.start_of(&format!("child {number}")));
    }
    let committed = cx.apply(commit).await;

    assert_eq!(committed.messages_dropped, 0);
    assert_eq!(cx.claim(200).await.len(), 101);
}

/// A hundred turns of a hundred instances fit into one batch.
pub(crate) async fn a_batch_of_many_turns(cx: &Cx) {
    for number in 0..100 {
        cx.start(&format!("{number}")).await;
    }
    let turns = cx.claim(100).await;
    let operations: Vec<_> = turns
        .iter()
        .map(|turn| Commit::Turn(cx.turn(turn).append(1).build()))
        .collect();

    for answer in cx.batch(operations).await {
        answer.expect("each turn is valid");
    }

    cx.elapse(LEASE + Duration::from_secs(1)).await;
    cx.claim_nothing().await;
}

/// One turn schedules ten thousand activities and sends as many messages.
pub(crate) async fn a_turn_fans_out_to_ten_thousand(cx: &Cx) {
    const COUNT: u64 = 10_000;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut commit = cx.turn(&turn).append(1).activities(1..=COUNT);
    for _ in 0..COUNT {
        commit = commit.send(to("a", cx.message()));
    }

    cx.apply(commit).await;

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages.len() as u64, COUNT);
    let mut ids = BTreeSet::new();
    loop {
        let work = cx.work(1_000).await;
        ids.extend(work.iter().map(|work| work.lease.key.activity_id));
        if work.is_empty() {
            break;
        }
    }
    assert!(ids.into_iter().eq(1..=COUNT));
}

/// Whatever is wrong with one member, and wherever it stands, the others are applied.
pub(crate) async fn one_bad_member_costs_only_itself(cx: &Cx) {
    const MEMBERS: usize = 4;
    for (bad, kind) in [
        (Bad::Orphan, ErrorKind::NotFound),
        (Bad::LostTurn, ErrorKind::LeaseLost),
        (Bad::LostOutcome, ErrorKind::LeaseLost),
        (Bad::Oversized, ErrorKind::LimitExceeded),
    ] {
        for place in 0..MEMBERS {
            let cx = cx.twin().await;
            cx.running_with_activities("a", 2).await;
            cx.running("b").await;
            let work = cx.work(1).await.remove(0).lease;
            let (turn, lost) = (cx.poke_and_claim("a").await, cx.poke_and_claim("b").await);
            let (outcome, sent) = (cx.message(), cx.message());
            let mut operations = vec![
                Commit::Turn(cx.turn(&turn).append(1).build()),
                Commit::Activity(ActivityOutcome {
                    lease: work,
                    message: Some(outcome.clone()),
                }),
                Commit::Send(to("a", sent.clone())),
            ];
            operations.insert(place, bad.member(&cx, &lost).await);

            let mut answers = cx.batch(operations).await;

            refused(answers.remove(place), kind);
            assert!(
                answers.iter().all(Result::is_ok),
                "{bad:?} at {place}: {answers:?}"
            );
            assert_eq!(cx.head("b").await, lost.head, "{bad:?} at {place}");
            assert_eq!(cx.claim_only("a").await.messages, [outcome, sent]);
            assert_eq!(cx.work(9).await.len(), usize::from(bad != Bad::LostOutcome));
            cx.apply(cx.turn(&lost).append(1)).await;
        }
    }
}

/// What is wrong with a member of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bad {
    Orphan,
    LostTurn,
    LostOutcome,
    Oversized,
}

impl Bad {
    async fn member(self, cx: &Cx, turn: &Turn) -> Commit {
        match self {
            Self::Orphan => Commit::Send(to("nobody", cx.message())),
            Self::LostTurn => {
                let lost = cx.turn(turn).at(random_token(), turn.head.position);
                Commit::Turn(lost.append(1).build())
            }
            Self::LostOutcome => {
                let mut lease = cx.work_only().await.lease;
                lease.token = random_token();
                let message = Some(cx.message());
                Commit::Activity(ActivityOutcome { lease, message })
            }
            Self::Oversized => {
                let mut message = cx.message();
                message.body = vec![0; cx.limits().body_bytes_max + 1].into();
                Commit::Send(to("a", message))
            }
        }
    }
}
