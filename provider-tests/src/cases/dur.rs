//! Durability.

use duroxide_core::providers::Durability;

use crate::support::{Cx, SECOND, later, nothing_to_show};

/// Fills a store with something of everything.
async fn fill(cx: &Cx) {
    cx.running_with_activities("a", 2).await;
    cx.work(1).await;
    let turn = cx.poke_and_claim("a").await;
    let timer = later("a", cx.message(), SECOND);
    cx.apply(
        cx.turn(&turn)
            .continue_as_new()
            .activity_in("gpu", 7)
            .send(timer),
    )
    .await;
    cx.poke("a").await;
    cx.start("pending").await;
    cx.start("ended").await;
    for turn in cx.claim(9).await {
        if &*turn.head.instance == "ended" {
            cx.apply(cx.turn(&turn).complete()).await;
        }
    }
}

const NAMES: [&str; 4] = ["a", "pending", "ended", "nobody"];

/// Everything is there after the end of a process that closed nothing.
pub(crate) async fn everything_survives_a_crash(cx: &Cx) {
    let (crashed, untouched) = (cx.twin().await, cx.twin().await);
    fill(&crashed).await;
    fill(&untouched).await;
    let before = crashed.view(&NAMES).await.without_leases();

    let after = crashed.crash().await;

    assert_eq!(after.view(&NAMES).await.without_leases(), before);
    assert_eq!(after.dump().await, untouched.dump().await);
}

/// Everything is there after a close.
pub(crate) async fn everything_survives_a_close(cx: &Cx) {
    let (closed, untouched) = (cx.twin().await, cx.twin().await);
    fill(&closed).await;
    fill(&untouched).await;
    let before = closed.view(&NAMES).await.without_leases();

    closed.provider().close().await;
    let after = closed.crash().await;

    assert_eq!(after.view(&NAMES).await.without_leases(), before);
    assert_eq!(after.dump().await, untouched.dump().await);
}

/// A commit whose reply died with the process is recognised by the next one.
pub(crate) async fn a_repeat_is_recognised_after_a_crash(cx: &Cx) {
    let process = cx.twin().await;
    process.running("a").await;
    let turn = process.poke_and_claim("a").await;
    let commit = process.turn(&turn).append(1).build();
    process.apply(commit.clone()).await;

    let process = process.crash().await;

    let committed = process.try_turn(commit).await.expect("a repeat succeeds");
    assert!(committed.repeated);
    assert_eq!(process.position("a").await.next_event_id, 3);
}

/// What is declared as durable is more than nothing, before and after.
pub(crate) async fn the_level_is_reported(cx: &Cx) {
    let process = cx.twin().await;
    let level = process.provider().capabilities().durability;
    assert!(level >= Durability::ProcessCrash);

    let process = process.crash().await;

    assert_eq!(process.provider().capabilities().durability, level);
}

/// A store that was set to keep less is reported as one that keeps less.
pub(crate) async fn the_setting_is_read_back(cx: &Cx) {
    let process = cx.twin().await;
    let level = process.provider().capabilities().durability;

    let Some(weakened) = process.weakened().await else {
        nothing_to_show();
    };

    let weakened = weakened.capabilities().durability;
    assert!(
        weakened < level,
        "the store was set to keep less than {level:?}, and {weakened:?} is reported"
    );
}
