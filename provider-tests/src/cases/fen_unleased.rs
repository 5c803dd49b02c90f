//! What turns do that are committed without a claim, and what they leave.

use std::time::Duration;

use duroxide_core::providers::{
    ActivityLease, ActivityOutcome, Commit, ErrorKind, Fence, Lease, Renewal, TurnLease,
};

use super::fen::moved;
use super::fen_atomic::prepared;
use crate::support::{Cx, LEASE, SECOND, TurnBuilder, later, random_token, to};

/// An activity ends with the turn that its outcome brings, without a claim of the turn. What is in
/// the inbox stays there, and nobody holds the instance.
pub(crate) async fn an_unleased_turn_needs_no_claim(cx: &Cx) {
    let head = cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let earlier = cx.poke("a").await;

    let turn = cx.unleased(&head).append(2).complete_activity(work.lease);
    cx.apply(turn.clone().activity(9)).await;

    assert_eq!(cx.position("a").await, moved(&head, 2));
    assert_eq!(cx.history("a", 1).await.len(), 2);
    assert_eq!(cx.work_only().await.lease.key.activity_id, 9);
    let late = cx.poke("a").await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [earlier, late]);
    assert_eq!(turn.head.position, moved(&head, 2));
    cx.elapse(LEASE).await;
    let rest = cx.work_only().await.lease.key.activity_id;
    assert_eq!(rest, 9, "the other one is gone");
}

/// What it consumes is gone, though nobody has claimed it, and what is not visible yet comes in time.
pub(crate) async fn an_unleased_turn_leaves_its_timers(cx: &Cx) {
    let head = cx.running("a").await;
    let consumed = cx.poke("a").await;
    let withdrawn = cx.poke_later("a", SECOND).await;
    let timer = cx.poke_later("a", SECOND * 2).await;
    let own = cx.message();

    let turn = cx.unleased(&head).append(1);
    let turn = turn.consume([consumed.id, withdrawn.id]);
    cx.apply(turn.send(later("a", own.clone(), SECOND * 3)))
        .await;

    let rest = cx.elapse_most_of(SECOND * 2).await;
    cx.claim_nothing().await;
    cx.elapse(rest).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [timer]);
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("a").await.messages, [own]);
}

/// A turn of which every part has something to do, claimed, and without its lease; and the lease.
async fn prepared_without_lease(cx: &Cx) -> (TurnBuilder, Lease) {
    let turn = prepared(cx).await;
    let built = turn.clone().build();
    let Fence::At { lease, position } = built.fence else {
        panic!("the turn was claimed");
    };
    let lease = Lease::Turn(TurnLease {
        instance: built.instance,
        token: lease,
    });
    let life = built.completed[0].key.incarnation;
    (turn.unleased(life, position), lease)
}

/// Every part of a turn counts as it does behind a lease.
pub(crate) async fn an_unleased_turn_does_what_a_leased_one_does(cx: &Cx) {
    let (leased, unleased) = (cx.twin().await, cx.twin().await);
    leased.apply(prepared(&leased).await).await;
    let (turn, lease) = prepared_without_lease(&unleased).await;
    unleased.release(lease, Duration::ZERO).await;

    let committed = unleased.apply(turn).await;

    assert_eq!(committed.cancelled.len(), 1, "the other was not leased");
    for name in ["a", "b", "child"] {
        let (one, other) = (leased.head(name).await, unleased.head(name).await);
        assert_eq!(one.position, other.position, "{name}");
        assert_eq!(one.core_state, other.core_state, "{name}");
        assert_eq!(one.commit_id, other.commit_id, "{name}");
    }
    assert_eq!(leased.history("a", 1).await, unleased.history("a", 1).await);
    assert_eq!(leased.dump().await, unleased.dump().await);
}

/// While somebody holds the instance no part of the turn counts: the store equals one in which
/// nobody tried.
pub(crate) async fn a_refused_unleased_turn_applies_no_part(cx: &Cx) {
    const NAMES: [&str; 3] = ["a", "b", "child"];
    let (tried, untouched) = (cx.twin().await, cx.twin().await);
    let (turn, _) = prepared_without_lease(&tried).await;
    prepared(&untouched).await;
    let before = tried.view(&NAMES).await;

    tried.refuse(turn, ErrorKind::LeaseLost).await;

    assert_eq!(tried.view(&NAMES).await, before);
    assert_eq!(tried.dump().await, untouched.dump().await);
}

/// A lease that has ended or expired stays lost after it, and whatever arrives is claimable at once.
pub(crate) async fn an_unleased_turn_revives_no_lease(cx: &Cx) {
    for was_leased in [false, true] {
        let cx = cx.twin().await;
        let mut head = cx.running("a").await;
        let turn = cx.poke_and_claim("a").await;
        if was_leased {
            cx.elapse(LEASE).await;
        } else {
            cx.apply(cx.turn(&turn).append(1)).await;
            head = cx.head("a").await;
        }

        let next = cx.unleased(&head).append(1);
        cx.apply(next.consume([turn.messages[0].id])).await;

        let lost = Lease::Turn(turn.lease.clone());
        assert_eq!(cx.renew(lost, LEASE).await, Renewal::Lost);
        let position = cx.position("a").await;
        let late = cx.turn(&turn).at(turn.lease.token, position);
        cx.refuse(late, ErrorKind::LeaseLost).await;
        cx.poke_and_claim("a").await;
    }
}

/// The attempts of those who claimed it in vain are forgotten.
pub(crate) async fn an_unleased_turn_begins_attempts_anew(cx: &Cx) {
    let head = cx.running("a").await;
    cx.poke("a").await;
    let first = cx.claim_only("a").await;
    cx.release(Lease::Turn(first.lease), Duration::ZERO).await;
    assert_eq!(cx.claim_only("a").await.attempt, 2);
    cx.elapse(LEASE).await;

    cx.apply(cx.unleased(&head).append(1)).await;

    assert_eq!(cx.claim_only("a").await.attempt, 1);
}

/// A turn that ends two activities is refused when one of their leases is lost, and names it.
pub(crate) async fn an_unleased_turn_holds_its_activities(cx: &Cx) {
    let head = cx.running_with_activities("a", 2).await;
    let lost = cx.work(1).await.remove(0).lease;
    cx.elapse(LEASE).await;
    let work = cx.work(2).await;
    let leases: Vec<_> = work.into_iter().map(|work| work.lease).collect();
    let held = leases.iter().find(|it| it.key != lost.key);
    let held = held.expect("both came back").clone();
    cx.poke("a").await;
    let before = cx.view(&["a"]).await;
    let forged = ActivityLease {
        token: random_token(),
        ..lost.clone()
    };

    for lease in [lost, forged] {
        let turn = cx.unleased(&head).append(1);
        let turn = turn.complete_activity(held.clone());
        let turn = turn.complete_activity(lease.clone());
        let error = cx.refuse(turn, ErrorKind::LeaseLost).await;
        let text = error.to_string();
        assert!(text.contains(&lease.key.to_string()), "which one? {text}");
    }

    assert_eq!(cx.view(&["a"]).await, before);
    let turn = cx.unleased(&head).append(1);
    cx.apply(
        leases
            .into_iter()
            .fold(turn, |turn, lease| turn.complete_activity(lease)),
    )
    .await;
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}

/// After a lost reply the same commit succeeds again, though somebody has claimed the instance
/// meanwhile, and leaves that lease alone. Once a later turn is committed it is late.
pub(crate) async fn a_repeated_unleased_turn_changes_nothing(cx: &Cx) {
    let head = cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.unleased(&head).append(1).activity(5);
    let turn = turn
        .complete_activity(work.lease)
        .send(to("a", cx.message()));
    let commit = turn.build();
    cx.apply(commit.clone()).await;

    for is_claimed in [false, true] {
        let holder = match is_claimed {
            true => Some(cx.claim_only("a").await),
            false => None,
        };
        let before = cx.view(&["a"]).await;
        let repeat = cx.try_turn(commit.clone()).await;
        assert!(repeat.expect("a repeat succeeds").repeated);
        assert_eq!(cx.view(&["a"]).await, before);
        if let Some(holder) = holder {
            assert_eq!(holder.messages.len(), 1, "it was sent once");
            cx.claim_nothing().await;
            cx.apply(cx.turn(&holder).append(1)).await;
        }
    }

    cx.refuse(commit, ErrorKind::PositionConflict).await;
    assert_eq!(cx.history("a", 1).await.len(), 3);
    cx.claim_nothing().await;
}

/// Another outcome and a send for the same instance go into one batch with the turn, and it is
/// claimable with both.
pub(crate) async fn an_unleased_turn_shares_its_batch(cx: &Cx) {
    let head = cx.running_with_activities("a", 2).await;
    let work = cx.work(2).await;
    let [ended, reported] = &work[..] else {
        panic!("both are claimable");
    };
    let (outcome, event) = (cx.message_to_execution(1), cx.message());
    let turn = cx.unleased(&head).append(1);

    let answers = cx
        .batch(vec![
            Commit::Activity(ActivityOutcome {
                lease: reported.lease.clone(),
                message: Some(outcome.clone()),
            }),
            Commit::Turn(turn.complete_activity(ended.lease.clone()).build()),
            Commit::Send(to("a", event.clone())),
        ])
        .await;

    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.head.position, moved(&head, 1));
    let mut ids: Vec<_> = turn.messages.iter().map(|message| message.id).collect();
    ids.sort();
    assert_eq!(ids, [outcome.id, event.id], "in either order");
    cx.elapse(LEASE).await;
    cx.work_nothing().await;
}

/// Two turns of one instance in one batch are refused both, with a lease or without.
pub(crate) async fn two_turns_without_a_lease_are_refused(cx: &Cx) {
    cx.running("a").await;
    let claimed = cx.poke_and_claim("a").await;
    let lease = Lease::Turn(claimed.lease.clone());
    let unleased = |events| Commit::Turn(cx.unleased(&claimed.head).append(events).build());
    for released in [false, true] {
        if released {
            cx.release(lease.clone(), Duration::ZERO).await;
        }
        let before = cx.view(&["a"]).await;
        let leased = Commit::Turn(cx.turn(&claimed).append(1).build());
        for other in [leased, unleased(3)] {
            let answers = cx.batch(vec![unleased(2), other]).await;
            let kinds: Vec<_> = answers
                .into_iter()
                .map(|answer| answer.err().map(|error| error.kind()))
                .collect();
            assert_eq!(kinds, [Some(ErrorKind::InvalidInput); 2]);
        }
        assert_eq!(cx.view(&["a"]).await, before);
    }

    cx.apply(cx.unleased(&claimed.head).append(1)).await;
}
