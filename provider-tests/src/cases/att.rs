//! Attempts.

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Lease, Release};

use crate::support::{Cx, LEASE, random_token};

/// Claims count, whether the lease before expired or was given back.
pub(crate) async fn claims_are_counted(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for attempt in 1..=4 {
        let turn = cx.claim_only("a").await;
        let work = cx.work_only().await;
        assert_eq!((turn.attempt, work.attempt), (attempt, attempt));
        if attempt % 2 == 0 {
            cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
            cx.release(Lease::Activity(work.lease), Duration::ZERO)
                .await;
        } else {
            cx.elapse(LEASE).await;
        }
    }
}

/// A commit begins the count anew, a refused one does not.
pub(crate) async fn a_commit_resets_the_count(cx: &Cx) {
    cx.running("a").await;
    cx.poke_and_claim("a").await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    let lost = cx.turn(&turn).at(random_token(), turn.head.position);
    cx.refuse(lost, ErrorKind::LeaseLost).await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.attempt, 3);

    cx.apply(cx.turn(&turn)).await;

    assert_eq!(cx.poke_and_claim("a").await.attempt, 1);
}

/// A commit that keeps the lease begins the count anew as well.
pub(crate) async fn a_commit_that_keeps_the_lease_resets_the_count(cx: &Cx) {
    cx.running("a").await;
    cx.poke_and_claim("a").await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.attempt, 2);
    cx.apply(cx.turn(&turn).append(1).keep(LEASE)).await;
    cx.poke("a").await;
    cx.elapse(LEASE).await;

    assert_eq!(cx.claim_only("a").await.attempt, 1);
}

/// A release says whether its attempt counts.
pub(crate) async fn a_release_can_take_its_attempt_back(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for (count_attempt, next) in [(false, 1), (true, 2), (false, 2), (true, 3)] {
        let leases = [
            Lease::Turn(cx.claim_only("a").await.lease),
            Lease::Activity(cx.work_only().await.lease),
        ];
        for lease in leases {
            let release = Release {
                lease,
                delay: Duration::ZERO,
                count_attempt,
            };
            cx.try_release(release).await.expect("the lease is held");
        }
        let turn = cx.claim_only("a").await;
        let work = cx.work_only().await;
        assert_eq!((turn.attempt, work.attempt), (next, next));
        for lease in [Lease::Turn(turn.lease), Lease::Activity(work.lease)] {
            let release = Release {
                lease,
                delay: Duration::ZERO,
                count_attempt: false,
            };
            cx.try_release(release).await.expect("the lease is held");
        }
    }
}

/// A process that is gone leaves its attempts behind.
pub(crate) async fn attempts_survive_the_process(cx: &Cx) {
    let mut process = cx.twin().await;
    process.running_with_activities("a", 1).await;
    process.poke("a").await;
    for attempt in 1..=3 {
        process = process.crash().await;
        let turn = process.claim_only("a").await;
        let work = process.work_only().await;
        assert_eq!((turn.attempt, work.attempt), (attempt, attempt));
        process.elapse(LEASE).await;
    }
}
