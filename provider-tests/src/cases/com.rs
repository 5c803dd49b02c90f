//! The turn commit.

use duroxide_core::providers::{ActivityCancel, ErrorKind, InstanceStatus, TaskQueue};

use crate::support::{Cx, Dump, SECOND, id, later, refused, to};

/// One commit with every part, and every part is there.
pub(crate) async fn a_turn_applies_all_of_its_parts(cx: &Cx) {
    cx.running_with_activities("a", 3).await;
    cx.running("other").await;
    let work = cx.work(1).await.remove(0).lease;
    let withdrawn = cx.poke_later("a", SECOND).await;
    let purged = cx.send(to("a", cx.message_to_execution(1))).await;
    let turn = cx.poke_and_claim("a").await;
    let (own, timer, outgoing) = (cx.message(), cx.message(), cx.message());

    let consumed = [turn.messages[1].id, withdrawn.id];
    cx.apply(
        cx.turn(&turn)
            .consume(consumed)
            .purge_through(1)
            .append(2)
            .activity_in("gpu", 9)
            .cancel_one(2)
            .complete_activity(work.clone())
            .send(to("a", own.clone()))
            .send(later("a", timer.clone(), SECOND))
            .send(to("other", outgoing.clone())),
    )
    .await;

    assert_eq!(turn.messages[0], purged);
    let history = cx.history("a", 1).await;
    let events: Vec<_> = history
        .iter()
        .map(|c| (c.first_event_id, c.event_count))
        .collect();
    assert_eq!(events, [(1, 1), (2, 2)]);
    let dump = cx.dump().await;
    assert_eq!(dump.turns[&id("a")].1, [own, timer]);
    assert_eq!(dump.turns[&id("other")].1, [outgoing]);
    let left: Vec<_> = dump.activities.keys().map(|key| key.activity_id).collect();
    assert_eq!(left, [3, 9], "1 ended, 2 was cancelled");
    assert_eq!(
        dump.activities.values().last().unwrap().0,
        TaskQueue("gpu".into())
    );
    refused(cx.try_finish(&work, None).await, ErrorKind::LeaseLost);
}

/// The named messages go, those that arrived meanwhile or were left alone stay.
pub(crate) async fn exactly_the_named_messages_are_consumed(cx: &Cx) {
    cx.running("a").await;
    let first = cx.poke("a").await;
    let second = cx.poke("a").await;
    let turn = cx.claim_only("a").await;
    let arrived = cx.poke("a").await;

    cx.apply(cx.turn(&turn).append(1).consume([first.id])).await;

    assert_eq!(cx.inbox("a").await, [second, arrived]);
}

/// A turn withdraws its timer before it is due, and only that one.
pub(crate) async fn an_invisible_message_is_withdrawn(cx: &Cx) {
    cx.running("a").await;
    let withdrawn = cx.poke_later("a", SECOND).await;
    let timer = cx.poke_later("a", SECOND * 2).await;
    let turn = cx.poke_and_claim("a").await;

    cx.apply(cx.turn(&turn).consume([turn.messages[0].id, withdrawn.id]))
        .await;

    cx.elapse(SECOND).await;
    cx.claim_nothing().await;
    assert_eq!(cx.inbox("a").await, [timer]);
}

/// Naming what is not there is no error, and what is in another inbox stays there.
pub(crate) async fn consumption_is_of_the_own_inbox(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let turn = cx.poke_and_claim("a").await;
    let others = cx.poke("b").await;
    let nobodys = cx.message();

    cx.apply(
        cx.turn(&turn)
            .consume([nobodys.id, turn.messages[0].id, others.id]),
    )
    .await;

    assert_eq!(cx.claim_only("b").await.messages, [others]);
}

/// A purge takes what is addressed to the execution or an earlier one, visible or not.
pub(crate) async fn a_purge_takes_finished_executions_alone(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut kept = Vec::new();
    for execution in 1..=4 {
        let now = cx.send(to("a", cx.message_to_execution(execution))).await;
        let timer = later("a", cx.message_to_execution(execution), SECOND);
        let timer = cx.send(timer).await;
        if execution > 2 {
            kept.extend([now, timer]);
        }
    }
    let event = cx.poke("a").await;
    kept.push(event);

    cx.apply(cx.turn(&turn).append(1).purge_through(2)).await;

    let mut left = cx.inbox("a").await;
    left.sort_by_key(|message| message.id);
    assert_eq!(left, kept);
}

/// A message that arrived under the lease makes the instance claimable when it ends.
pub(crate) async fn the_release_sees_what_arrived(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let arrived = cx.poke("a").await;

    cx.apply(cx.turn(&turn).append(1)).await;

    assert_eq!(cx.claim_only("a").await.messages, [arrived]);
}

/// The instance is claimable when the earliest message becomes visible, also one that it sends.
pub(crate) async fn the_release_sees_the_earliest_timer(cx: &Cx) {
    cx.running("a").await;
    cx.poke_later("a", SECOND * 9).await;
    let turn = cx.poke_and_claim("a").await;
    let timer = cx.message();
    cx.apply(
        cx.turn(&turn)
            .append(1)
            .send(later("a", timer.clone(), SECOND * 3)),
    )
    .await;

    cx.claim_nothing().await;
    let rest = cx.elapse_most_of(SECOND * 3).await;
    cx.claim_nothing().await;
    cx.elapse(rest).await;

    assert_eq!(cx.claim_only("a").await.messages, [timer]);
}

/// A timer that became due under the lease is seen by the release.
pub(crate) async fn the_release_sees_a_timer_that_became_due(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let timer = cx.poke_later("a", SECOND).await;
    cx.elapse(SECOND * 2).await;
    cx.claim_nothing().await;

    cx.apply(cx.turn(&turn).append(1)).await;

    assert_eq!(cx.claim_only("a").await.messages, [timer]);
}

/// Withdrawing the only timer leaves the instance asleep.
pub(crate) async fn the_release_forgets_a_withdrawn_timer(cx: &Cx) {
    cx.running("a").await;
    let timer = cx.poke_later("a", SECOND).await;
    let turn = cx.poke_and_claim("a").await;

    cx.apply(cx.turn(&turn).consume([timer.id, turn.messages[0].id]))
        .await;

    cx.elapse(SECOND * 2).await;
    cx.claim_nothing().await;
}

/// What a turn sends to another instance, that one is claimed with, at once and later.
pub(crate) async fn outgoing_messages_arrive(cx: &Cx) {
    cx.running("a").await;
    let b = cx.running("b").await;
    let turn = cx.poke_and_claim("a").await;
    let mut addressed = cx.to_life("b", b.incarnation);
    addressed.message.execution = Some(1);
    let delayed = cx.message();
    cx.apply(cx.turn(&turn).append(1).send(addressed.clone()).send(later(
        "b",
        delayed.clone(),
        SECOND,
    )))
    .await;

    let b = cx.claim_only("b").await;
    assert_eq!(b.messages, [addressed.message]);
    cx.apply(cx.turn(&b).append(1)).await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("b").await.messages, [delayed]);
}

/// A turn neither consumes nor purges what it sends to itself.
pub(crate) async fn a_turn_does_not_purge_what_it_sends(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let to_execution = cx.message_to_execution(1);
    let again = turn.messages[0].message.clone();

    cx.apply(
        cx.turn(&turn)
            .append(1)
            .purge_through(1)
            .send(to("a", to_execution.clone()))
            .send(to("a", again.clone())),
    )
    .await;

    assert_eq!(cx.claim_only("a").await.messages, [to_execution, again]);
}

/// A turn that cancels its execution's activities does not cancel those it schedules, and does not
/// count as cancelled what it completes.
pub(crate) async fn a_turn_does_not_cancel_what_it_schedules(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await.lease;
    let turn = cx.poke_and_claim("a").await;

    let committed = cx
        .apply(
            cx.turn(&turn)
                .append(1)
                .complete_activity(work)
                .cancel(ActivityCancel::AllOfExecution(1))
                .activity(2),
        )
        .await;

    assert_eq!(committed.cancelled, [], "it was completed, not cancelled");
    assert_eq!(cx.work_only().await.lease.key.activity_id, 2);
}

/// The last turn ends the instance and cleans up behind it.
pub(crate) async fn a_terminal_turn_leaves_nothing(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    cx.send(later("a", cx.message_to_execution(1), SECOND))
        .await;
    let turn = cx.poke_and_claim("a").await;

    cx.apply(
        cx.turn(&turn)
            .complete()
            .purge_through(1)
            .cancel(ActivityCancel::AllOfExecution(1)),
    )
    .await;

    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Completed);
    assert_eq!(head.output.as_deref(), Some(&b"result"[..]));
    assert_eq!(cx.dump().await, Dump::default());
}
