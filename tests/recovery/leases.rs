//! Work that takes longer than its lease.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::ErrorKind;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};
use tokio::sync::{Notify, Semaphore};

use crate::counted::Counted;
use crate::support::{PATIENCE, World, checked, pause, until, within};

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

/// A node that runs two activities: one that ends when it is told of a shutdown, and one that goes
/// on until it may end.
async fn with_two_activities(
    clock: &ManualClock,
    store: &Arc<Counted<MemoryProvider>>,
    end: &Arc<Notify>,
) -> World {
    let start = Arc::new(Semaphore::new(0));
    let tell = Arc::clone(&start);
    let end = Arc::clone(end);
    let activities = ActivityRegistry::builder()
        .register("Any", move |ctx: ActivityContext, input: String| {
            let (end, tell) = (Arc::clone(&end), Arc::clone(&tell));
            async move {
                tell.add_permits(1);
                if input == "told" {
                    ctx.cancelled().await;
                    return Err("told to end".to_owned());
                }
                end.notified().await;
                Ok("done".to_owned())
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Main",
            |ctx: OrchestrationContext, input: String| async move {
                ctx.schedule_activity("Any", input).into_activity().await
            },
        )
        .build();
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        worker_lock_timeout: LEASE,
        ..checked()
    };
    let provider = Arc::<Counted<MemoryProvider>>::clone(store);
    let world = World::start(provider, activities, orchestrations, options).await;
    world.begin("told", "Main", "told").await;
    world.begin("stubborn", "Main", "stubborn").await;
    drop(within("the activities", start.acquire_many(2)).await);
    world
}

fn manual() -> (ManualClock, Arc<Counted<MemoryProvider>>) {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Counted::new(MemoryProvider::with_options(options));
    (clock, Arc::new(store))
}

/// What a store is slow to take back costs no lease that is still needed.
#[tokio::test]
async fn a_release_that_hangs_delays_no_renewal() {
    let (clock, store) = manual();
    let end = Arc::new(Notify::new());
    let world = with_two_activities(&clock, &store, &end).await;
    let held = store.hold_back_releases().await;
    let leaving = tokio::spawn(Arc::clone(&world.runtime).shutdown(Some(600_000)));
    while store.held_releases() == 0 {
        within("a renewal", renewed_once(&clock, &store)).await;
    }
    for _ in 0..12 {
        within("a renewal", renewed_once(&clock, &store)).await;
    }
    end.notify_one();
    until("the outcome", async || {
        (store.load().activities == 1).then_some(())
    })
    .await;
    drop(held);
    within("shutdown", leaving).await.unwrap();
}

/// Whoever looks at the health of a runtime sees that its leases are about to pass.
#[tokio::test]
async fn a_renewal_that_fails_is_a_fault_until_one_succeeds() {
    let (clock, store) = manual();
    let end = Arc::new(Notify::new());
    let world = with_two_activities(&clock, &store, &end).await;
    store.set_fails_to_renew(true);
    let fault = until("the fault", async || {
        clock.advance(LEASE / 12);
        world.runtime.health().faults.into_iter().next()
    });
    assert_eq!(fault.await.operation, "renew");
    store.set_fails_to_renew(false);
    until("the end of it", async || {
        clock.advance(LEASE / 12);
        world.runtime.health().is_healthy().then_some(())
    })
    .await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
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

/// A commit has happened and its answer is lost; tried again, it fails for another reason. The
/// activity that it has leased does not rest until the lease has passed.
#[tokio::test]
async fn what_a_commit_of_unknown_fate_has_leased_is_given_back() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryProvider::new())));
    let activities = ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, _: String| async {
            Ok("done".to_owned())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Step", "").into_activity().await
        })
        .build();
    let options = RuntimeOptions {
        // Longer than the test waits.
        worker_lock_timeout: PATIENCE * 10,
        ..checked()
    };
    let provider = Arc::<Faulty<MemoryProvider>>::clone(&store);
    let world = World::start(provider, activities, orchestrations, options).await;
    // The first commit is the client's.
    let fault = |nth, effect| Fault {
        operation: Operation::Commit,
        when: When::Nth(nth),
        effect,
    };
    store.set_faults([
        fault(2, Effect::LoseReply),
        fault(3, Effect::FailBefore(ErrorKind::Config)),
    ]);
    assert_eq!(world.run("i", "Main", "").await, "done");
    assert_eq!(store.faults(), 2);
    world.shutdown().await;
}

/// Code that blocks its executor does not keep its lease from being renewed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_blocks_its_thread_keeps_its_lease() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Arc::new(Counted::new(MemoryProvider::with_options(options)));
    let (started, ran) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
    let (release, released) = std::sync::mpsc::channel::<()>();
    let released = Arc::new(Mutex::new(released));
    let (tell, count) = (Arc::clone(&started), Arc::clone(&ran));
    let activities = ActivityRegistry::builder()
        .register("Block", move |_: ActivityContext, _: String| {
            let number = count.fetch_add(1, Ordering::SeqCst) + 1;
            let (tell, released) = (Arc::clone(&tell), Arc::clone(&released));
            async move {
                tell.notify_one();
                let released = released.lock().unwrap().recv_timeout(PATIENCE * 2);
                Ok(format!("run {number} {}", released.is_ok()))
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Block", "").into_activity().await
        })
        .build();
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        worker_lock_timeout: LEASE,
        ..checked()
    };
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, activities, orchestrations, options).await;
    world.begin("i", "Main", "").await;
    within("the start of the activity", started.notified()).await;
    // Longer than the lease, and the node itself would claim it again.
    for _ in 0..6 {
        within("a renewal", renewed_once(&clock, &store)).await;
    }
    release.send(()).unwrap();
    assert_eq!(world.output("i").await, "run 1 true");
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    world.shutdown().await;
}
