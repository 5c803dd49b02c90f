//! Cancellation of activities.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide_core::providers::{ActivityCancel, ErrorKind, Lease, Renewal};

use crate::support::{Cx, LEASE, TurnBuilder, id, refused};

/// Cancelled activities are gone, leased or not, and the leased ones are named with their tokens.
pub(crate) async fn cancelled_activities_are_removed(cx: &Cx) {
    cx.running_with_activities("a", 4).await;
    let mut work = cx.work(2).await;
    work.sort_by_key(|work| work.lease.key.activity_id);
    let idle = (1..=4).find(|n| work.iter().all(|w| w.lease.key.activity_id != *n));
    let turn = cx.poke_and_claim("a").await;

    let committed = cx
        .apply(
            cx.turn(&turn)
                .append(1)
                .cancel_one(work[0].lease.key.activity_id)
                .cancel_one(idle.expect("two are idle")),
        )
        .await;

    assert_eq!(committed.cancelled, [work[0].lease.clone()]);
    cx.elapse(LEASE).await;
    let left: BTreeSet<_> = cx
        .work(9)
        .await
        .into_iter()
        .map(|w| w.lease.key.activity_id)
        .collect();
    assert_eq!(left.len(), 2);
    assert!(left.contains(&work[1].lease.key.activity_id));
}

/// All of an execution's activities are cancelled, and those that were leased are named.
pub(crate) async fn all_activities_of_an_execution_are_cancelled(cx: &Cx) {
    cx.running_with_activities("a", 5).await;
    cx.elapse(cx.tick()).await;
    cx.running_with_activities("b", 1).await;
    let leased = cx.work(2).await;
    let turn = cx.poke_and_claim("a").await;

    let commit = cx
        .turn(&turn)
        .append(1)
        .cancel(ActivityCancel::AllOfExecution(1));
    let committed = cx.apply(commit).await;

    let named: BTreeSet<_> = committed.cancelled.into_iter().collect();
    let expected: BTreeSet<_> = leased.into_iter().map(|work| work.lease).collect();
    assert_eq!(named, expected);
    assert_eq!(cx.work_only().await.lease.key.instance, id("b"));
}

/// The worker of a cancelled activity hears of it by its renewal, and its outcome is not wanted.
pub(crate) async fn a_cancelled_activity_is_not_renewed(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).cancel_one(1)).await;

    let renewal = cx.renew(Lease::Activity(work.lease.clone()), LEASE).await;

    assert_eq!(renewal, Renewal::Lost);
    let outcome = cx.try_finish(&work.lease, Some(cx.message())).await;
    refused(outcome, ErrorKind::LeaseLost);
    cx.claim_nothing().await;
}

/// Cancelling what ended, what never was, and what was cancelled before.
pub(crate) async fn absent_activities_can_be_cancelled(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let work = cx.work(1).await.remove(0);
    cx.finish(&work.lease).await;
    let turn = cx.claim_only("a").await;

    let commit = cx
        .turn(&turn)
        .append(1)
        .cancel_one(1)
        .cancel_one(2)
        .cancel_one(2);
    let commit = commit
        .cancel_one(99)
        .cancel(ActivityCancel::AllOfExecution(7));
    let committed = cx.apply(commit).await;

    assert_eq!(committed.cancelled, [], "none of them was leased");
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}

/// The activities of one execution are cancelled, those of the next are not.
pub(crate) async fn other_executions_keep_their_activities(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new().activities(1..=2))
        .await;
    let turn = cx.poke_and_claim("a").await;

    let commit = cx
        .turn(&turn)
        .append(1)
        .cancel(ActivityCancel::AllOfExecution(1));
    cx.apply(commit).await;

    let left: Vec<_> = cx.work(9).await.into_iter().map(|w| w.lease.key).collect();
    assert_eq!(left.len(), 2);
    assert!(left.iter().all(|key| key.execution == 2), "{left:?}");
}

/// One activity is cancelled in its own execution and instance alone.
pub(crate) async fn the_same_number_elsewhere_is_not_cancelled(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.running_with_activities("b", 1).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new().activity(1)).await;
    let turn = cx.poke_and_claim("a").await;

    cx.apply(cx.turn(&turn).append(1).cancel_one(1)).await;

    let left: BTreeSet<_> = cx.work(9).await.into_iter().map(|w| w.lease.key).collect();
    let left: Vec<_> = left
        .iter()
        .map(|key| (&*key.instance, key.execution))
        .collect();
    assert_eq!(left, [("a", 1), ("b", 1)]);
}

/// An activity whose lease has expired or was given back is removed like any other, and is not
/// named: nobody holds it.
pub(crate) async fn only_held_leases_are_named(cx: &Cx) {
    for all in [true, false] {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 3).await;
        cx.work(1).await;
        cx.elapse(LEASE).await;
        let mut work = cx.work(3).await;
        let held = work.pop().expect("three are claimable").lease;
        let released = work.pop().expect("three are claimable").lease;
        cx.elapse(LEASE / 2).await;
        let renewed = cx.renew(Lease::Activity(held.clone()), LEASE).await;
        assert_eq!(renewed, Renewal::Renewed);
        cx.release(Lease::Activity(released), Duration::ZERO).await;
        cx.elapse(LEASE / 2).await;
        let turn = cx.poke_and_claim("a").await;

        let commit = cx.turn(&turn).append(1);
        let commit = if all {
            commit.cancel(ActivityCancel::AllOfExecution(1))
        } else {
            (1..=3).fold(commit, TurnBuilder::cancel_one)
        };
        let committed = cx.apply(commit).await;

        assert_eq!(committed.cancelled, [held], "all: {all}");
        cx.elapse(LEASE).await;
        cx.work_nothing().await;
    }
}
