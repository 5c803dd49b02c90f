//! Activities and their queue.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ActivityCancel, ActivityKey, ActivityLease, ErrorKind, Lease, Renewal, TaskQueue,
};

use crate::support::{Cx, LEASE, SECOND, id, random_token, refused};

/// An activity is claimable once its turn is committed, not when the turn is lost.
pub(crate) async fn an_activity_appears_with_its_turn(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.work_nothing().await;
    let lost = cx.turn(&turn).at(random_token(), turn.head.position);
    cx.refuse(lost.append(1).activity(2), ErrorKind::LeaseLost)
        .await;
    cx.work_nothing().await;

    cx.apply(cx.turn(&turn).append(1).activity(2)).await;

    cx.work_only().await;
}

/// Key, queue and bytes are those of the turn, whatever they are.
pub(crate) async fn an_activity_is_claimed_as_it_was_scheduled(cx: &Cx) {
    let head = cx.running("a").await;
    let bodies: [Bytes; 3] = [
        Bytes::new(),
        (0..=255).collect(),
        Bytes::from(vec![9; 100_000]),
    ];
    let turn = cx.poke_and_claim("a").await;
    let mut commit = cx.turn(&turn).append(1);
    for (activity_id, body) in (1..).zip(&bodies) {
        commit = commit
            .activity_in("gpu", activity_id)
            .activity_body(body.clone());
    }
    cx.apply(commit).await;

    let mut items = cx.work_in(&["gpu"], 9).await.items;

    items.sort_by_key(|work| work.lease.key.activity_id);
    assert_eq!(items.len(), bodies.len());
    for ((activity_id, body), work) in (1..).zip(bodies).zip(items) {
        let key = ActivityKey {
            instance: id("a"),
            incarnation: head.incarnation,
            execution: 1,
            activity_id,
        };
        assert_eq!(work.lease.key, key);
        assert_eq!(work.queue, TaskQueue("gpu".into()));
        assert_eq!(work.body, body);
    }
}

/// A reserved activity is nobody else's until its time has passed, and then its second attempt.
pub(crate) async fn a_reserved_activity_is_born_leased(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.elapse(SECOND).await;
    cx.apply(
        cx.turn(&turn)
            .append(1)
            .reserved(2, random_token(), SECOND * 5),
    )
    .await;

    let rest = cx.elapse_most_of(SECOND * 5).await;
    cx.work_nothing().await;
    cx.elapse(rest).await;

    assert_eq!(cx.work_only().await.attempt, 2, "the first was counted");
}

/// The reserving node renews, and ends the activity with its own token.
pub(crate) async fn a_reserved_activity_is_ended_by_its_token(cx: &Cx) {
    let head = cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let lease = ActivityLease {
        key: ActivityKey {
            instance: id("a"),
            incarnation: head.incarnation,
            execution: 1,
            activity_id: 2,
        },
        token: random_token(),
    };
    cx.apply(cx.turn(&turn).append(1).reserved(2, lease.token, SECOND))
        .await;

    let renewed = cx.renew(Lease::Activity(lease.clone()), LEASE).await;
    assert_eq!(renewed, Renewal::Renewed);
    cx.elapse(SECOND * 2).await;
    let message = cx.finish(&lease).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}

/// A reservation that the node cannot use is given back like any lease.
pub(crate) async fn a_reserved_activity_can_be_released(cx: &Cx) {
    let head = cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let token = random_token();
    cx.apply(cx.turn(&turn).append(1).reserved(2, token, LEASE))
        .await;
    let key = ActivityKey {
        instance: id("a"),
        incarnation: head.incarnation,
        execution: 1,
        activity_id: 2,
    };

    cx.release(
        Lease::Activity(ActivityLease { key, token }),
        Duration::ZERO,
    )
    .await;

    cx.work_only().await;
}

/// An outcome sends its message and the activity is gone for good.
pub(crate) async fn an_outcome_removes_and_sends(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let work = cx.work(1).await.remove(0);

    let message = cx.finish(&work.lease).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
    cx.elapse(LEASE).await;
    assert_ne!(cx.work_only().await.lease.key, work.lease.key);
}

/// An outcome without a message ends the activity in silence.
pub(crate) async fn an_outcome_can_be_silent(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;

    let messages_dropped = cx.try_finish(&work.lease, None).await;

    assert_eq!(messages_dropped.expect("the lease is held"), 0);
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
    cx.claim_nothing().await;
}

/// An outcome reaches an instance at work, whose turn does not consume it.
pub(crate) async fn an_outcome_reaches_a_leased_instance(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.poke_and_claim("a").await;
    let message = cx.finish(&work.lease).await;
    cx.claim_nothing().await;

    cx.apply(cx.turn(&turn).append(1)).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
}

/// An outcome over the limit is refused and leaves the activity leased, to be reported otherwise.
pub(crate) async fn an_oversized_outcome_leaves_the_activity(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let mut message = cx.message();
    message.body = vec![0; cx.limits().body_bytes_max + 1].into();

    let outcome = cx.try_finish(&work.lease, Some(message)).await;
    refused(outcome, ErrorKind::LimitExceeded);

    cx.work_nothing().await;
    cx.finish(&work.lease).await;
}

/// The lease of one activity does not end another, nor the same number elsewhere.
pub(crate) async fn an_outcome_is_of_one_activity(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    cx.running_with_activities("b", 1).await;
    let work = cx.work(3).await;
    let before = cx.view(&["a", "b"]).await;

    for (of, by) in [(0, 1), (1, 2), (2, 0)] {
        let forged = ActivityLease {
            key: work[of].lease.key.clone(),
            token: work[by].lease.token,
        };
        let outcome = cx.try_finish(&forged, Some(cx.message())).await;
        refused(outcome, ErrorKind::LeaseLost);
    }

    assert_eq!(cx.view(&["a", "b"]).await, before);
    for work in work {
        cx.finish(&work.lease).await;
    }
}

/// A key is used once: not twice in one turn, and not again while its activity is there, also by
/// the turn that removes it.
pub(crate) async fn a_key_is_not_used_twice(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;

    let twice = cx.turn(&turn).append(1).activity(2).activity_in("gpu", 2);
    cx.refuse(twice, ErrorKind::InvalidInput).await;
    let schedules = || cx.turn(&turn).append(1).activity(2).activity(1);
    let all = ActivityCancel::AllOfExecution(turn.head.position.execution);
    for again in [
        schedules(),
        schedules().cancel_one(1),
        schedules().cancel(all),
        schedules().complete_activity(work.lease.clone()),
    ] {
        cx.refuse(again, ErrorKind::InvalidInput).await;
    }

    assert_eq!(cx.view(&["a"]).await, before);
    cx.finish(&work.lease).await;
    cx.apply(cx.turn(&turn).append(1).activity(2)).await;
    cx.work_only().await;
}

/// Ids that a floating-point number would take for one another are told apart.
pub(crate) async fn ids_beyond_two_to_the_53_are_exact(cx: &Cx) {
    const ODD: u64 = (1 << 53) + 1;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).append(1);
    cx.apply(commit.activities(ODD - 1..=ODD + 1)).await;
    let mut work = cx.work(9).await;
    work.sort_by_key(|work| work.lease.key.activity_id);
    let ids: Vec<_> = work.iter().map(|w| w.lease.key.activity_id).collect();
    assert_eq!(ids, [ODD - 1, ODD, ODD + 1]);

    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).append(1).cancel_one(ODD);
    let committed = cx.apply(commit).await;

    assert_eq!(committed.cancelled, [work.remove(1).lease]);
    for work in work {
        cx.finish(&work.lease).await;
    }
    let mut far = cx.position("a").await;
    far.next_event_id = ODD;
    let turn = cx.claim_only("a").await;
    let commit = cx.turn(&turn).at(turn.lease.token, far);
    cx.refuse(commit, ErrorKind::PositionConflict).await;
}
