//! Claiming.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, HeadUpdate, Lease, Message, TaskQueue, Turn,
};

use crate::support::{Cx, LEASE, SECOND, id, later, promptly, to};

fn limited(messages_max: usize, bytes_max: usize) -> ClaimTurns {
    ClaimTurns {
        messages_max,
        bytes_max,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    }
}

/// Of four instances only the one with a visible message and no lease is claimed, and is leased.
pub(crate) async fn only_visible_and_unleased_are_claimed(cx: &Cx) {
    cx.running("idle").await;
    cx.running("sleeping").await;
    cx.poke_later("sleeping", SECOND).await;
    cx.start("leased").await;
    cx.claim_only("leased").await;
    cx.start("ready").await;

    cx.claim_only("ready").await;
    cx.claim_nothing().await;
}

/// A turn shows the head as it can be read, and the messages as they were sent.
pub(crate) async fn a_turn_carries_the_head_and_the_messages(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let described = HeadUpdate {
        orchestration: "Orchestration".to_owned(),
        version: Some("1.2.3".to_owned()),
        core_state: Bytes::from_static(b"state"),
    };
    cx.apply(cx.turn(&turn).append(1).describe(described.clone()))
        .await;
    let head = cx.head("a").await;
    let sent = [
        cx.poke("a").await,
        cx.send(to("a", cx.message_to_execution(1))).await,
        cx.poke("a").await,
    ];

    let turn = cx.claim_only("a").await;

    assert_eq!(turn.head, head);
    assert_eq!(turn.head.core_state, described.core_state);
    assert_eq!(turn.head.version, described.version);
    assert_eq!(turn.lease.instance, id("a"));
    assert_eq!(turn.messages, sent);
}

/// What a limit of messages leaves behind stays, and comes with the claim after the commit.
pub(crate) async fn the_limit_of_messages_leaves_the_rest(cx: &Cx) {
    cx.running("a").await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(cx.poke("a").await);
    }

    let turn = cx.claim_with(&limited(2, 1 << 20)).await.items.remove(0);
    assert_eq!(turn.messages, sent[..2]);
    cx.apply(cx.turn(&turn)).await;

    let turn = cx.claim_with(&limited(3, 1 << 20)).await.items.remove(0);
    assert_eq!(turn.messages, sent[2..]);
    cx.apply(cx.turn(&turn)).await;
    cx.claim_nothing().await;
}

/// A limit of bytes is kept, but never leaves a turn without a message.
pub(crate) async fn the_limit_of_bytes_leaves_the_rest_but_one(cx: &Cx) {
    cx.running("a").await;
    let body = Bytes::from(vec![7; 1_000]);
    let mut sent = Vec::new();
    for _ in 0..3 {
        let message = Message {
            body: body.clone(),
            ..cx.message()
        };
        sent.push(cx.send(to("a", message)).await);
    }

    // Two fit well, whatever a store adds to each; then one does not fit and is given anyway.
    let turn = cx.claim_with(&limited(100, 2_500)).await.items.remove(0);
    assert_eq!(turn.messages, sent[..2]);
    cx.apply(cx.turn(&turn).consume([sent[0].id])).await;

    let turn = cx.claim_with(&limited(100, 10)).await.items.remove(0);
    assert_eq!(turn.messages, sent[1..2]);
    cx.apply(cx.turn(&turn)).await;
    assert_eq!(cx.claim_only("a").await.messages, sent[2..]);

    // What is not due takes no room.
    cx.running("b").await;
    let late = Message {
        body: vec![7; 500].into(),
        ..cx.control()
    };
    cx.send(later("b", late, SECOND)).await;
    let control = cx.send(to("b", cx.control())).await;
    let system = cx.poke("b").await;
    let turn = cx.claim_with(&limited(100, 400)).await.items.remove(0);
    assert_eq!(turn.messages, [control, system]);
}

/// A claim of turns with so many bytes in all.
fn of_bytes(total_bytes_max: usize) -> ClaimTurns {
    ClaimTurns {
        total_bytes_max,
        ..ClaimTurns::new(vec![TaskQueue::default()], 10, LEASE)
    }
}

/// Turns end before the first whose messages do not fit; it is claimed next, for the first time. One alone
/// may hold more, and what holds nothing fits.
pub(crate) async fn the_bytes_of_a_claim_leave_the_other_turns(cx: &Cx) {
    let large = Bytes::from(vec![7; 1_000]);
    for instance in ["a", "b", "c", "d"] {
        cx.running(instance).await;
    }
    for (instance, messages) in [("a", 2), ("b", 1), ("c", 2), ("d", 1)] {
        for _ in 0..messages {
            let body = large.clone();
            cx.send(to(
                instance,
                Message {
                    body,
                    ..cx.message()
                },
            ))
            .await;
        }
        cx.elapse(cx.tick()).await;
    }
    let names = |turns: &[Turn]| -> Vec<String> {
        let names = turns.iter().map(|turn| turn.lease.instance.to_string());
        names.collect()
    };
    for (total_bytes_max, expected, more) in [
        (4_999, &["a", "b"][..], true),
        (1_000, &["c"][..], true),
        (1_000, &["d"][..], false),
    ] {
        let claimed = cx.claim_with(&of_bytes(total_bytes_max)).await;
        assert_eq!(names(&claimed.items), expected);
        assert_eq!(claimed.more, more, "{expected:?}");
        assert!(claimed.items.iter().all(|turn| turn.attempt == 1));
    }
    cx.claim_nothing().await;
    cx.elapse(LEASE).await;
    // Together they are as many as may be.
    let claimed = cx.claim_with(&of_bytes(6_000)).await;
    assert_eq!((claimed.items.len(), claimed.more), (4, false));
    assert!(claimed.items.iter().all(|turn| turn.attempt == 2));
}

/// The same of activities.
pub(crate) async fn the_bytes_of_a_claim_leave_the_other_activities(cx: &Cx) {
    cx.running("a").await;
    for (activity_id, bytes) in [(1, 2_000), (2, 1_000), (3, 2_000), (4, 1_000), (5, 0)] {
        let turn = cx.poke_and_claim("a").await;
        let body = Bytes::from(vec![7; bytes]);
        let commit = cx.turn(&turn).append(1).activity(activity_id);
        cx.apply(commit.activity_body(body)).await;
        cx.elapse(cx.tick()).await;
    }
    let claim = |total_bytes_max| ClaimActivities {
        total_bytes_max,
        ..ClaimActivities::new(vec![TaskQueue::default()], 10, LEASE)
    };
    for (total_bytes_max, expected, more) in [
        (4_999, &[1, 2][..], true),
        (1_000, &[3][..], true),
        (1_000, &[4, 5][..], false),
    ] {
        cx.settle().await;
        let claimed = cx
            .provider()
            .claim_activities(&claim(total_bytes_max))
            .await;
        let claimed = claimed.expect("a claim of activities succeeds");
        let ids: Vec<u64> = claimed
            .items
            .iter()
            .map(|it| it.lease.key.activity_id)
            .collect();
        assert_eq!(ids, expected);
        assert_eq!(claimed.more, more, "{expected:?}");
        assert!(claimed.items.iter().all(|it| it.attempt == 1));
    }
    cx.work_nothing().await;
    cx.elapse(LEASE).await;
    let claimed = cx.provider().claim_activities(&claim(6_000)).await;
    let claimed = claimed.expect("a claim of activities succeeds");
    assert_eq!((claimed.items.len(), claimed.more), (5, false));
    assert!(claimed.items.iter().all(|it| it.attempt == 2));
}

/// Of several queues, too, what is left has waited for less long than what comes.
pub(crate) async fn what_is_left_for_its_bytes_is_the_youngest(cx: &Cx) {
    let body = Bytes::from(vec![7; 1_000]);
    for (instance, queue) in [("a", "left"), ("b", "right"), ("c", "left"), ("d", "right")] {
        let mut start = cx.start_in(queue, instance);
        start.message.body = body.clone();
        cx.send(start).await;
        cx.elapse(cx.tick()).await;
    }
    let both = |total_bytes_max| ClaimTurns {
        queues: vec![TaskQueue::from("right"), TaskQueue::from("left")],
        ..of_bytes(total_bytes_max)
    };
    for expected in [["a", "b"], ["c", "d"]] {
        let claimed = cx.claim_with(&both(2_500)).await;
        let names: Vec<String> = claimed
            .items
            .iter()
            .map(|it| it.lease.instance.to_string())
            .collect();
        assert_eq!(names, expected);
        for turn in &claimed.items {
            let turn = cx
                .turn(turn)
                .append(1)
                .activity_in(turn.head.queue.as_str(), 1);
            cx.apply(turn.activity_body(body.clone())).await;
            cx.elapse(cx.tick()).await;
        }
    }
    let work = ClaimActivities {
        total_bytes_max: 2_500,
        ..ClaimActivities::new(both(0).queues, 10, LEASE)
    };
    for expected in [["a", "b"], ["c", "d"]] {
        cx.settle().await;
        let claimed = cx.provider().claim_activities(&work).await;
        let claimed = claimed.expect("a claim of activities succeeds").items;
        let names: Vec<String> = claimed
            .iter()
            .map(|it| it.lease.key.instance.to_string())
            .collect();
        assert_eq!(names, expected);
    }
}

/// Whoever became claimable first is claimed first: by a message, a timer, or an expired lease.
pub(crate) async fn turns_come_in_the_order_in_which_they_became_claimable(cx: &Cx) {
    for instance in ["timer", "message", "expired"] {
        cx.running(instance).await;
    }
    cx.poke("expired").await;
    cx.claim_only("expired").await;
    cx.poke_later("timer", LEASE + SECOND).await;
    cx.elapse(LEASE + SECOND * 2).await;
    cx.poke("message").await;

    let order: Vec<_> = cx
        .claim(3)
        .await
        .into_iter()
        .map(|t| t.head.instance)
        .collect();

    assert_eq!(order, [id("expired"), id("timer"), id("message")]);
}

/// An instance that waits for its turn keeps its place, however many messages it still gets.
pub(crate) async fn a_sender_moves_nobody_back(cx: &Cx) {
    for instance in ["first", "second"] {
        cx.start(instance).await;
        cx.elapse(cx.tick()).await;
    }
    for _ in 0..3 {
        cx.poke("first").await;
        cx.elapse(cx.tick()).await;
    }

    let turn = cx.claim_first(true).await;

    assert_eq!(turn.head.instance, id("first"));
    assert_eq!(turn.messages.len(), 4);
}

/// Activities are claimed in the order in which they became claimable.
pub(crate) async fn activities_come_in_the_order_in_which_they_became_claimable(cx: &Cx) {
    for instance in ["c", "a", "b"] {
        cx.running_with_activities(instance, 1).await;
        cx.elapse(cx.tick()).await;
    }
    let first = cx.work(1).await.remove(0);
    assert_eq!(first.lease.key.instance, id("c"));
    cx.elapse(cx.tick()).await;
    cx.release(Lease::Activity(first.lease), Duration::ZERO)
        .await;

    let order: Vec<_> = cx
        .work(3)
        .await
        .into_iter()
        .map(|w| w.lease.key.instance)
        .collect();

    assert_eq!(order, [id("a"), id("b"), id("c")], "who came back is last");
}

/// An empty answer comes at once, though a lease ends and a timer fires later.
pub(crate) async fn an_empty_answer_comes_at_once(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.work_only().await;
    promptly("an empty claim of activities", cx.work_nothing()).await;

    cx.poke_later("a", LEASE).await;
    promptly("an empty claim of turns", cx.claim_nothing()).await;
}

/// A claim of turns is bounded, and `more` is exact at the boundary.
pub(crate) async fn turns_are_as_many_as_asked_for(cx: &Cx) {
    for instance in ["a", "b", "c", "d"] {
        cx.start(instance).await;
    }
    assert_eq!(cx.claim(0).await, [], "none were asked for");

    let first = cx.claim_first(true).await;
    let second = cx.claim(2).await;
    let last = cx.claim_first(false).await;

    let all: BTreeSet<_> = [first, last]
        .into_iter()
        .chain(second)
        .map(|t| t.head.instance)
        .collect();
    assert_eq!(all.len(), 4);
}

/// A claim of activities is bounded, and `more` is exact at the boundary.
pub(crate) async fn activities_are_as_many_as_asked_for(cx: &Cx) {
    cx.running_with_activities("a", 4).await;

    let first = cx.work_in(&[TaskQueue::DEFAULT], 2).await;
    assert_eq!(first.items.len(), 2);
    assert!(first.more);

    let rest = cx.work_in(&[TaskQueue::DEFAULT], 2).await;
    assert_eq!(rest.items.len(), 2);
    assert!(!rest.more);
}

/// Each worker gets the activities of its queues alone, however the queues are named.
pub(crate) async fn activities_come_from_the_named_queues(cx: &Cx) {
    let queues = ["default", "", "gpu", "gpu%", "GPU", "g'p\"u{}:"];
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let mut commit = cx.turn(&turn).append(1);
    for (activity_id, queue) in (1..).zip(queues) {
        commit = commit.activity_in(queue, activity_id);
    }
    cx.apply(commit).await;

    assert_eq!(cx.work_in(&[], 9).await.items, [], "no queue, no work");
    assert_eq!(cx.work_in(&["gp"], 9).await.items, [], "nobody's queue");
    for (activity_id, queue) in (1..).zip(queues) {
        let items = cx.work_in(&[queue], 9).await.items;
        let ids: Vec<_> = items.iter().map(|w| w.lease.key.activity_id).collect();
        assert_eq!(ids, [activity_id], "queue {queue:?}");
        assert_eq!(&*items[0].queue.0, queue);
    }
}

/// An activity that comes back, by expiry or by release, comes back to its queue.
pub(crate) async fn an_activity_comes_back_to_its_queue(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).activity_in("gpu", 2))
        .await;
    cx.work_in(&["gpu"], 1).await;
    cx.elapse(LEASE).await;

    cx.work_nothing().await;
    let expired = cx.work_in(&["gpu"], 1).await.items.remove(0);
    assert_eq!(&*expired.queue.0, "gpu");
    cx.release(Lease::Activity(expired.lease), Duration::ZERO)
        .await;

    cx.work_nothing().await;
    let released = cx.work_in(&["gpu"], 1).await.items.remove(0);
    assert_eq!(&*released.queue.0, "gpu");
    assert_eq!(released.attempt, 3);
}

/// A worker of several queues is served from all of them.
pub(crate) async fn several_queues_are_served_together(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    cx.apply(
        cx.turn(&turn)
            .append(1)
            .activity_in("x", 1)
            .activity_in("y", 2)
            .activity_in("z", 3),
    )
    .await;

    let claimed = cx.work_in(&["x", "z"], 9).await;

    let ids: BTreeSet<_> = claimed
        .items
        .iter()
        .map(|w| w.lease.key.activity_id)
        .collect();
    assert_eq!(ids, BTreeSet::from([1, 3]));
    assert!(!claimed.more, "the third is of another queue");
}

/// An instance with a thousand messages that crashes whoever claims it does not stop fifty others.
pub(crate) async fn a_poisoned_instance_stops_nobody(cx: &Cx) {
    cx.running("poison").await;
    let mut turn = cx.poke_and_claim("poison").await;
    let mut commit = cx.turn(&turn).append(1);
    for _ in 0..1_000 {
        commit = commit.send(to("poison", cx.message()));
    }
    cx.apply(commit).await;
    for _ in 0..3 {
        turn = cx.claim_only("poison").await;
        cx.elapse(LEASE).await;
    }
    assert_eq!(turn.messages.len(), 1_000);
    for number in 0..50 {
        cx.start(&format!("healthy {number}")).await;
    }

    let claimed = cx.claim(26).await.len() + cx.claim(26).await.len();

    assert_eq!(claimed, 51, "two claims return everybody");
}

/// Bytes that nobody understands are handed out, and stop nobody.
pub(crate) async fn an_undecodable_message_stops_nobody(cx: &Cx) {
    cx.running("bad").await;
    let damaged = Message {
        body: Bytes::from_static(b"\xff\x00{\""),
        ..cx.message()
    };
    cx.send(to("bad", damaged.clone())).await;
    cx.elapse(cx.tick()).await;
    cx.start("good").await;

    let turns = cx.claim(2).await;

    assert_eq!(turns[0].messages, [damaged]);
    assert_eq!(turns[1].head.instance, id("good"));
}

/// Activities that are leased or fail again and again do not stop those behind them.
pub(crate) async fn a_failing_activity_stops_nobody(cx: &Cx) {
    cx.running_with_activities("bad", 20).await;
    for _ in 0..3 {
        for activity in cx.work(10).await {
            cx.release(Lease::Activity(activity.lease), SECOND).await;
        }
        cx.work(10).await;
        cx.elapse(LEASE).await;
    }
    cx.running_with_activities("good", 1).await;

    let claimed = cx.work(21).await;

    assert!(claimed.iter().any(|w| w.lease.key.instance == id("good")));
}

/// A busy instance that always has a new message does not starve a hundred others.
pub(crate) async fn a_hot_instance_starves_nobody(cx: &Cx) {
    const COLD: usize = 100;
    cx.start("hot").await;
    for number in 0..COLD {
        cx.start(&format!("cold {number}")).await;
    }

    let mut cold = BTreeSet::new();
    for _ in 0..=COLD {
        let turn = cx.claim(1).await.remove(0);
        cx.elapse(cx.tick()).await;
        let commit = cx.turn(&turn).append(1);
        if turn.head.instance == id("hot") {
            cx.apply(commit.send(to("hot", cx.message()))).await;
        } else {
            cx.apply(commit).await;
            cold.insert(turn.head.instance);
        }
    }

    assert_eq!(cold.len(), COLD, "each of them got its turn");
}

/// Of several timers only those that are due are claimed.
pub(crate) async fn only_due_timers_fire(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut timers = Vec::new();
    let mut commit = cx.turn(&turn).append(1);
    for seconds in [3, 1, 2] {
        let timer = cx.message();
        timers.push(timer.clone());
        commit = commit.send(later("a", timer, SECOND * seconds));
    }
    cx.apply(commit).await;

    cx.elapse(SECOND * 2).await;

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [timers[1].clone(), timers[2].clone()]);
}

/// What others hold or wait for, however much there is of it, does not stop who came last.
pub(crate) async fn leased_and_sleeping_items_stop_nobody(cx: &Cx) {
    const EACH: usize = 100;
    let start = |number| Commit::Send(cx.start_of(&format!("leased {number}")));
    cx.batch((0..EACH).map(start).collect()).await;
    assert_eq!(cx.claim(EACH).await.len(), EACH);
    cx.running_with_activities("busy", EACH as u64).await;
    assert_eq!(cx.work(EACH).await.len(), EACH);
    cx.running("sleeping").await;
    let timer = |_| Commit::Send(later("sleeping", cx.message(), LEASE * 2));
    cx.batch((0..EACH).map(timer).collect()).await;

    cx.running_with_activities("last", 1).await;
    cx.poke("last").await;

    assert_eq!(cx.claim_first(false).await.head.instance, id("last"));
    assert_eq!(cx.work_only().await.lease.key.instance, id("last"));
}

/// Messages to those who are not there, from a turn and an outcome, leave nothing in the way.
pub(crate) async fn an_orphan_stops_nobody(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut commit = cx.turn(&turn).append(1);
    for number in 0..150 {
        commit = commit.send(to(&format!("nobody {number}"), cx.message()));
    }
    let committed = cx.apply(commit).await;
    assert_eq!(committed.messages_dropped, 150);

    cx.start("good").await;

    assert_eq!(cx.claim_first(false).await.head.instance, id("good"));
    cx.claim_nothing().await;
}
