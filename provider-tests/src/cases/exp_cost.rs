//! What the removal of an instance costs beside many that stay: a ratio, in which the machine cancels out.

use std::time::{Duration, Instant};

use duroxide_core::providers::Commit;

use crate::support::{Cx, LEASE, SECOND};

/// How many ended instances stay in the one store and in the other.
const FEW: usize = 100;
const MANY: usize = 20_000;
/// Maintenance that looks at every instance takes up to 200 times as long in the store with many.
const RATIO_MAX: u32 = 8;
/// The shortest of so many calls is taken in each store, which is one that nothing came between.
const ROUNDS: usize = 20;
/// A ratio that is too high must be so each time.
const TRIES: usize = 4;
/// More than any case lasts.
const LATER: Duration = Duration::from_hours(10_000);
const BATCH: usize = 500;

/// Maintenance that removes one instance takes as long beside 20,000 that have ended, of which a half
/// expires later, as beside a hundred.
pub(crate) async fn maintenance_looks_at_nobody_who_stays(cx: &Cx) {
    let (few, many) = (cx.twin().await, cx.twin().await);
    fill(&few, FEW).await;
    fill(&many, MANY).await;

    let mut measured = Vec::new();
    for _ in 0..TRIES {
        cx.forget_calls();
        let (mut of_few, mut of_many) = (Duration::MAX, Duration::MAX);
        for _ in 0..ROUNDS {
            // They take turns, so that a busy machine is as busy for either.
            of_few = of_few.min(remove_one(&few).await);
            of_many = of_many.min(remove_one(&many).await);
        }
        if of_many <= of_few * RATIO_MAX {
            return;
        }
        measured.push((of_few, of_many));
    }
    panic!(
        "beside {MANY} instances that stay, maintenance takes more than {RATIO_MAX} times as long as \
         beside {FEW}: {measured:?}"
    );
}

async fn fill(cx: &Cx, count: usize) {
    let batch_max = cx.limits().commit_operations_max.min(BATCH);
    let names: Vec<_> = (0..count).map(|number| format!("stays {number}")).collect();
    for batch in names.chunks(batch_max) {
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
#[expect(
    clippy::disallowed_methods,
    reason = "what maintenance costs is real time, whatever clock the store goes by"
)]
async fn remove_one(cx: &Cx) -> Duration {
    cx.end_at_once("goes", Some(SECOND)).await;
    cx.elapse(SECOND).await;
    let began = Instant::now();
    let maintained = cx.provider().maintain(LEASE).await;
    let took = began.elapsed();
    maintained.expect("maintenance succeeds");
    cx.maintain().await;
    assert_eq!(cx.head_if_any("goes").await, None);
    took
}
