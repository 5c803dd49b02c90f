//! Leases.

use std::collections::BTreeSet;
use std::time::Duration;

use duroxide_core::providers::{
    ActivityLease, ClaimTurns, ErrorKind, Lease, Release, ReleasedAttempts, Renew, Renewal,
    TaskQueue, Turn, TurnLease,
};

use crate::support::{Cx, LEASE, SECOND, id, random_token, refused};

fn one_turn() -> ClaimTurns {
    ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    }
}

fn lease_of(turn: &Turn) -> Lease {
    Lease::Turn(turn.lease.clone())
}

/// What one holds nobody else is given, though new messages arrive.
pub(crate) async fn one_holder_at_a_time(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke_and_claim("a").await;
    cx.work_only().await;

    cx.poke("a").await;
    cx.elapse_most_of(LEASE).await;

    cx.claim_nothing().await;
    cx.work_nothing().await;
}

/// Every claim gives another token, of the same item too.
pub(crate) async fn every_claim_has_its_own_token(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    let mut tokens = BTreeSet::new();
    for _ in 0..10 {
        let turn = cx.claim_only("a").await;
        let work = cx.work_only().await;
        assert!(tokens.insert(turn.lease.token), "the token came again");
        assert!(tokens.insert(work.lease.token), "the token came again");
        cx.release(lease_of(&turn), Duration::ZERO).await;
        cx.release(Lease::Activity(work.lease), Duration::ZERO)
            .await;
    }
}

/// An expired lease frees the instance with its messages, to the millisecond.
pub(crate) async fn an_expired_turn_comes_back(cx: &Cx) {
    cx.running("a").await;
    let first = cx.poke_and_claim("a").await;
    let late = cx.poke("a").await;

    let rest = cx.elapse_most_of(LEASE).await;
    cx.claim_nothing().await;
    cx.elapse(rest).await;

    let second = cx.claim_only("a").await;
    assert_eq!(second.messages, [first.messages[0].message.clone(), late]);
    assert_ne!(second.lease.token, first.lease.token);
}

/// An expired lease frees the activity as it was.
pub(crate) async fn an_expired_activity_comes_back(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let first = cx.work_only().await;

    let rest = cx.elapse_most_of(LEASE).await;
    cx.work_nothing().await;
    cx.elapse(rest).await;

    let second = cx.work_only().await;
    assert_eq!(second.lease.key, first.lease.key);
    assert_eq!(second.body, first.body);
}

/// A renewal counts from now, for both kinds of lease.
pub(crate) async fn a_renewal_extends(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let turn = cx.poke_and_claim("a").await;
    let work = cx.work_only().await;

    cx.elapse_most_of(LEASE).await;
    assert_eq!(cx.renew(lease_of(&turn), LEASE).await, Renewal::Renewed);
    let renewed = cx.renew(Lease::Activity(work.lease.clone()), LEASE).await;
    assert_eq!(renewed, Renewal::Renewed);
    cx.elapse_most_of(LEASE).await;

    cx.claim_nothing().await;
    cx.work_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.finish(&work.lease).await;
}

/// A renewal for less time than is left takes none away.
pub(crate) async fn a_renewal_does_not_shorten(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let turn = cx.poke_and_claim("a").await;
    let work = cx.work_only().await;

    assert_eq!(cx.renew(lease_of(&turn), SECOND).await, Renewal::Renewed);
    let renewed = cx.renew(Lease::Activity(work.lease), SECOND).await;
    assert_eq!(renewed, Renewal::Renewed);
    cx.elapse_most_of(LEASE).await;

    cx.claim_nothing().await;
    cx.work_nothing().await;
}

/// A renewed lease expires as well.
pub(crate) async fn a_renewed_lease_expires(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.renew(lease_of(&turn), LEASE).await, Renewal::Renewed);

    cx.elapse(LEASE).await;

    cx.claim_only("a").await;
}

/// A renewal and a release last as long as was asked for, and less than a millisecond is one.
pub(crate) async fn a_lease_is_rounded_up(cx: &Cx) {
    const HALF: Duration = Duration::from_micros(500);
    const MILLISECOND: Duration = Duration::from_millis(1);
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    let claim = ClaimTurns {
        lease: MILLISECOND,
        ..one_turn()
    };
    let turn = cx.claim_with(&claim).await.items.remove(0);
    let renewed = cx.renew(lease_of(&turn), MILLISECOND + HALF).await;
    assert_eq!(renewed, Renewal::Renewed);
    cx.elapse(MILLISECOND).await;
    cx.claim_nothing().await;
    cx.elapse(MILLISECOND).await;
    let turn = cx.claim_only("a").await;

    let work = cx.work_only().await;
    cx.release(lease_of(&turn), HALF).await;
    cx.release(Lease::Activity(work.lease), HALF).await;
    cx.claim_nothing().await;
    cx.work_nothing().await;
    cx.elapse(MILLISECOND).await;
    cx.claim_only("a").await;
    cx.work_only().await;
}

/// A lease that expired does not come back to life, though nobody took it.
pub(crate) async fn an_expired_lease_is_not_renewed(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let turn = cx.poke_and_claim("a").await;
    let work = cx.work_only().await;
    cx.elapse(LEASE).await;

    assert_eq!(cx.renew(lease_of(&turn), LEASE).await, Renewal::Lost);
    let renewed = cx.renew(Lease::Activity(work.lease), LEASE).await;
    assert_eq!(renewed, Renewal::Lost);

    cx.claim_only("a").await;
    cx.work_only().await;
}

/// The renewal of a lease of something that never was is answered, not failed.
pub(crate) async fn a_lease_of_nothing_is_not_renewed(cx: &Cx) {
    let head = cx.running("a").await;
    let of_turn = Lease::Turn(TurnLease {
        instance: id("nobody"),
        token: random_token(),
    });
    let mut turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).activity(2)).await;
    let mut activity = cx.work_only().await.lease;
    activity.key.activity_id = 99;
    turn.lease.token = random_token();

    assert_eq!(cx.renew(of_turn, LEASE).await, Renewal::Lost);
    assert_eq!(cx.renew(lease_of(&turn), LEASE).await, Renewal::Lost);
    let renewed = cx.renew(Lease::Activity(activity), LEASE).await;
    assert_eq!(renewed, Renewal::Lost);
    assert_eq!(cx.head("a").await.incarnation, head.incarnation);
}

/// A released turn is claimable at once, with its messages.
pub(crate) async fn a_released_turn_is_claimable_at_once(cx: &Cx) {
    cx.running("a").await;
    let first = cx.poke_and_claim("a").await;

    cx.release(lease_of(&first), Duration::ZERO).await;

    let second = cx.claim_only("a").await;
    assert_eq!(second.messages, first.messages);
}

/// A release with a delay keeps the item back for so long, whatever arrives.
pub(crate) async fn a_release_with_a_delay_backs_off(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let turn = cx.poke_and_claim("a").await;
    let work = cx.work_only().await;
    cx.release(lease_of(&turn), SECOND * 5).await;
    cx.release(Lease::Activity(work.lease), SECOND * 5).await;

    cx.poke("a").await;
    let rest = cx.elapse_most_of(SECOND * 5).await;
    cx.claim_nothing().await;
    cx.work_nothing().await;
    cx.elapse(rest).await;

    assert_eq!(cx.claim_only("a").await.messages.len(), 2);
    cx.work_only().await;
}

/// A lease that is not held cannot be released, and whoever holds the item now keeps it.
pub(crate) async fn a_lost_lease_cannot_be_released(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let old_turn = cx.poke_and_claim("a").await;
    let old_work = cx.work_only().await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    let work = cx.work_only().await;

    for lease in [lease_of(&old_turn), Lease::Activity(old_work.lease)] {
        let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::TakeBack);
        refused(cx.try_release(release).await, ErrorKind::LeaseLost);
    }

    cx.claim_nothing().await;
    cx.work_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.finish(&work.lease).await;
}

/// Renewals in one call are answered in their places, each for itself.
pub(crate) async fn renewals_in_a_batch_are_independent(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.running("b").await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;
    let work = cx.work_only().await;
    let forged = |lease: &ActivityLease| ActivityLease {
        token: random_token(),
        ..lease.clone()
    };
    cx.elapse(SECOND).await;

    let leases = [
        Lease::Activity(forged(&work.lease)),
        lease_of(&a),
        Lease::Turn(TurnLease {
            instance: id("nobody"),
            token: random_token(),
        }),
        Lease::Activity(work.lease),
        lease_of(&b),
    ];
    let answers = cx.provider().renew(&leases.map(Renew::from), LEASE).await;

    let answers: Vec<_> = answers.into_iter().map(|a| a.expect("answered")).collect();
    use Renewal::{Lost, Renewed};
    assert_eq!(answers, [Lost, Renewed, Lost, Renewed, Renewed]);
    cx.elapse_most_of(LEASE).await;
    cx.claim_nothing().await;
    cx.work_nothing().await;
}

/// Releases in one call are answered in their places, each for itself.
pub(crate) async fn releases_in_a_batch_are_independent(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.running("b").await;
    let a = cx.poke_and_claim("a").await;
    let b = cx.poke_and_claim("b").await;
    let work = cx.work_only().await;
    let release = |lease| Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);

    let answers = cx
        .provider()
        .release(vec![
            release(Lease::Turn(TurnLease {
                token: random_token(),
                ..b.lease.clone()
            })),
            release(lease_of(&a)),
            release(lease_of(&a)),
            release(Lease::Activity(work.lease)),
        ])
        .await;

    let kinds: Vec<_> = answers
        .into_iter()
        .map(|a| a.err().map(|e| e.kind()))
        .collect();
    let lost = Some(ErrorKind::LeaseLost);
    assert_eq!(kinds, [lost, None, lost, None]);
    cx.claim_only("a").await;
    cx.work_only().await;
    cx.apply(cx.turn(&b).append(1)).await;
}

/// An empty batch is answered by an empty list.
pub(crate) async fn empty_batches_are_answered(cx: &Cx) {
    assert!(cx.provider().renew(&[], LEASE).await.is_empty());
    assert!(cx.provider().release(Vec::new()).await.is_empty());
    assert!(cx.provider().commit(Vec::new()).await.is_empty());
}

/// A lease whose process is gone is held still, or ended when the store was opened again; either
/// way it is one of them, and never both.
pub(crate) async fn a_lease_may_end_with_its_process(cx: &Cx) {
    let process = cx.twin().await;
    process.running_with_activities("a", 1).await;
    let turn = process.poke_and_claim("a").await;
    let work = process.work_only().await;

    let process = process.crash().await;

    let next = process.claim(1).await.pop();
    let late = process.turn(&turn).append(1);
    if let Some(next) = next {
        process.refuse(late, ErrorKind::LeaseLost).await;
        process.apply(process.turn(&next).append(1)).await;
    } else {
        process.apply(late).await;
    }
    let outcome = match process.work(1).await.pop() {
        Some(next) => {
            let late = process.try_finish(&work.lease, None).await;
            refused(late, ErrorKind::LeaseLost);
            process.finish(&next.lease).await
        }
        None => process.finish(&work.lease).await,
    };
    assert_eq!(process.claim_only("a").await.messages, [outcome]);
    assert_eq!(process.position("a").await.next_event_id, 3);
}
