//! Attempts.

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Lease, Release, ReleasedAttempts};

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

/// Claims an instance and its activity, each for the so-manieth time.
async fn claim_both(cx: &Cx, attempt: u32) -> [Lease; 2] {
    let turn = cx.claim_only("a").await;
    let work = cx.work_only().await;
    assert_eq!((turn.attempt, work.attempt), (attempt, attempt));
    [Lease::Turn(turn.lease), Lease::Activity(work.lease)]
}

async fn release_both(cx: &Cx, leases: [Lease; 2], attempts: ReleasedAttempts) {
    for lease in leases {
        let release = Release::new(lease, Duration::ZERO, attempts);
        cx.try_release(release).await.expect("the lease is held");
    }
}

/// A release that keeps the count leaves its own attempt in it.
pub(crate) async fn a_release_can_keep_the_count(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for attempt in 1..=3 {
        release_both(cx, claim_both(cx, attempt).await, ReleasedAttempts::Keep).await;
    }
    claim_both(cx, 4).await;
}

/// A release that takes its attempt back takes no other one.
pub(crate) async fn a_release_can_take_its_attempt_back(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for attempt in 1..=3 {
        for _ in 0..2 {
            let leases = claim_both(cx, attempt).await;
            release_both(cx, leases, ReleasedAttempts::TakeBack).await;
        }
        claim_both(cx, attempt).await;
        cx.elapse(LEASE).await;
    }
}

/// A release that resets the count takes back whatever was counted before.
pub(crate) async fn a_release_can_reset_the_count(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for attempt in 1..=3 {
        claim_both(cx, attempt).await;
        cx.elapse(LEASE).await;
    }
    for attempt in [4, 1] {
        release_both(cx, claim_both(cx, attempt).await, ReleasedAttempts::Reset).await;
    }
    release_both(cx, claim_both(cx, 1).await, ReleasedAttempts::Keep).await;
    claim_both(cx, 2).await;
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
