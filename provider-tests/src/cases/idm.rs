//! Idempotence.

use duroxide_core::providers::{Commit, ErrorKind};

use crate::support::{Cx, LEASE, later, refused, to, turn_answer};

/// After a lost reply the same commit succeeds again and nothing happens twice, though its lease
/// and its position are gone.
pub(crate) async fn a_repeated_turn_changes_nothing(cx: &Cx) {
    let untouched = cx.twin().await;
    let repeats = cx.twin().await;
    for (cx, repeat) in [(&untouched, false), (&repeats, true)] {
        cx.running_with_activities("a", 2).await;
        cx.running("b").await;
        let turn = cx.poke_and_claim("a").await;
        let commit = cx
            .turn(&turn)
            .append(2)
            .activities(5..=7)
            .cancel_one(1)
            .send(to("a", cx.message()))
            .send(to("b", cx.message()))
            .send(later("b", cx.message(), LEASE))
            .send(cx.start_of("child"))
            .build();
        cx.apply(commit.clone()).await;
        let before = cx.view(&["a", "b", "child"]).await;
        if repeat {
            for _ in 0..2 {
                let committed = cx
                    .try_turn(commit.clone())
                    .await
                    .expect("a repeat succeeds");
                assert!(committed.repeated);
            }
            assert_eq!(cx.view(&["a", "b", "child"]).await, before);
        }
    }
    assert_eq!(repeats.dump().await, untouched.dump().await);
}

/// A repeat does not bring back what somebody consumed meanwhile.
pub(crate) async fn a_repeated_turn_does_not_send_again(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx
        .turn(&turn)
        .append(1)
        .activity(2)
        .send(to("b", cx.message()))
        .build();
    cx.apply(commit.clone()).await;
    let b = cx.claim_only("b").await;
    cx.apply(cx.turn(&b).append(1)).await;
    let work = cx.work_only().await;
    cx.try_finish(&work.lease, None)
        .await
        .expect("the lease is held");

    let committed = cx.try_turn(commit).await.expect("a repeat succeeds");

    assert!(committed.repeated);
    cx.claim_nothing().await;
    cx.work_nothing().await;
}

/// A repeat does not touch the lease that somebody took meanwhile.
pub(crate) async fn a_repeat_leaves_the_next_holder_alone(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).append(1).build();
    cx.apply(commit.clone()).await;
    let next = cx.poke_and_claim("a").await;

    assert!(
        cx.try_turn(commit)
            .await
            .expect("a repeat succeeds")
            .repeated
    );

    cx.claim_nothing().await;
    cx.apply(cx.turn(&next).append(1)).await;
}

/// Once a later turn is committed, the earlier one is no repeat but late.
pub(crate) async fn only_the_last_turn_can_be_repeated(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let early = cx.turn(&turn).append(1).build();
    cx.apply(early.clone()).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1)).await;
    let before = cx.view(&["a"]).await;

    cx.refuse(early, ErrorKind::LeaseLost).await;

    assert_eq!(cx.view(&["a"]).await, before);
}

/// A repeated creation succeeds, before anybody says that the instance exists.
pub(crate) async fn a_repeated_creation_changes_nothing(cx: &Cx) {
    let commit = cx.creation("a").append(1).activity(1).build();
    cx.apply(commit.clone()).await;
    let before = cx.view(&["a"]).await;

    assert!(
        cx.try_turn(commit)
            .await
            .expect("a repeat succeeds")
            .repeated
    );

    assert_eq!(cx.view(&["a"]).await, before);
    cx.work_only().await;
}

/// A repeat in a batch is answered in its place.
pub(crate) async fn a_batch_is_repeated_as_a_whole(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;
    let operations = vec![
        Commit::Turn(cx.turn(&a).append(1).build()),
        Commit::Send(to("b", cx.message())),
        Commit::Turn(cx.turn(&b).append(1).build()),
    ];
    let first: Vec<_> = cx.batch(operations.clone()).await;
    assert!(first.iter().all(Result::is_ok), "{first:?}");

    let mut answers = cx.batch(operations).await;

    let last = answers.pop().unwrap().expect("a repeat succeeds");
    assert!(turn_answer(last).repeated);
    assert!(answers.remove(1).is_ok());
    let first = answers.remove(0).expect("a repeat succeeds");
    assert!(turn_answer(first).repeated);
    assert_eq!(cx.claim_only("b").await.messages.len(), 1, "one message");
}

/// The head names the last turn, and no turn at first.
pub(crate) async fn the_head_names_the_last_turn(cx: &Cx) {
    cx.start("a").await;
    assert_eq!(cx.head("a").await.commit_id, None);
    for _ in 0..2 {
        cx.poke("a").await;
        let turn = cx.claim_only("a").await;
        let commit = cx.turn(&turn).build();
        cx.apply(commit.clone()).await;
        assert_eq!(cx.head("a").await.commit_id, Some(commit.commit_id));
    }
    let head = cx.head("a").await;
    assert_eq!(cx.poke_and_claim("a").await.head.commit_id, head.commit_id);
}

/// A start that is sent again succeeds: while it waits, once it was consumed, and at the end.
pub(crate) async fn a_repeated_start_changes_nothing(cx: &Cx) {
    let start = cx.start_of("a");
    cx.send(start.clone()).await;
    let before = cx.view(&["a"]).await;
    cx.send(start.clone()).await;
    assert_eq!(cx.view(&["a"]).await, before);

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages.len(), 1, "it is there once");
    cx.send(start.clone()).await;
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.claim_nothing().await;
    cx.send(start.clone()).await;
    cx.claim_nothing().await;

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    let before = cx.view(&["a"]).await;
    cx.send(start).await;
    assert_eq!(cx.view(&["a"]).await, before);
    cx.claim_nothing().await;
}

/// The second report of an outcome is refused and sends nothing.
pub(crate) async fn a_repeated_outcome_is_refused(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let message = cx.finish(&work.lease).await;
    let before = cx.view(&["a"]).await;

    let again = cx.try_finish(&work.lease, Some(message.clone())).await;
    refused(again, ErrorKind::LeaseLost);
    let other = cx.try_finish(&work.lease, Some(cx.message())).await;
    refused(other, ErrorKind::LeaseLost);

    assert_eq!(cx.view(&["a"]).await, before);
    assert_eq!(cx.claim_only("a").await.messages, [message]);
}
