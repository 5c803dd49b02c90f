//! Deletion and pruning.

use std::time::Duration;

use duroxide_core::providers::{
    DeleteMode, ErrorKind, Lease, ProviderError, Release, ReleasedAttempts, Renewal, StoreMetrics,
};

use crate::support::{Cx, Dump, LEASE, SECOND, drop_after_polls, id, promptly, refused, to};

async fn delete(cx: &Cx, instance: &str, mode: DeleteMode) -> Result<(), ProviderError> {
    cx.admin().delete_instance(&id(instance), mode).await
}

async fn force(cx: &Cx, instance: &str) {
    let deleted = delete(cx, instance, DeleteMode::Force).await;
    deleted.expect("any instance can be deleted by force");
}

/// Head, histories, inbox, timers and activities are gone, and nothing is counted.
pub(crate) async fn nothing_is_left_of_a_deleted_instance(cx: &Cx) {
    cx.running_with_activities("a", 3).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new().activity(9)).await;
    cx.work(2).await;
    cx.poke("a").await;
    cx.poke_later("a", SECOND).await;

    force(cx, "a").await;

    assert_eq!(cx.head_if_any("a").await, None);
    assert_eq!(cx.history("a", 1).await, []);
    assert_eq!(cx.history("a", 2).await, []);
    assert_eq!(cx.metrics().await, StoreMetrics::default());
    assert_eq!(cx.dump().await, Dump::default());
}

/// Neighbours with similar ids are left alone.
pub(crate) async fn only_the_named_instance_is_deleted(cx: &Cx) {
    let neighbours = ["A", "a:b", "ab", "a ", "%"];
    cx.running_with_activities("a", 1).await;
    for name in neighbours {
        cx.running_with_activities(name, 1).await;
    }
    for name in neighbours {
        cx.poke(name).await;
    }

    force(cx, "a").await;

    for name in neighbours {
        assert_eq!(cx.history(name, 1).await.len(), 1, "{name:?}");
    }
    let dump = cx.dump().await;
    assert_eq!(dump.turns.len(), neighbours.len());
    assert_eq!(dump.activities.len(), neighbours.len());
}

/// Whoever was at work learns that it is over, while the id is free and when it lives again.
pub(crate) async fn late_operations_do_not_bring_it_back(cx: &Cx) {
    for reborn in [false, true] {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 1).await;
        let work = cx.work_only().await;
        let turn = cx.poke_and_claim("a").await;
        force(&cx, "a").await;
        if reborn {
            cx.running_with_activities("a", 1).await;
        }
        let before = cx.view(&["a"]).await;

        let late = cx
            .turn(&turn)
            .append(1)
            .activity(7)
            .send(to("a", cx.message()));
        cx.refuse(late, ErrorKind::LeaseLost).await;
        let outcome = cx.try_finish(&work.lease, Some(cx.message())).await;
        refused(outcome, ErrorKind::LeaseLost);
        for lease in [Lease::Turn(turn.lease), Lease::Activity(work.lease)] {
            let renewal = cx.renew(lease.clone(), LEASE).await;
            assert_ne!(renewal, Renewal::Renewed);
            let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
            refused(cx.try_release(release).await, ErrorKind::LeaseLost);
        }

        assert_eq!(cx.view(&["a"]).await, before, "reborn: {reborn}");
        cx.claim_nothing().await;
        assert_eq!(cx.work(9).await.len(), usize::from(reborn));
    }
}

/// The next life of an id sees nothing of the one before, nor what was sent to that.
pub(crate) async fn the_next_life_begins_empty(cx: &Cx) {
    let first = cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    cx.poke_later("a", SECOND).await;
    force(cx, "a").await;
    cx.running("b").await;
    let turn = cx.poke_and_claim("b").await;
    let start = cx.start("a").await;

    let stale = cx.to_life("a", first.incarnation);
    let committed = cx.apply(cx.turn(&turn).append(1).send(stale)).await;

    assert_eq!(committed.messages_dropped, 1);
    assert_ne!(cx.head("a").await.incarnation, first.incarnation);
    cx.elapse(SECOND + LEASE).await;
    assert_eq!(cx.inbox("a").await, [start]);
    cx.work_nothing().await;
}

/// The repeat of a commit whose instance is gone is no repeat.
pub(crate) async fn a_repeat_does_not_bring_it_back(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let commit = cx.turn(&turn).complete().build();
    cx.apply(commit.clone()).await;
    let deleted = delete(cx, "a", DeleteMode::TerminalOnly).await;
    deleted.expect("an ended instance can be deleted");

    cx.refuse(commit, ErrorKind::LeaseLost).await;

    assert_eq!(cx.head_if_any("a").await, None);
}

/// What has not ended is deleted by force alone.
pub(crate) async fn a_living_instance_is_not_deleted(cx: &Cx) {
    cx.running("running").await;
    cx.start("pending").await;
    let before = cx.view(&["pending", "running"]).await;

    for instance in ["pending", "running"] {
        let deleted = delete(cx, instance, DeleteMode::TerminalOnly).await;
        refused(deleted, ErrorKind::InvalidInput);
    }

    assert_eq!(cx.view(&["pending", "running"]).await, before);
    force(cx, "pending").await;
    force(cx, "running").await;
    assert_eq!(cx.head_if_any("running").await, None);
}

/// Nobody cannot be deleted or pruned, nor can anybody twice.
pub(crate) async fn an_absent_instance_is_not_deleted(cx: &Cx) {
    cx.running("a").await;
    force(cx, "a").await;
    for instance in ["a", "nobody"] {
        for mode in [DeleteMode::Force, DeleteMode::TerminalOnly] {
            refused(delete(cx, instance, mode).await, ErrorKind::NotFound);
        }
        let pruned = cx.admin().prune_executions(&id(instance), 1).await;
        refused(pruned, ErrorKind::NotFound);
    }
}

/// Pruning leaves the latest executions, the current one always, and says how many went.
pub(crate) async fn pruning_keeps_the_latest(cx: &Cx) {
    cx.running("a").await;
    for _ in 0..4 {
        let turn = cx.poke_and_claim("a").await;
        cx.apply(cx.turn(&turn).continue_as_new()).await;
    }
    let head = cx.head("a").await;
    let prune = async |keep_last| cx.admin().prune_executions(&id("a"), keep_last).await;

    for (keep_last, removed, left) in [(9, 0, 1..=5), (2, 3, 4..=5), (2, 0, 4..=5), (0, 1, 5..=5)] {
        assert_eq!(prune(keep_last).await.expect("it can be pruned"), removed);
        let executions = cx.admin().list_executions(&id("a")).await;
        let executions = executions.expect("it can be listed");
        let numbers: Vec<_> = executions.iter().map(|record| record.execution).collect();
        assert_eq!(numbers, Vec::from_iter(left.clone()));
        for execution in 1..=5 {
            let there = !cx.history("a", execution).await.is_empty();
            assert_eq!(there, left.contains(&execution), "execution {execution}");
        }
    }
    assert_eq!(cx.position("a").await, head.position);
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// Pruning does not disturb a turn at work.
pub(crate) async fn pruning_leaves_the_lease(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new()).await;
    let turn = cx.poke_and_claim("a").await;

    let pruned = cx.admin().prune_executions(&id("a"), 1).await;

    assert_eq!(pruned.expect("it can be pruned"), 1);
    cx.claim_nothing().await;
    cx.apply(cx.turn(&turn).append(1)).await;
}

/// However deletion, rebirth and a late commit race, the new life has nothing of the old one.
pub(crate) async fn deletion_races_with_late_commits(cx: &Cx) {
    for round in 0..40 {
        cx.running("a").await;
        let turn = cx.poke_and_claim("a").await;
        let late = cx.clone();
        let commit = cx
            .turn(&turn)
            .append(3)
            .activity(1)
            .send(to("a", cx.message()));
        let task = tokio::spawn(async move { late.try_turn(commit).await });
        force(cx, "a").await;
        let start = cx.start("a").await;

        if let Err(error) = promptly("the commit", task).await.expect("no panic") {
            assert_eq!(error.kind(), ErrorKind::LeaseLost, "round {round}");
        }

        assert_eq!(cx.head("a").await.commit_id, None, "round {round}");
        assert_eq!(cx.history("a", 1).await, [], "round {round}");
        cx.work_nothing().await;
        let turn = cx.claim_only("a").await;
        assert_eq!(turn.messages, [start], "round {round}");
        force(cx, "a").await;
    }
}

/// However deletion, rebirth and a late outcome race, the outcome's message does not reach the new
/// life.
pub(crate) async fn rebirth_races_with_late_outcomes(cx: &Cx) {
    for round in 0..40 {
        cx.running_with_activities("a", 1).await;
        let work = cx.work_only().await;
        let (late, message) = (cx.clone(), cx.message_to_execution(1));
        let task = tokio::spawn(async move { late.try_finish(&work.lease, Some(message)).await });
        force(cx, "a").await;
        let start = cx.start("a").await;

        if let Err(error) = promptly("the outcome", task).await.expect("no panic") {
            assert_eq!(error.kind(), ErrorKind::LeaseLost, "round {round}");
        }

        cx.work_nothing().await;
        assert_eq!(cx.claim_only("a").await.messages, [start], "round {round}");
        force(cx, "a").await;
    }
}

/// A deletion that was dropped has removed everything or nothing, and can be repeated.
pub(crate) async fn a_dropped_deletion_happened_or_did_not(cx: &Cx) {
    for polls in [0, 1, 2, 3, 20, 400] {
        let cx = cx.twin().await;
        cx.running_with_activities("a", 2).await;
        cx.poke("a").await;
        let before = cx.view(&["a"]).await;

        drop_after_polls(delete(&cx, "a", DeleteMode::Force), polls).await;

        if polls == 0 {
            assert_eq!(cx.view(&["a"]).await, before, "it was never begun");
        }
        if let Err(error) = delete(&cx, "a", DeleteMode::Force).await {
            assert_eq!(error.kind(), ErrorKind::NotFound, "{polls} polls");
        }
        assert_eq!(cx.history("a", 1).await, []);
        assert_eq!(cx.dump().await, Dump::default(), "{polls} polls");
    }
}

/// A control message that is due may have an ended instance go on: it stays until that was taken in, unless
/// the deletion is forced.
pub(crate) async fn what_control_waits_for_is_not_deleted(cx: &Cx) {
    for name in ["a", "b", "c"] {
        cx.end_at_once(name, None).await;
    }
    cx.send_control("a", Duration::ZERO).await;
    cx.send_control("b", Duration::ZERO).await;
    cx.send_control("c", LEASE * 10).await;
    let before = cx.view(&["a"]).await;

    let refusal = delete(cx, "a", DeleteMode::TerminalOnly).await;

    refused(refusal, ErrorKind::InvalidInput);
    assert_eq!(cx.view(&["a"]).await, before);
    force(cx, "b").await;
    let later = delete(cx, "c", DeleteMode::TerminalOnly).await;
    later.expect("what is due later keeps nobody");
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn)).await;
    let deleted = delete(cx, "a", DeleteMode::TerminalOnly).await;
    deleted.expect("it was taken in");
    assert_eq!(cx.dump().await, Dump::default());
}
