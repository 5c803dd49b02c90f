//! Expiry of ended instances.

use std::time::Duration;

use duroxide_core::providers::{Commit, ErrorKind, InstanceStatus};

use crate::fixture::Pace;
use crate::support::{Cx, LEASE, SECOND, refused};

/// The end of an instance sets the time, in whole milliseconds that are no fewer than were asked for.
pub(crate) async fn an_end_says_when_it_expires(cx: &Cx) {
    let uneven = SECOND + Duration::from_micros(1);
    for (name, after, after_ms) in [
        ("a", SECOND, 1_000),
        ("b", uneven, 1_001),
        ("c", SECOND, 1_000),
    ] {
        cx.running(name).await;
        let turn = cx.poke_and_claim(name).await;
        let mut commit = cx.turn(&turn).complete().expire_after(after);
        if name == "c" {
            commit = commit.change(|commit| {
                let last = commit.executions.last_mut();
                last.expect("it ends").status = duroxide_core::providers::ExecutionStatus::Failed;
            });
        }
        cx.apply(commit).await;

        let head = cx.head(name).await;
        assert!(head.status.is_terminal());
        let expires_at_ms = head.expires_at_ms.expect("the end names a time");
        match cx.pace() {
            Pace::Virtual => assert_eq!(expires_at_ms, head.updated_at_ms + after_ms, "{name}"),
            Pace::Real { .. } => assert!(expires_at_ms > head.updated_at_ms, "{name}"),
        }
    }
    // Whoever claims it sees the same.
    let turn = cx.poke_and_claim("a").await;
    assert_eq!(turn.head, cx.head("a").await);
}

/// A turn that ends nothing says nothing of expiry; a commit without executions leaves what was said, and
/// one that lets the instance run again takes it back.
pub(crate) async fn what_goes_on_does_not_expire(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let running = cx.turn(&turn).append(1).expire_after(SECOND);
    cx.apply(running).await;
    assert_eq!(cx.head("a").await.expires_at_ms, None);
    let turn = cx.poke_and_claim("a").await;
    let continued = cx.turn(&turn).continue_as_new().expire_after(SECOND);
    cx.apply(continued).await;
    assert_eq!(cx.head("a").await.expires_at_ms, None);
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete().expire_after(LEASE))
        .await;
    let expires_at_ms = cx.head("a").await.expires_at_ms;
    assert_ne!(expires_at_ms, None);

    cx.elapse(cx.tick()).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).expire_after(SECOND)).await;
    assert_eq!(cx.head("a").await.expires_at_ms, expires_at_ms);

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1)).await;
    assert_eq!(cx.head("a").await.status, InstanceStatus::Running);
    assert_eq!(cx.head("a").await.expires_at_ms, None);
    cx.elapse(LEASE * 2).await;
    cx.maintain().await;
    assert_eq!(cx.head("a").await.status, InstanceStatus::Running);
}

/// Its time has come, and nobody has removed it yet: all is as it was, for a start too.
pub(crate) async fn an_expired_instance_is_whole_until_it_is_removed(cx: &Cx) {
    drop(cx.ended_at_work(Some(SECOND * 2)).await);
    cx.elapse(SECOND).await;
    let before = cx.view(&["a"]).await;

    cx.elapse(SECOND * 2).await;

    assert_eq!(cx.view(&["a"]).await, before);
    let start = cx.try_send(cx.start_of("a")).await;
    refused(start, ErrorKind::AlreadyExists);
    assert_eq!(cx.view(&["a"]).await, before);
    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Completed);
    assert_ne!(cx.history("a", 1).await, []);
}

/// Not a millisecond before its time.
pub(crate) async fn an_instance_is_not_removed_early(cx: &Cx) {
    cx.end_at_once("a", Some(LEASE)).await;
    let rest = cx.elapse_most_of(LEASE).await;
    let before = cx.view(&["a"]).await;

    cx.maintain().await;

    assert_eq!(cx.view(&["a"]).await, before);
    cx.elapse(rest).await;
    cx.maintain().await;
    assert_eq!(cx.head_if_any("a").await, None);
}

/// Head, histories, inbox, values and activities go, and the id is free; who does not expire stays.
pub(crate) async fn nothing_is_left_of_an_expired_instance(cx: &Cx) {
    let stay = ["ended", "running"];
    cx.end_at_once("ended", None).await;
    cx.running("running").await;
    let nobody = cx.view(&["a", stay[0], stay[1]]).await;
    let old = cx.ended_at_work(Some(SECOND)).await;
    let others = cx.view(&stay).await.instances;
    cx.elapse(SECOND * 2).await;

    cx.maintain().await;

    assert_eq!(cx.view(&["a", stay[0], stay[1]]).await, nobody);
    assert_eq!(cx.view(&stay).await.instances, others);
    cx.has_nothing_of(old.incarnation).await;
    cx.work_nothing().await;
    cx.claim_nothing().await;
    let start = cx.start("a").await;
    assert_ne!(cx.head("a").await.incarnation, old.incarnation);
    cx.has_nothing_of(old.incarnation).await;
    cx.elapse(LEASE).await;
    assert_eq!(cx.claim_only("a").await.messages, [start]);
    cx.work_nothing().await;
}

/// Who holds it does not keep it, and learns that it is over.
pub(crate) async fn what_is_late_for_the_expired_is_lost(cx: &Cx) {
    for reborn in [false, true] {
        let cx = cx.twin().await;
        let old = cx.ended_at_work(Some(SECOND)).await;
        cx.elapse(SECOND * 2).await;
        cx.maintain().await;
        if reborn {
            cx.start("a").await;
        }

        cx.comes_too_late(old).await;

        assert_eq!(cx.head_if_any("a").await.is_some(), reborn);
    }
}

/// Without a time an ended instance stays for as long as anybody waits.
pub(crate) async fn an_end_without_a_time_is_for_ever(cx: &Cx) {
    cx.end_at_once("a", None).await;
    cx.end_at_once("b", Some(SECOND)).await;
    assert_eq!(cx.head("a").await.expires_at_ms, None);
    let before = cx.view(&["a"]).await.instances;

    cx.elapse(LEASE * 10).await;
    cx.maintain().await;

    assert_eq!(cx.view(&["a"]).await.instances, before);
    assert_eq!(cx.head_if_any("b").await, None);
}

/// However many there are, and however little time each call has, all go in the end.
pub(crate) async fn many_are_removed_in_the_end(cx: &Cx) {
    const COUNT: usize = 700;
    const CALLS_MAX: usize = 10_000;
    let batch_max = cx.limits().commit_operations_max.min(100);
    let names: Vec<_> = (0..COUNT).map(|number| format!("a{number}")).collect();
    for batch in names.chunks(batch_max) {
        let ends = batch.iter().map(|name| {
            let end = cx.creation(name).append(2).complete();
            Commit::Turn(end.expire_after(SECOND).build())
        });
        for answer in cx.batch(ends.collect()).await {
            answer.expect("an instance is created");
        }
    }
    cx.forget_calls();
    cx.elapse(SECOND * 2).await;

    for _ in 0..CALLS_MAX {
        let maintained = cx.provider().maintain(Duration::ZERO).await;
        let next = maintained.expect("maintenance succeeds");
        if next.is_none_or(|next| !next.is_zero()) {
            break;
        }
    }

    for name in names {
        assert_eq!(cx.head_if_any(&name).await, None, "{name}");
    }
}

/// A control message that is due may have the instance go on, and keeps it until it was taken in, as long as
/// that takes; others go meanwhile. One that is due later keeps nobody.
pub(crate) async fn what_control_waits_for_does_not_expire(cx: &Cx) {
    for name in ["a", "b", "c"] {
        cx.end_at_once(name, Some(SECOND)).await;
    }
    cx.send_control("a", Duration::ZERO).await;
    cx.send_control("c", LEASE * 10).await;
    let before = cx.view(&["a"]).await.instances;
    cx.elapse(SECOND * 2).await;

    // Nor does maintenance come again at once for its sake.
    cx.maintain().await;

    assert_eq!(cx.view(&["a"]).await.instances, before);
    for name in ["b", "c"] {
        assert_eq!(cx.head_if_any(name).await, None, "{name}");
    }
    let turn = cx.claim_only("a").await;
    cx.maintain().await;
    assert_ne!(cx.head_if_any("a").await, None, "it is still there");
    cx.apply(cx.turn(&turn)).await;
    cx.maintain().await;
    assert_eq!(cx.head_if_any("a").await, None);
}
