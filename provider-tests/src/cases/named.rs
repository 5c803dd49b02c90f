//! Claims of one instance by its name.

use std::time::Duration;

use duroxide_core::providers::{
    ClaimTurns, Claimed, InstanceStatus, Lease, Release, ReleasedAttempts, TaskQueue, Turn,
};

use crate::support::{Cx, LEASE, SECOND, id, later, to};

impl Cx {
    /// A claim of this instance, in a queue that it is not of.
    async fn claim_named(&self, instance: &str) -> Claimed<Turn> {
        let request = ClaimTurns {
            only: Some(id(instance)),
            ..ClaimTurns::new(vec![TaskQueue::from("elsewhere")], 10, LEASE)
        };
        self.claim_with(&request).await
    }

    /// Claims this instance, which nobody holds.
    pub(crate) async fn named(&self, instance: &str) -> Turn {
        let mut claimed = self.claim_named(instance).await;
        assert!(!claimed.more, "there are no others of its name");
        assert_eq!(claimed.items.len(), 1, "nobody holds {instance}");
        let turn = claimed.items.remove(0);
        assert_eq!(turn.lease.instance, id(instance));
        assert_eq!(turn.head, self.head(instance).await);
        turn
    }

    async fn nobody_of(&self, instance: &str) {
        let claimed = self.claim_named(instance).await;
        assert_eq!(claimed, Claimed::default());
    }
}

/// It is claimed with nothing to do, with what is due, and with no more than was asked for; others are
/// left where they are.
pub(crate) async fn a_named_instance_is_claimed(cx: &Cx) {
    cx.nobody_of("a").await;
    cx.running("a").await;
    cx.start("b").await;
    let turn = cx.named("a").await;
    assert!(turn.messages.is_empty());
    assert_eq!(turn.attempt, 1);
    assert!(!turn.has_mail);
    let lease = Lease::Turn(turn.lease);
    let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
    cx.try_release(release).await.expect("the lease is held");

    let work = [cx.poke("a").await, cx.poke("a").await];
    cx.poke_later("a", SECOND).await;
    cx.send(to("a", cx.mail("t"))).await;
    let control = cx.send(to("a", cx.control())).await;
    let turn = cx.named("a").await;
    assert_eq!(
        turn.messages,
        [control.clone(), work[0].clone(), work[1].clone()]
    );
    assert_eq!(turn.attempt, 2);
    cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;

    let of_queue = |turns_max, messages_max| ClaimTurns {
        only: Some(id("a")),
        messages_max,
        ..ClaimTurns::new(Vec::new(), turns_max, LEASE)
    };
    assert_eq!(cx.claim_with(&of_queue(0, 9)).await, Claimed::default());
    let few = cx.claim_with(&of_queue(1, 1)).await.items;
    assert_eq!(few[0].messages, [control]);
    cx.claim_only("b").await;
}

/// One that has ended has nothing to do any more, and is claimed all the same.
pub(crate) async fn an_ended_instance_is_claimed_by_name(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    cx.claim_nothing().await;
    let turn = cx.named("a").await;
    assert_eq!(turn.head.status, InstanceStatus::Completed);
    cx.apply(cx.turn(&turn).set("k", "1")).await;
    assert_eq!(cx.values("a", &["k"]).await[0].value, "1");
    cx.claim_nothing().await;
}

/// Of a suspended one it carries control and nothing else, and the instance stays suspended.
pub(crate) async fn a_suspended_instance_is_claimed_by_name(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let turn = cx.turn(&turn).append(1).awaiting(&["t"]).suspend(true);
    cx.apply(turn).await;
    let work = cx.poke("a").await;
    cx.send(to("a", cx.mail("t"))).await;

    let turn = cx.named("a").await;
    assert!(turn.messages.is_empty());
    assert!(turn.head.suspended && !turn.has_mail);
    cx.elapse(LEASE).await;
    cx.claim_nothing().await;
    let turn = cx.named("a").await;
    cx.apply(cx.turn(&turn).suspend(false)).await;
    assert_eq!(cx.claim_only("a").await.messages, [work]);
}

/// Whoever holds it keeps it, by whichever claim, until the lease ends.
pub(crate) async fn a_named_instance_has_one_holder(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.nobody_of("a").await;
    cx.apply(cx.turn(&turn)).await;
    let turn = cx.named("a").await;
    cx.nobody_of("a").await;
    cx.poke("a").await;
    cx.claim_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.named("a").await;
    cx.elapse(LEASE).await;
    let again = cx.named("a").await;
    assert_ne!(again.lease, turn.lease);
    assert_eq!(again.attempt, 2);
}

/// After its lease the instance is claimable if it has something to do, and not otherwise; a release that
/// holds it back does not hold back the claim that names it.
pub(crate) async fn a_named_claim_ends_as_any_other(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.named("a").await;
    cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
    cx.claim_nothing().await;
    cx.named("a").await;
    cx.elapse(LEASE).await;
    cx.claim_nothing().await;

    // What comes while it is leased waits for the end of the lease.
    let turn = cx.named("a").await;
    let wait = cx.wait(Cx::turns(), LEASE * 10);
    let timer = cx.send(later("a", cx.message(), SECOND)).await;
    cx.elapse(SECOND * 2).await;
    cx.claim_nothing().await;
    drop(turn);
    wait.ends_as_time_passes(SECOND)
        .await
        .expect("a wait succeeds");
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, std::slice::from_ref(&timer));

    cx.release(Lease::Turn(turn.lease), LEASE * 10).await;
    cx.claim_nothing().await;
    let turn = cx.named("a").await;
    assert_eq!(turn.messages, std::slice::from_ref(&timer));
    let wait = cx.wait(Cx::turns(), LEASE * 5);
    wait.ends_as_time_passes(SECOND)
        .await
        .expect("a wait succeeds");
    assert_eq!(cx.claim_only("a").await.messages, [timer]);
    drop(turn);
}
