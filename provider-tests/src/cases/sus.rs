//! Suspension, and the control messages that reach a suspended instance.

use std::time::Duration;

use duroxide_core::providers::{Channel, ErrorKind, Lease, Message};

use crate::support::{Cx, SECOND, later, refused, to};

impl Cx {
    /// A control message with a fresh id.
    pub(crate) fn control(&self) -> Message {
        Message {
            channel: Channel::Control,
            ..self.message()
        }
    }

    async fn suspended(&self, instance: &str) {
        self.running(instance).await;
        let turn = self.poke_and_claim(instance).await;
        let turn = self.turn(&turn).append(1).awaiting(&["t"]);
        self.apply(turn.suspend(true)).await;
    }
}

/// Only control messages are claimed of a suspended instance; the rest is there when it goes on.
pub(crate) async fn the_suspended_get_control_only(cx: &Cx) {
    cx.suspended("a").await;
    assert!(cx.head("a").await.suspended);
    let work = cx.poke("a").await;
    cx.send(to("a", cx.mail("t"))).await;
    cx.claim_nothing().await;
    let control = cx.send(to("a", cx.control())).await;

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [control]);
    assert!(turn.head.suspended && !turn.has_mail);
    cx.apply(cx.turn(&turn)).await;
    cx.claim_nothing().await;
    cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).suspend(false)).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [work]);
    assert!(turn.has_mail && !turn.head.suspended);
}

/// An instance can be suspended without a word about its executions, and an end ends it.
pub(crate) async fn an_end_ends_the_suspension(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).suspend(true)).await;
    assert!(cx.head("a").await.suspended);
    cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    assert!(!cx.head("a").await.suspended);
    let late = cx.poke("a").await;
    assert_eq!(cx.claim_only("a").await.messages, [late]);
}

/// A turn without a claim is refused while the instance is suspended, though nothing else has moved.
pub(crate) async fn an_unleased_turn_stops_at_a_suspension(cx: &Cx) {
    let before = cx.running("a").await;
    cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).suspend(true)).await;
    let after = cx.head("a").await;
    assert_eq!(after.position, before.position);
    for head in [before, after] {
        let answer = cx.try_turn(cx.unleased(&head).append(1)).await;
        refused(answer, ErrorKind::LeaseLost);
    }
}

/// A turn without a claim is refused after a commit that has moved no position.
pub(crate) async fn an_unleased_turn_names_the_commit_before(cx: &Cx) {
    let before = cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn)).await;
    assert_eq!(cx.head("a").await.position, before.position);
    let answer = cx.try_turn(cx.unleased(&before).append(1)).await;
    refused(answer, ErrorKind::PositionConflict);
}

/// Control comes first, and within the limits of a claim.
pub(crate) async fn control_is_claimed_first(cx: &Cx) {
    cx.running("a").await;
    let first = cx.poke("a").await;
    let second = cx.poke("a").await;
    cx.elapse(SECOND).await;
    let control = cx.send(to("a", cx.control())).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [control.clone(), first.clone(), second]);
    let due = |place: usize| turn.messages[place].due_at_ms;
    assert!(due(0) > due(1), "each says when it was due");
    cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
    let turn = cx.claim_messages("a", 2).await;
    assert_eq!(turn.messages, [control, first]);
}

/// A control message does not wait for the end of a release's delay, nor for longer than its own.
pub(crate) async fn control_ends_the_hold_of_a_release(cx: &Cx) {
    cx.running("a").await;
    let work = cx.poke("a").await;
    let turn = cx.claim_only("a").await;
    let control = cx.send(to("a", cx.control())).await;
    cx.claim_nothing().await;
    cx.release(Lease::Turn(turn.lease), SECOND * 10).await;
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [control, work.clone()]);
    cx.apply(cx.turn(&turn).consume([turn.messages[0].id]))
        .await;

    let turn = cx.claim_only("a").await;
    cx.release(Lease::Turn(turn.lease), SECOND * 10).await;
    let delayed = cx.send(later("a", cx.control(), SECOND)).await;
    cx.claim_nothing().await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("a").await.messages, [delayed, work]);
}
