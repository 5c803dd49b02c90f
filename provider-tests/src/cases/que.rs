//! Queues of turns, and what queues of both kinds have in common.

use std::time::Duration;

use duroxide_core::limits::CLAIM_QUEUES_MAX;
use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Claimed, Commit, ErrorKind, InstanceId, Lease, TaskQueue, Turn,
};

use super::lim::names;
use crate::support::{Cx, LEASE, SECOND, TurnBuilder, id, refused, to};

/// Names that a store must not take for one another.
const ODD: [&str; 6] = ["default", "", "orders", "orders%", "ORDERS", "o'r\"{d}:"];

fn instances(claimed: &Claimed<Turn>) -> Vec<InstanceId> {
    let turns = claimed.items.iter();
    turns.map(|turn| turn.head.instance.clone()).collect()
}

/// Starts instances of this queue, each with this prefix and a number.
async fn start_many(cx: &Cx, queue: &str, count: usize) -> Vec<InstanceId> {
    let mut started = Vec::new();
    for number in 0..count {
        let instance = format!("{queue} {number}");
        cx.send(cx.start_in(queue, &instance)).await;
        cx.elapse(Duration::from_millis(2)).await;
        started.push(id(&instance));
    }
    started
}

/// Each service gets the instances of its queue alone, however the queues are named.
pub(crate) async fn services_keep_to_their_queues(cx: &Cx) {
    for (number, queue) in ODD.into_iter().enumerate() {
        cx.send(cx.start_in(queue, &number.to_string())).await;
    }
    let none = cx.claim_in(&[], 9).await;
    assert_eq!((none.items.len(), none.more), (0, false), "no queue");
    assert_eq!(cx.claim_in(&["order"], 9).await.items, [], "nobody's queue");
    for (number, queue) in ODD.into_iter().enumerate() {
        let claimed = cx.claim_in(&[queue], 9).await;
        assert_eq!(instances(&claimed), [id(&number.to_string())], "{queue:?}");
        assert!(!claimed.more, "{queue:?}");
        assert_eq!(claimed.items[0].head.queue, TaskQueue::from(queue));
    }
}

/// Whatever becomes of an instance, it comes back to its queue.
pub(crate) async fn an_instance_comes_back_to_its_queue(cx: &Cx) {
    cx.send(cx.start_in("orders", "a")).await;
    cx.claim_in(&["orders"], 1).await;
    cx.elapse(LEASE).await;
    cx.claim_nothing().await;
    let expired = cx.claim_in(&["orders"], 1).await.items.remove(0);
    cx.release(Lease::Turn(expired.lease), SECOND).await;
    cx.elapse(SECOND).await;
    cx.claim_nothing().await;
    let released = cx.claim_in(&["orders"], 1).await.items.remove(0);
    assert_eq!(released.attempt, 3);

    let itself = to("a", cx.message());
    cx.apply(cx.turn(&released).append(1).send(itself)).await;
    cx.claim_nothing().await;
    let turn = cx.claim_in(&["orders"], 1).await.items.remove(0);
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.poke("a").await;
    cx.claim_nothing().await;
    let claimed = cx.claim_in(&["orders"], 1).await;
    assert_eq!(instances(&claimed), [id("a")]);
}

/// The queue is that of the start, of a turn's start and of the turn that creates, and stays.
pub(crate) async fn an_instance_keeps_its_queue(cx: &Cx) {
    cx.send(cx.start_in("orders", "a")).await;
    let mut child = cx.start_in("mail", "child");
    child.message = cx.message();
    let turn = cx.claim_in(&["orders"], 1).await.items.remove(0);
    cx.apply(cx.turn(&turn).append(1).send(child).continue_as_new())
        .await;
    cx.apply(cx.creation("made").in_queue("mail").append(1))
        .await;
    // A start of one that is there is a message for it, and changes nothing of it (STA-03).
    let again = cx.start_in("elsewhere", "child");
    let head = cx.head("a").await;
    cx.apply(cx.unleased(&head).send(again)).await;

    for (instance, queue) in [("a", "orders"), ("child", "mail"), ("made", "mail")] {
        assert_eq!(cx.head(instance).await.queue, TaskQueue::from(queue));
    }
    let claimed = cx.claim_in(&["mail"], 9).await;
    assert_eq!(instances(&claimed), [id("child")]);
    let child = &claimed.items[0];
    cx.apply(cx.turn(child).complete()).await;
    assert_eq!(cx.head("child").await.queue, TaskQueue::from("mail"));
}

/// A backlog in one queue keeps no instance of another one from being claimed.
pub(crate) async fn each_queue_of_turns_has_its_share(cx: &Cx) {
    let busy = start_many(cx, "busy", 9).await;
    let quiet = start_many(cx, "quiet", 3).await;

    let first = cx.claim_in(&["busy", "quiet"], 5).await;
    let of = |claimed: &Claimed<Turn>, all: &[InstanceId]| {
        let mut found = instances(claimed);
        found.retain(|instance| all.contains(instance));
        found
    };
    // Two of each, and one more of those that came first.
    assert_eq!(of(&first, &busy), busy[..3], "in their order");
    assert_eq!(of(&first, &quiet), quiet[..2], "in their order");
    assert!(first.more);

    // What one queue leaves of its share is for the others.
    let second = cx.claim_in(&["quiet", "busy", "empty"], 6).await;
    assert_eq!(of(&second, &quiet), quiet[2..]);
    assert_eq!(of(&second, &busy), busy[3..8]);
    assert!(second.more);

    let last = cx.claim_in(&["busy", "quiet", "busy"], 6).await;
    assert_eq!(instances(&last), busy[8..], "a queue that is named twice");
    assert!(!last.more);
}

/// Where there are fewer places than queues, age decides.
pub(crate) async fn without_a_share_the_oldest_comes_first(cx: &Cx) {
    let old = start_many(cx, "b", 2).await;
    let young = start_many(cx, "a", 2).await;
    for expected in [&old[..1], &old[1..], &young[..1]] {
        let claimed = cx.claim_in(&["a", "b"], 1).await;
        assert_eq!(instances(&claimed), expected);
        assert!(claimed.more);
    }
}

/// The same of activities.
pub(crate) async fn each_queue_of_activities_has_its_share(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let busy = (1..=8).fold(cx.turn(&turn).append(1), |commit, activity_id| {
        commit.activity_in("busy", activity_id)
    });
    cx.apply(busy).await;
    cx.elapse(SECOND).await;
    let head = cx.head("a").await;
    let quiet = cx.unleased(&head).append(1).activity_in("quiet", 9);
    cx.apply(quiet).await;

    let claimed = cx.work_in(&["busy", "quiet"], 4).await;
    let ids: Vec<u64> = claimed
        .items
        .iter()
        .map(|it| it.lease.key.activity_id)
        .collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.contains(&9), "{ids:?}");
    assert!(claimed.more);
    let rest = cx.work_in(&["busy", "quiet"], 9).await;
    assert_eq!((rest.items.len(), rest.more), (5, false));
}

/// Work of other queues of turns does not end the wait.
pub(crate) async fn a_wait_is_for_its_queues_of_turns(cx: &Cx) {
    let mut others = cx.wait(Cx::turns(), SECOND * 1_000);
    let mut theirs = cx.wait(Cx::turns_of("orders"), SECOND * 1_000);
    theirs.goes_on().await;

    cx.send(cx.start_in("orders", "a")).await;

    let ended = theirs.ends_sooner_or_later(SECOND).await;
    ended.expect("a wait succeeds");
    others.goes_on().await;
    let at_once = cx.wait(Cx::turns_of("orders"), SECOND * 1_000);
    at_once.ends().await.expect("a wait succeeds");
}

/// As many queues as the limit are served, and one more is refused.
pub(crate) async fn a_claim_has_a_limit_of_queues(cx: &Cx) {
    let queues = |count: usize| -> Vec<TaskQueue> {
        let names = (0..count).map(|number| number.to_string());
        names.map(|name| TaskQueue::from(&*name)).collect()
    };
    let last = (CLAIM_QUEUES_MAX - 1).to_string();
    cx.send(cx.start_in(&last, "a")).await;
    let turns = |count| ClaimTurns {
        messages_max: 1,
        bytes_max: 1,
        ..ClaimTurns::new(queues(count), 1, LEASE)
    };
    let activities = |count| ClaimActivities::new(queues(count), 1, LEASE);

    let p = cx.provider();
    let error = p.claim_turns(&turns(CLAIM_QUEUES_MAX + 1)).await;
    names(
        &refused(error, ErrorKind::LimitExceeded),
        "CLAIM_QUEUES_MAX",
    );
    let error = p.claim_activities(&activities(CLAIM_QUEUES_MAX + 1)).await;
    names(
        &refused(error, ErrorKind::LimitExceeded),
        "CLAIM_QUEUES_MAX",
    );

    let claimed = cx.claim_with(&turns(CLAIM_QUEUES_MAX)).await;
    assert_eq!(instances(&claimed), [id("a")]);
    cx.apply(cx.turn(&claimed.items[0]).append(1).activity_in(&last, 2))
        .await;
    let claimed = p.claim_activities(&activities(CLAIM_QUEUES_MAX)).await;
    assert_eq!(claimed.expect("it is within the limit").items.len(), 1);
}

/// A name of exactly the limit is one, and a longer one is refused wherever it is given.
pub(crate) async fn the_name_of_a_queue_has_a_limit(cx: &Cx) {
    const LIMIT: &str = "TaskQueue::BYTES_MAX";
    let longest = "é".repeat(TaskQueue::BYTES_MAX / 2);
    let too_long = format!("{longest}x");
    cx.send(cx.start_in(&longest, "a")).await;
    let claimed = cx.claim_in(&[&longest], 1).await;
    assert_eq!(instances(&claimed), [id("a")]);
    let turn = claimed.items[0].clone();

    let over = ErrorKind::LimitExceeded;
    let started = cx.try_send(cx.start_in(&too_long, "b")).await;
    names(&refused(started, over), LIMIT);
    let refuse = async |commit: TurnBuilder| {
        let error = refused(cx.commit(Commit::Turn(commit.build())).await, over);
        names(&error, LIMIT);
    };
    refuse(cx.creation("b").in_queue(&too_long).append(1)).await;
    let child = cx.start_in(&too_long, "b");
    refuse(cx.turn(&turn).append(1).send(child)).await;
    refuse(cx.turn(&turn).append(1).activity_in(&too_long, 2)).await;
    assert_eq!(cx.head_if_any("b").await, None);

    let commit = cx.turn(&turn).append(1).activity_in(&longest, 2);
    cx.apply(commit).await;
    assert_eq!(cx.work_in(&[&longest], 1).await.items.len(), 1);
}
