//! Waiting.

use std::time::Duration;

use duroxide_core::providers::{
    ExecutionStatus, InstanceStatus, Lease, Queues, TaskQueue, Until, Watch,
};

use crate::support::{Cx, LEASE, SECOND, id, later, promptly, to};

const HOUR: Duration = Duration::from_hours(1);

fn watch(instance: &str, until: Until) -> Watch {
    Watch {
        instance: id(instance),
        until,
    }
}

/// Work that is there ends the wait before it begins, again and again.
pub(crate) async fn a_wait_ends_at_once_if_there_is_work(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    let both = Queues {
        turns: vec![TaskQueue::from("gpu"), TaskQueue::default()],
        activities: vec![TaskQueue("gpu".into()), TaskQueue::default()],
    };
    for queues in [Cx::turns(), Cx::activities_of(TaskQueue::DEFAULT), both] {
        for _ in 0..2 {
            let wait = cx.wait(queues.clone(), HOUR);
            wait.ends().await.expect("a wait succeeds");
        }
    }
}

/// Work of other queues does not end the wait.
pub(crate) async fn a_wait_is_for_its_queues(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let mut turns = cx.wait(Cx::turns(), HOUR);
    let mut gpu = cx.wait(Cx::activities_of("gpu"), HOUR);
    let mut nothing = cx.wait(Queues::default(), HOUR);
    turns.goes_on().await;
    gpu.goes_on().await;

    cx.poke("a").await;

    turns
        .ends_sooner_or_later(SECOND)
        .await
        .expect("a wait succeeds");
    gpu.goes_on().await;
    nothing.goes_on().await;
}

/// Without work the wait lasts until `max_wait`, and no time at all if that is zero.
pub(crate) async fn a_wait_ends_at_its_limit(cx: &Cx) {
    cx.running("a").await;
    let at_once = cx.wait(Cx::turns(), Duration::ZERO);
    at_once.ends().await.expect("a wait succeeds");

    let mut wait = cx.wait(Cx::turns(), SECOND * 10);
    wait.goes_on().await;
    let ended = wait.ends_as_time_passes(SECOND * 10).await;
    ended.expect("a wait succeeds");
}

/// A send, a start, a turn, an outcome and a release each wake the waiter.
pub(crate) async fn whatever_makes_work_ends_the_wait(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;

    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.finish(&work.lease).await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("an outcome wakes");

    let turn = cx.claim_only("a").await;
    let mut wait = cx.wait(Cx::activities_of(TaskQueue::DEFAULT), HOUR);
    wait.goes_on().await;
    cx.apply(cx.turn(&turn).append(1).activity(2)).await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("a turn wakes workers");

    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.poke("a").await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("a send wakes");

    let turn = cx.claim_only("a").await;
    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("a release wakes");

    let turn = cx.claim_only("a").await;
    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.apply(cx.turn(&turn).append(1).send(to("a", cx.message())))
        .await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("a turn wakes turns");

    cx.claim_only("a").await;
    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.start("b").await;
    wait.ends_sooner_or_later(SECOND)
        .await
        .expect("a start wakes");
}

/// A timer ends the wait when it is due, also one that is set while somebody waits already.
pub(crate) async fn a_due_timer_ends_the_wait(cx: &Cx) {
    cx.running("a").await;
    cx.poke_later("a", SECOND * 100).await;
    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;
    cx.poke_later("a", SECOND * 5).await;
    wait.goes_on().await;

    let ended = wait.ends_as_time_passes(SECOND * 5).await;

    ended.expect("a wait succeeds");
    cx.claim_only("a").await;
}

/// A lease that expires ends the wait, without anybody doing anything.
pub(crate) async fn an_expired_lease_ends_the_wait(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke_and_claim("a").await;
    cx.work_only().await;
    let mut turns = cx.wait(Cx::turns(), HOUR);
    let mut work = cx.wait(Cx::activities_of(TaskQueue::DEFAULT), HOUR);
    turns.goes_on().await;
    work.goes_on().await;

    turns
        .ends_as_time_passes(LEASE)
        .await
        .expect("a wait succeeds");
    work.ends_as_time_passes(LEASE)
        .await
        .expect("a wait succeeds");
}

/// Waiting takes nothing and counts nothing.
pub(crate) async fn a_wait_claims_nothing(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.poke("a").await;
    for queues in [Cx::turns(), Cx::activities_of(TaskQueue::DEFAULT)] {
        let wait = cx.wait(queues, HOUR);
        wait.ends().await.expect("a wait succeeds");
    }

    assert_eq!(cx.claim_only("a").await.attempt, 1);
    assert_eq!(cx.work_only().await.attempt, 1);
}

/// All waiters hear of work, not only one of them, who might be gone.
pub(crate) async fn every_waiter_hears_of_work(cx: &Cx) {
    cx.running("a").await;
    let mut waits: Vec<_> = (0..8).map(|_| cx.wait(Cx::turns(), HOUR)).collect();
    for wait in &mut waits {
        wait.goes_on().await;
    }
    drop(waits.pop());

    cx.poke("a").await;

    for wait in waits {
        wait.ends_sooner_or_later(SECOND)
            .await
            .expect("a wait succeeds");
    }
}

/// However a send races with the beginning of a wait, the waiter does not sleep through it.
pub(crate) async fn no_wake_up_is_lost(cx: &Cx) {
    cx.running("a").await;
    for _ in 0..100 {
        let wait = cx.wait(Cx::turns(), HOUR);
        let sender = cx.clone();
        let send = tokio::spawn(async move { sender.poke("a").await });
        wait.ends_sooner_or_later(SECOND)
            .await
            .expect("a wait succeeds");
        promptly("the send", send).await.expect("the send succeeds");
        let turn = cx.claim_only("a").await;
        cx.apply(cx.turn(&turn)).await;
    }
}

/// However a send races with the end of a lease, the instance is claimable afterwards.
pub(crate) async fn no_message_is_left_behind_by_a_release(cx: &Cx) {
    cx.running("a").await;
    for round in 0..100 {
        let turn = cx.poke_and_claim("a").await;
        let sender = cx.clone();
        let send = tokio::spawn(async move { sender.poke("a").await });
        if round % 2 == 0 {
            cx.apply(cx.turn(&turn).append(1)).await;
        } else {
            cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
        }
        let message = promptly("the send", send).await.expect("the send succeeds");

        let turn = cx.claim_only("a").await;
        assert_eq!(
            turn.messages.last().unwrap().message,
            message,
            "round {round}"
        );
        cx.apply(cx.turn(&turn)).await;
    }
}

/// Of several watched instances those that meet their condition already are answered at once.
pub(crate) async fn a_watch_answers_at_once(cx: &Cx) {
    cx.running("running").await;
    let ends = [
        ("completed", ExecutionStatus::Completed),
        ("failed", ExecutionStatus::Failed),
    ];
    for (name, status) in ends {
        cx.start(name).await;
        let turn = cx.claim_only(name).await;
        let commit = cx.turn(&turn).append(1);
        cx.apply(commit.end(status, None)).await;
    }
    let ended = [cx.head("completed").await, cx.head("failed").await];
    let watched = vec![
        watch("running", Until::Terminal),
        watch("failed", Until::Terminal),
        watch("nobody", Until::Terminal),
        watch("completed", Until::Terminal),
    ];

    let mut heads = cx
        .watch(watched, HOUR)
        .ends()
        .await
        .expect("a watch succeeds");

    heads.sort_by(|a, b| a.instance.cmp(&b.instance));
    assert_eq!(heads, ended);
}

/// A watch ends with the commit that it waits for, not with one before.
pub(crate) async fn a_watch_ends_with_the_change(cx: &Cx) {
    cx.start("a").await;
    let turn = cx.claim_only("a").await;
    let mut ended = cx.watch(vec![watch("a", Until::Terminal)], HOUR);
    ended.goes_on().await;

    cx.apply(cx.turn(&turn).append(1)).await;
    ended.goes_on().await;

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;
    let heads = ended
        .ends_sooner_or_later(SECOND)
        .await
        .expect("a watch succeeds");
    assert_eq!(heads.len(), 1);
    assert_eq!(heads[0].status, InstanceStatus::Completed);
}

/// A watch whose condition does not come about ends empty, whoever is absent.
pub(crate) async fn a_watch_ends_empty_at_its_limit(cx: &Cx) {
    cx.running("a").await;
    let watched = vec![
        watch("a", Until::Terminal),
        watch("nobody", Until::Terminal),
    ];
    let at_once = cx.watch(watched.clone(), Duration::ZERO);
    assert_eq!(at_once.ends().await.expect("a watch succeeds"), []);

    let mut waiting = cx.watch(watched, SECOND * 10);
    waiting.goes_on().await;
    let heads = waiting.ends_as_time_passes(SECOND * 10).await;

    assert_eq!(heads.expect("a watch succeeds"), []);
}

/// However the last commit races with the beginning of a watch, the watcher hears of it.
pub(crate) async fn no_change_is_missed(cx: &Cx) {
    for number in 0..50 {
        let name = format!("{number}");
        cx.start(&name).await;
        let turn = cx.claim_only(&name).await;
        let waiting = cx.watch(vec![watch(&name, Until::Terminal)], HOUR);
        cx.apply(cx.turn(&turn).complete()).await;

        let heads = waiting.ends_sooner_or_later(SECOND).await;

        assert_eq!(heads.expect("a watch succeeds").len(), 1);
    }
}

/// A delayed release ends the wait when its delay is over.
pub(crate) async fn a_delayed_release_ends_the_wait(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let timer = later("a", cx.message(), SECOND * 50);
    cx.send(timer).await;
    cx.release(Lease::Turn(turn.lease), SECOND * 5).await;
    let mut wait = cx.wait(Cx::turns(), HOUR);
    wait.goes_on().await;

    let ended = wait.ends_as_time_passes(SECOND * 5).await;

    ended.expect("a wait succeeds");
    assert_eq!(cx.claim(1).await.len(), 1);
}
