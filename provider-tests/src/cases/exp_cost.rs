//! What the removal of an instance costs beside many that stay: a ratio, in which the machine cancels out.

use std::time::Duration;

use duroxide_core::providers::Commit;

use crate::support::proportion::{FEW, LATER, MANY, timed};
use crate::support::{Cx, LEASE, SECOND};

/// Maintenance that removes one instance takes as long beside 20,000 that have ended, of which a half
/// expires later, as beside a hundred.
pub(crate) async fn maintenance_looks_at_nobody_who_stays(cx: &Cx) {
    let (few, many) = (cx.twin().await, cx.twin().await);
    fill(&few, FEW).await;
    fill(&many, MANY).await;

    let what = "instances that stay, maintenance";
    cx.takes_as_long((&few, &many), what, remove_one).await;
}

async fn fill(cx: &Cx, count: u64) {
    let names: Vec<_> = (0..count).map(|number| format!("stays {number}")).collect();
    for batch in names.chunks(cx.batch_max()) {
        let ends = batch.iter().enumerate().map(|(number, name)| {
            let end = cx.creation(name).complete();
            Commit::Turn(match number % 2 {
                0 => end.expire_after(LATER).build(),
                _ => end.build(),
            })
        });
        for answer in cx.batch(ends.collect()).await {
            answer.expect("an instance is created");
        }
        cx.forget_calls();
    }
}

/// Removes one instance, and says how long the call took.
async fn remove_one(cx: &Cx) -> [Duration; 1] {
    cx.end_at_once("goes", Some(SECOND)).await;
    cx.elapse(SECOND).await;
    let (maintained, took) = timed(cx.provider().maintain(LEASE)).await;
    maintained.expect("maintenance succeeds");
    cx.maintain().await;
    assert_eq!(cx.head_if_any("goes").await, None);
    [took]
}
