//! Work that takes longer than its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::sync::Notify;

use crate::counted::Counted;
use crate::support::{World, checked, pause, within};

const LEASE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn an_activity_that_outlasts_its_lease_runs_once() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Arc::new(Counted::new(MemoryProvider::with_options(options)));
    let (started, end) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let ran = Arc::new(AtomicU32::new(0));
    let world = async || {
        let (started, end, ran) = (Arc::clone(&started), Arc::clone(&end), Arc::clone(&ran));
        let activities = ActivityRegistry::builder()
            .register("Long", move |_: ActivityContext, _: String| {
                let (started, end) = (Arc::clone(&started), Arc::clone(&end));
                let number = ran.fetch_add(1, Ordering::SeqCst) + 1;
                async move {
                    started.notify_one();
                    end.notified().await;
                    Ok(format!("run {number}"))
                }
            })
            .build();
        let orchestrations = OrchestrationRegistry::builder()
            .register("Main", |ctx: OrchestrationContext, _: String| async move {
                ctx.schedule_activity("Long", "").into_activity().await
            })
            .build();
        let options = RuntimeOptions {
            clock: Arc::new(clock.clone()),
            worker_lock_timeout: LEASE,
            ..checked()
        };
        let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
        World::start(provider, activities, orchestrations, options).await
    };
    // A second node would take the activity as soon as its lease had passed.
    let (one, other) = (world().await, world().await);
    one.begin("i", "Main", "").await;
    within("the start of the activity", started.notified()).await;

    for _ in 0..12 {
        within("a renewal", renewed_once(&clock, &store)).await;
    }
    assert_eq!(
        ran.load(Ordering::SeqCst),
        1,
        "four leases later it still runs, once"
    );
    end.notify_one();
    assert_eq!(one.output("i").await, "run 1");
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    one.shutdown().await;
    other.shutdown().await;
}

/// Moves the clock until a lease has been renewed: by one tick, or by two if the first came before
/// the renewal went to sleep.
async fn renewed_once(clock: &ManualClock, store: &Counted<MemoryProvider>) {
    let before = store.renewals();
    loop {
        clock.advance(LEASE / 3);
        for _ in 0..100 {
            if store.renewals() > before {
                return;
            }
            pause(2).await;
        }
    }
}

/// In real time too: code that blocks its executor does not keep its lease from being renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_blocks_its_thread_keeps_its_lease() {
    let ran = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&ran);
    let activities = ActivityRegistry::builder()
        .register("Block", move |_: ActivityContext, _: String| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                let (_sender, receiver) = std::sync::mpsc::channel::<()>();
                let blocked = receiver.recv_timeout(Duration::from_millis(1_500));
                Ok(format!("run {number} {}", blocked.is_err()))
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Block", "").into_activity().await
        })
        .build();
    let options = RuntimeOptions {
        // As long as a busy machine may take to renew it.
        worker_lock_timeout: Duration::from_secs(1),
        ..checked()
    };
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, activities, orchestrations, options).await;
    assert_eq!(world.run("i", "Main", "").await, "run 1 true");
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    world.shutdown().await;
}
