//! The fence of a turn, and that a refused commit changes nothing.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityLease, Commit, ErrorKind, Incarnation, InstanceHead, Lease, Position, Release,
    ReleasedAttempts, Renewal, Turn, TurnLease,
};

use crate::support::{Cx, LEASE, id, random_token, refused};

/// What became of a lease before it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Valid,
    Expired,
    Stolen,
    StolenAndCommitted,
    Released,
    Random,
}

const FATES: [Fate; 6] = [
    Fate::Valid,
    Fate::Expired,
    Fate::Stolen,
    Fate::StolenAndCommitted,
    Fate::Released,
    Fate::Random,
];

/// Leases a turn of a fresh instance and lets its lease meet its fate; also the thief's turn.
async fn turn_with(cx: &Cx, instance: &str, fate: Fate) -> (Turn, Option<Turn>) {
    cx.running(instance).await;
    let mut turn = cx.poke_and_claim(instance).await;
    let mut thief = None;
    match fate {
        Fate::Valid => {}
        Fate::Expired => cx.elapse(LEASE).await,
        Fate::Stolen => {
            cx.elapse(LEASE).await;
            thief = Some(cx.claim_only(instance).await);
        }
        Fate::StolenAndCommitted => {
            cx.elapse(LEASE).await;
            let stolen = cx.claim_only(instance).await;
            cx.apply(cx.turn(&stolen).append(1)).await;
        }
        Fate::Released => {
            cx.release(Lease::Turn(turn.lease.clone()), Duration::ZERO)
                .await
        }
        Fate::Random => turn.lease.token = random_token(),
    }
    (turn, thief)
}

/// The head's position moved by so many events.
pub(super) fn moved(head: &InstanceHead, events: i64) -> Position {
    Position {
        next_event_id: head.position.next_event_id.saturating_add_signed(events),
        ..head.position
    }
}

/// Every fate of the lease against every position: what is refused, why, and that nothing changed.
pub(crate) async fn turn_commits_by_lease_and_position(cx: &Cx) {
    for fate in FATES {
        for events in [0, -1, 1] {
            let cx = cx.twin().await;
            let (turn, thief) = turn_with(&cx, "a", fate).await;
            let before = cx.view(&["a"]).await;
            let position = moved(&cx.head("a").await, events);
            let commit = cx.turn(&turn).at(turn.lease.token, position);

            let kind = cx.try_turn(commit).await.err().map(|error| error.kind());

            let expected = match (fate, events) {
                (Fate::Valid, 0) => None,
                (Fate::Valid, _) => Some(ErrorKind::PositionConflict),
                _ => Some(ErrorKind::LeaseLost),
            };
            assert_eq!(kind, expected, "{fate:?}, {events} events away");
            if expected.is_some() {
                assert_eq!(cx.view(&["a"]).await, before, "{fate:?}");
            }
            if let Some(thief) = thief {
                cx.apply(cx.turn(&thief).append(1)).await;
            }
        }
    }
}

/// The execution is a part of the position.
pub(crate) async fn another_execution_is_another_position(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    for execution in [0, 2] {
        let position = Position {
            execution,
            ..turn.head.position
        };
        let commit = cx.turn(&turn).at(turn.lease.token, position);
        cx.refuse(commit, ErrorKind::PositionConflict).await;
    }
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// A refused position does not cost the lease.
pub(crate) async fn a_position_conflict_leaves_the_lease(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let ahead = moved(&turn.head, 5);

    let commit = cx.turn(&turn).at(turn.lease.token, ahead);
    cx.refuse(commit, ErrorKind::PositionConflict).await;

    cx.claim_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// Every fate of a turn's lease against a renewal.
pub(crate) async fn renewals_by_lease(cx: &Cx) {
    for fate in FATES {
        let cx = cx.twin().await;
        let (turn, thief) = turn_with(&cx, "a", fate).await;
        let before = cx.view(&["a"]).await;

        let renewal = cx.renew(Lease::Turn(turn.lease), LEASE * 2).await;

        let expected = if fate == Fate::Valid {
            Renewal::Renewed
        } else {
            Renewal::Lost
        };
        assert_eq!(renewal, expected, "{fate:?}");
        if fate != Fate::Valid {
            assert_eq!(cx.view(&["a"]).await, before, "{fate:?}");
        }
        if let Some(thief) = thief {
            cx.elapse(LEASE).await;
            cx.refuse(cx.turn(&thief), ErrorKind::LeaseLost).await;
        }
    }
}

/// Every fate of a turn's lease against a release.
pub(crate) async fn releases_by_lease(cx: &Cx) {
    for fate in FATES {
        let cx = cx.twin().await;
        let (turn, thief) = turn_with(&cx, "a", fate).await;
        let before = cx.view(&["a"]).await;
        let release = Release::new(
            Lease::Turn(turn.lease),
            Duration::ZERO,
            ReleasedAttempts::Keep,
        );

        let kind = cx
            .try_release(release)
            .await
            .err()
            .map(|error| error.kind());

        let expected = (fate != Fate::Valid).then_some(ErrorKind::LeaseLost);
        assert_eq!(kind, expected, "{fate:?}");
        if fate != Fate::Valid {
            assert_eq!(cx.view(&["a"]).await, before, "{fate:?}");
        }
        if let Some(thief) = thief {
            cx.apply(cx.turn(&thief).append(1)).await;
        }
    }
}

/// Leases an activity and lets its lease meet its fate; also the thief's lease.
async fn work_with(cx: &Cx, fate: Fate) -> (ActivityLease, Option<ActivityLease>) {
    cx.running_with_activities("a", 1).await;
    let mut lease = cx.work_only().await.lease;
    let mut thief = None;
    match fate {
        Fate::Valid => {}
        Fate::Expired => cx.elapse(LEASE).await,
        Fate::Stolen => {
            cx.elapse(LEASE).await;
            thief = Some(cx.work_only().await.lease);
        }
        Fate::StolenAndCommitted => {
            cx.elapse(LEASE).await;
            let stolen = cx.work_only().await;
            cx.finish(&stolen.lease).await;
        }
        Fate::Released => {
            cx.release(Lease::Activity(lease.clone()), Duration::ZERO)
                .await
        }
        Fate::Random => lease.token = random_token(),
    }
    (lease, thief)
}

/// Every fate of an activity's lease against its outcome.
pub(crate) async fn outcomes_by_lease(cx: &Cx) {
    for fate in FATES {
        let cx = cx.twin().await;
        let (lease, thief) = work_with(&cx, fate).await;
        let before = cx.view(&["a"]).await;

        let outcome = cx.try_finish(&lease, Some(cx.message())).await;

        if fate == Fate::Valid {
            assert_eq!(outcome.expect("the lease is held"), 0);
            cx.claim_only("a").await;
            continue;
        }
        refused(outcome, ErrorKind::LeaseLost);
        assert_eq!(cx.view(&["a"]).await, before, "{fate:?}");
        if let Some(thief) = thief {
            cx.finish(&thief).await;
        }
    }
}

/// Every fate of an activity's lease against a renewal, then a release.
pub(crate) async fn activity_renewals_and_releases_by_lease(cx: &Cx) {
    for fate in FATES {
        let cx = cx.twin().await;
        let (lease, thief) = work_with(&cx, fate).await;
        let held = fate == Fate::Valid;

        let renewal = cx.renew(Lease::Activity(lease.clone()), LEASE).await;
        assert_eq!(renewal == Renewal::Renewed, held, "{fate:?}: {renewal:?}");
        let release = Release::new(
            Lease::Activity(lease),
            Duration::ZERO,
            ReleasedAttempts::Keep,
        );
        let kind = cx
            .try_release(release)
            .await
            .err()
            .map(|error| error.kind());
        assert_eq!(kind, (!held).then_some(ErrorKind::LeaseLost), "{fate:?}");

        if let Some(thief) = thief {
            cx.work_nothing().await;
            cx.finish(&thief).await;
        }
    }
}

/// The lease of one instance proves nothing for another.
pub(crate) async fn a_lease_is_of_one_instance(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;

    let forged = cx.turn(&b).at(a.lease.token, b.head.position);
    cx.refuse(forged, ErrorKind::LeaseLost).await;
    let crossed = Lease::Turn(TurnLease {
        instance: id("b"),
        token: a.lease.token,
    });
    assert_eq!(cx.renew(crossed, LEASE).await, Renewal::Lost);

    cx.apply(cx.turn(&a).append(1)).await;
    cx.apply(cx.turn(&b).append(1)).await;
}

/// A turn of an instance that does not exist holds no lease.
pub(crate) async fn an_absent_instance_has_no_lease(cx: &Cx) {
    let commit = cx.creation("nobody").at(random_token(), Position::START);
    cx.refuse(commit, ErrorKind::LeaseLost).await;
    assert_eq!(cx.head_if_any("nobody").await, None);
}

/// A turn creates its instance, with everything it carries.
pub(crate) async fn a_turn_creates_an_instance(cx: &Cx) {
    let commit = cx.creation("a").append(3).activity(2).build();
    cx.apply(commit.clone()).await;

    let head = cx.head("a").await;
    let position = Position {
        execution: 1,
        next_event_id: 4,
    };
    assert_eq!(head.position, position);
    assert_eq!(head.commit_id, Some(commit.commit_id));
    let duroxide_core::providers::Fence::Absent { incarnation, .. } = commit.fence else {
        panic!("it creates");
    };
    assert_eq!(head.incarnation, incarnation);
    let activity = cx.work_only().await;
    assert_eq!(activity.lease.key.incarnation, incarnation);
    cx.claim_nothing().await;
}

/// What exists is not created again, ended or not.
pub(crate) async fn an_instance_is_not_created_twice(cx: &Cx) {
    cx.start("pending").await;
    let turn = cx.claim_only("pending").await;
    cx.start("ended").await;
    let ended = cx.claim_only("ended").await;
    cx.apply(cx.turn(&ended).complete()).await;
    let before = cx.view(&["pending", "ended"]).await;

    for instance in ["pending", "ended"] {
        let commit = cx.creation(instance).append(1).activity(1);
        cx.refuse(commit, ErrorKind::AlreadyExists).await;
    }

    assert_eq!(cx.view(&["pending", "ended"]).await, before);
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.work_nothing().await;
}

/// A turn that ends two activities is refused when one of their leases is lost, and names it.
pub(crate) async fn completed_activities_must_be_leased(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let held = cx.work(1).await.remove(0).lease;
    let other = cx.work(1).await.remove(0).lease;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;
    let forged = ActivityLease {
        token: random_token(),
        ..other.clone()
    };

    let commit = cx
        .turn(&turn)
        .append(1)
        .complete_activity(held.clone())
        .complete_activity(forged.clone());
    let error = cx.refuse(commit, ErrorKind::LeaseLost).await;

    let text = error.to_string();
    assert!(text.contains(&forged.key.to_string()), "which one? {text}");
    assert_eq!(cx.view(&["a"]).await, before);
    let commit = cx.turn(&turn).append(1).complete_activity(held);
    cx.apply(commit.complete_activity(other)).await;
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}

/// Ending an activity with a turn needs its lease, not that of another life or instance.
pub(crate) async fn completed_activities_are_matched_by_their_whole_key(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let lease = cx.work_only().await.lease;
    let turn = cx.poke_and_claim("a").await;
    let mut other_life = lease.clone();
    other_life.key.incarnation = Incarnation(cx.unique());
    let mut other_execution = lease.clone();
    other_execution.key.execution = 2;

    for forged in [other_life, other_execution] {
        let commit = cx.turn(&turn).append(1).complete_activity(forged);
        cx.refuse(commit, ErrorKind::LeaseLost).await;
    }

    cx.apply(cx.turn(&turn).append(1).complete_activity(lease))
        .await;
}

/// Two turns of one instance in one batch are refused both; the rest of the batch is not.
pub(crate) async fn two_turns_of_one_instance_are_refused(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;

    let answers = cx
        .batch(vec![
            Commit::Turn(cx.turn(&a).append(1).build()),
            Commit::Turn(cx.turn(&b).append(1).build()),
            Commit::Turn(cx.turn(&a).append(2).build()),
        ])
        .await;

    let kinds: Vec<_> = answers
        .into_iter()
        .map(|a| a.err().map(|e| e.kind()))
        .collect();
    let invalid = Some(ErrorKind::InvalidInput);
    assert_eq!(kinds, [invalid, None, invalid]);
    assert_eq!(cx.head("a").await, a.head);
    assert_eq!(cx.history("a", 1).await.len(), 1);
    cx.apply(cx.turn(&a).append(1)).await;
}
