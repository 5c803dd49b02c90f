//! Maintenance and closing.

use std::time::Duration;

use duroxide_core::providers::{
    ClaimActivities, ClaimTurns, Commit, DeleteMode, ErrorKind, Fence, Inspect, InstanceFilter,
    Lease, ListActivities, Queues, ReadHistory, Release, ReleasedAttempts, Renew, TaskQueue, Until,
    Watch,
};

use crate::support::{Cx, LEASE, SECOND, id, promptly, refused, to};

/// Maintenance at any time, many at once, changes nothing that can be seen.
pub(crate) async fn maintenance_changes_nothing(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    let work = cx.work(1).await.remove(0);
    let turn = cx.poke_and_claim("a").await;
    cx.poke_later("a", SECOND).await;
    cx.start("b").await;
    let before = cx.view(&["a", "b"]).await;

    for budget in [Duration::ZERO, SECOND] {
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let cx = cx.clone();
                tokio::spawn(async move { cx.provider().maintain(budget).await })
            })
            .collect();
        for task in tasks {
            let maintained = promptly("the end of maintenance", task).await;
            maintained.expect("no panic").expect("maintenance succeeds");
        }
    }

    assert_eq!(cx.view(&["a", "b"]).await, before);
    assert_eq!(cx.claim_only("b").await.attempt, 1);
    cx.apply(cx.turn(&turn).append(1)).await;
    cx.finish(&work.lease).await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("a").await.messages.len(), 2);
    cx.work_only().await;
}

/// After `close` nothing is answered but `Unavailable`, and closing again is harmless.
pub(crate) async fn nothing_works_after_close(cx: &Cx) {
    const UNAVAILABLE: ErrorKind = ErrorKind::Unavailable;
    cx.running_with_activities("a", 1).await;
    let work = cx.work_only().await;
    let turn = cx.poke_and_claim("a").await;
    let p = cx.provider();
    p.close().await;
    promptly("a second close", p.close()).await;

    let claim = ClaimTurns {
        messages_max: 1,
        bytes_max: 1,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, LEASE)
    };
    refused(p.claim_turns(&claim).await, UNAVAILABLE);
    let claim = ClaimActivities::new(vec![TaskQueue::default()], 1, LEASE);
    refused(p.claim_activities(&claim).await, UNAVAILABLE);
    let commit = cx.turn(&turn).append(1).build();
    assert!(matches!(commit.fence, Fence::At { .. }));
    let operations = vec![Commit::Turn(commit), Commit::Send(to("a", cx.message()))];
    for answer in cx.batch(operations).await {
        refused(answer, UNAVAILABLE);
    }
    refused(cx.try_finish(&work.lease, None).await, UNAVAILABLE);
    let leases = [Lease::Turn(turn.lease), Lease::Activity(work.lease)];
    for answer in p.renew(&leases.clone().map(Renew::from), LEASE).await {
        refused(answer, UNAVAILABLE);
    }
    for lease in leases {
        let release = Release::new(lease, Duration::ZERO, ReleasedAttempts::Keep);
        refused(cx.try_release(release).await, UNAVAILABLE);
    }
    refused(p.maintain(SECOND).await, UNAVAILABLE);
}

/// Nor is anything read, listed or waited for.
pub(crate) async fn nothing_is_read_after_close(cx: &Cx) {
    const UNAVAILABLE: ErrorKind = ErrorKind::Unavailable;
    cx.running("a").await;
    let p = cx.provider();
    p.close().await;

    let read = ReadHistory {
        instance: id("a"),
        execution: 1,
        from_event_id: 1,
        bytes_max: 1,
    };
    refused(p.read_history(&read).await, UNAVAILABLE);
    refused(p.read_head(&id("a")).await, UNAVAILABLE);
    let wait = promptly("the wait", p.wait_for_work(&Queues::default(), LEASE)).await;
    refused(wait, UNAVAILABLE);
    let watch = promptly("the watch", p.wait_for_change(&[], LEASE)).await;
    refused(watch, UNAVAILABLE);
}

/// Nor does management work.
pub(crate) async fn nothing_is_managed_after_close(cx: &Cx) {
    const UNAVAILABLE: ErrorKind = ErrorKind::Unavailable;
    cx.running("a").await;
    cx.provider().close().await;
    let (admin, a) = (cx.admin(), id("a"));

    refused(
        admin.list_instances(&InstanceFilter::default()).await,
        UNAVAILABLE,
    );
    refused(admin.list_executions(&a).await, UNAVAILABLE);
    refused(
        admin.delete_instance(&a, DeleteMode::Force).await,
        UNAVAILABLE,
    );
    refused(admin.prune_executions(&a, 1).await, UNAVAILABLE);
    refused(admin.metrics().await, UNAVAILABLE);
    refused(admin.inspect(&Inspect::new(a)).await, UNAVAILABLE);
    let activities = ListActivities::new(TaskQueue::default());
    refused(admin.list_activities(&activities).await, UNAVAILABLE);
}

/// Whoever waits when the provider is closed is not left waiting.
pub(crate) async fn close_ends_the_waits(cx: &Cx) {
    cx.running("a").await;
    let mut work = cx.wait(Cx::turns(), LEASE * 100);
    let ended = Watch {
        instance: id("a"),
        until: Until::Terminal,
    };
    let mut watch = cx.watch(vec![ended], LEASE * 100);
    work.goes_on().await;
    watch.goes_on().await;

    cx.provider().close().await;

    for ended in [work.ends().await, watch.ends().await.map(|_| ())] {
        if let Err(error) = ended {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
        }
    }
}

/// What was refused as unavailable did not happen.
pub(crate) async fn what_is_unavailable_changes_nothing(cx: &Cx) {
    let process = cx.twin().await;
    process.running("a").await;
    let turn = process.poke_and_claim("a").await;
    let before = process.view(&["a", "b"]).await.without_leases();
    process.provider().close().await;
    let commit = process.turn(&turn).append(1);
    process.refuse(commit, ErrorKind::Unavailable).await;
    let start = process.try_send(process.start_of("b")).await;
    refused(start, ErrorKind::Unavailable);

    let process = process.crash().await;

    assert_eq!(process.view(&["a", "b"]).await.without_leases(), before);
    // Whether the lease outlives its process is the store's affair; the message is there anyway.
    process.elapse(LEASE).await;
    assert_eq!(process.claim_only("a").await.messages, turn.messages);
}
