//! Leaving in good order.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus, ProviderRef,
};
use tokio::sync::Notify;

use crate::counted::Counted;
use crate::handle::claimable;
use crate::support::{PATIENCE, Text, World, checked, no_activities, pause, until, within};

/// Longer than a test waits for anything.
const LONG_MS: u64 = 600_000;

/// Options of a node whose leases do not pass while a test runs: what it holds goes on elsewhere
/// only if it is given back.
fn long_leases() -> RuntimeOptions {
    RuntimeOptions {
        orchestrator_lock_timeout: Duration::from_millis(LONG_MS),
        worker_lock_timeout: Duration::from_millis(LONG_MS),
        ..checked()
    }
}

fn one_step() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("One", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Step", "").into_activity().await
        })
        .build()
}

/// An activity that tells when it has started, and then does this.
fn step<F, Fut>(started: &Arc<Notify>, then: F) -> ActivityRegistry
where
    F: Fn(ActivityContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Text> + Send + 'static,
{
    let started = Arc::clone(started);
    ActivityRegistry::builder()
        .register("Step", move |ctx: ActivityContext, _: String| {
            started.notify_one();
            then(ctx)
        })
        .build()
}

/// A step that is done at once.
fn done() -> ActivityRegistry {
    step(&Arc::default(), |_| async { Ok("done".to_owned()) })
}

/// A step that tells when it has started and never ends.
fn stubborn(started: &Arc<Notify>) -> ActivityRegistry {
    step(started, |_| std::future::pending())
}

/// A runtime in which the step of an instance has started.
async fn in_its_step(
    store: ProviderRef,
    activities: ActivityRegistry,
    options: RuntimeOptions,
    started: &Notify,
) -> World {
    let world = World::start(store, activities, one_step(), options).await;
    world.begin("i", "One", "").await;
    within("the start of the activity", started.notified()).await;
    world
}

/// What the instance comes to on the next runtime.
async fn outcome_on_the_next(store: ProviderRef, activities: ActivityRegistry) -> String {
    let next = World::start(store, activities, one_step(), checked()).await;
    let outcome = match next.ended("i").await {
        OrchestrationStatus::Completed { output } => output,
        OrchestrationStatus::Failed { details } => details.display_message(),
        other => panic!("{other:?}"),
    };
    next.shutdown().await;
    outcome
}

fn counted() -> Arc<Counted<MemoryProvider>> {
    Arc::new(Counted::new(MemoryProvider::new()))
}

/// Waits until an answer to a claim is held back.
async fn a_claim_is_under_way(store: &Counted<MemoryProvider>) {
    until("a claim under way", async || {
        (store.held_back() > 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_idle_runtime_leaves_at_once() {
    let sqlite = SqliteProvider::new_in_memory().await.unwrap();
    let stores: [ProviderRef; 2] = [Arc::new(MemoryProvider::new()), Arc::new(sqlite)];
    for store in stores {
        let world = World::start(store, no_activities(), one_step(), checked()).await;
        within("shutdown", world.runtime.shutdown(Some(LONG_MS))).await;
    }
}

#[tokio::test]
async fn work_that_ends_in_time_is_waited_for() {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let wait = Arc::clone(&go);
    let activities = step(&started, move |_| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            Ok("done".to_owned())
        }
    });
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = in_its_step(Arc::clone(&store), activities, checked(), &started).await;
    let leaving = tokio::spawn(Arc::clone(&world.runtime).shutdown(Some(5_000)));
    tokio::task::yield_now().await;
    go.notify_one();
    within("shutdown", leaving).await.unwrap();

    // Its outcome was kept: the next runtime does not run it again.
    let never = step(&Arc::default(), |_| async { Err("ran twice".to_owned()) });
    assert_eq!(outcome_on_the_next(store, never).await, "done");
}

#[tokio::test]
async fn a_busy_runtime_leaves_in_time_and_its_work_goes_on_elsewhere_at_once() {
    let started = Arc::new(Notify::new());
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let activities = stubborn(&started);
    let busy = in_its_step(Arc::clone(&store), activities, long_leases(), &started).await;
    let picked_up = Arc::new(Notify::new());
    let quick = step(&picked_up, |_| async { Ok("elsewhere".to_owned()) });
    let other = World::start(store, quick, one_step(), checked()).await;

    // The activity would never end.
    within("shutdown", busy.runtime.shutdown(None)).await;
    within("the released activity", picked_up.notified()).await;
    assert_eq!(other.output("i").await, "elsewhere");
    other.shutdown().await;
}

/// A claim may be under way when the runtime is told to end. What it brings is given back.
#[tokio::test]
async fn what_is_claimed_during_the_shutdown_goes_on_elsewhere_at_once() {
    let store = counted();
    let provider = || Arc::<Counted<MemoryProvider>>::clone(&store);
    let leaving = World::start(provider(), done(), one_step(), long_leases()).await;
    let held = store.hold_back_claims().await;
    leaving.begin("i", "One", "").await;
    a_claim_is_under_way(&store).await;
    let shutdown = tokio::spawn(Arc::clone(&leaving.runtime).shutdown(None));
    pause(20).await;
    drop(held);
    within("shutdown", shutdown).await.unwrap();
    assert_eq!(outcome_on_the_next(provider(), done()).await, "done");
}

/// It is given back when the answer comes, however long the shutdown still waits for other work.
#[tokio::test]
async fn what_is_claimed_during_a_patient_shutdown_goes_on_at_once() {
    let store = counted();
    let provider = || Arc::<Counted<MemoryProvider>>::clone(&store);
    let started = Arc::new(Notify::new());
    let leaving = in_its_step(provider(), stubborn(&started), long_leases(), &started).await;
    let held = store.hold_back_claims().await;
    leaving.begin("other", "One", "").await;
    a_claim_is_under_way(&store).await;
    let shutdown = tokio::spawn(Arc::clone(&leaving.runtime).shutdown(Some(LONG_MS)));
    pause(20).await;
    drop(held);

    let next = World::start(provider(), done(), one_step(), checked()).await;
    assert_eq!(next.output("other").await, "done");
    assert!(!shutdown.is_finished());
    next.shutdown().await;
}

/// A store that does not answer holds a shutdown up for some seconds, not for ever.
#[tokio::test]
async fn a_store_that_hangs_does_not_hold_up_a_shutdown_for_ever() {
    let store = counted();
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let leaving = World::start(provider, no_activities(), one_step(), checked()).await;
    let held = store.hold_back_claims().await;
    leaving.begin("i", "One", "").await;
    a_claim_is_under_way(&store).await;
    let shutdown = leaving.runtime.shutdown(Some(0));
    let left = tokio::time::timeout(Duration::from_secs(30), shutdown).await;
    assert!(left.is_ok());
    drop(held);
}

#[tokio::test]
async fn an_aborted_runtime_leaves_at_once_though_busy() {
    let started = Arc::new(Notify::new());
    let store = Arc::new(MemoryProvider::new());
    let world = in_its_step(store, stubborn(&started), checked(), &started).await;
    within("an abort", world.runtime.shutdown(Some(0))).await;
}

#[tokio::test]
async fn nothing_runs_after_the_shutdown() {
    let started = Arc::new(Notify::new());
    let activities = step(&started, |_| async { Ok("done".to_owned()) });
    let world = World::start(
        Arc::new(MemoryProvider::new()),
        activities,
        one_step(),
        checked(),
    )
    .await;
    within("shutdown", Arc::clone(&world.runtime).shutdown(None)).await;
    world.begin("i", "One", "").await;
    let ran = tokio::time::timeout(Duration::from_millis(50), started.notified()).await;
    assert!(ran.is_err());
    assert_eq!(world.history("i").await.len(), 0);
    assert_eq!(
        Arc::strong_count(&world.runtime),
        1,
        "no task holds the runtime any more"
    );
}

/// An activity that was leased, and whose task has not run when the runtime is aborted, is given
/// back: its lease would rest for half a minute.
#[tokio::test]
async fn what_was_leased_and_never_begun_is_given_back() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let leaving = World::start(Arc::clone(&store), done(), one_step(), long_leases()).await;
    leaving.begin("i", "One", "").await;
    // This thread is the executor of activities. While it does not yield, the turn runs on a thread
    // of the runtime's own, and the activity that it leases cannot begin.
    let (_sender, receiver) = std::sync::mpsc::channel::<()>();
    receiver.recv_timeout(Duration::from_millis(100)).ok();
    within("an abort", leaving.runtime.shutdown(Some(0))).await;
    assert_eq!(outcome_on_the_next(store, done()).await, "done");
}

/// What an activity returns that heard of the shutdown, knows it for one and ended well is its
/// outcome.
#[tokio::test]
async fn an_activity_that_ends_well_and_knows_of_the_shutdown_has_ended() {
    let started = Arc::new(Notify::new());
    let activities = step(&started, |ctx| async move {
        ctx.cancelled().await;
        assert!(ctx.is_shutting_down());
        Ok("in time".to_owned())
    });
    assert_eq!(outcome_after(started, activities).await, "in time");
}

/// One that was merely told to end may have returned what it had. It is run again.
#[tokio::test]
async fn an_activity_that_ends_well_when_it_is_told_is_run_again() {
    let (started, other_started) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = step(&started, |ctx| async move {
        ctx.cancelled().await;
        Ok("part of it".to_owned())
    });
    let outcome = outcome_after(started, waits).await;
    assert_eq!(outcome, "run again, attempt 2");
    let asks = step(&other_started, |ctx| async move {
        while !ctx.is_cancelled() {
            pause(1).await;
        }
        Ok("part of it".to_owned())
    });
    let outcome = outcome_after(other_started, asks).await;
    assert_eq!(outcome, "run again, attempt 2");
}

/// The outcome of one that does not know of it counts, though it ends during the shutdown.
#[tokio::test]
async fn an_activity_that_fails_and_was_not_told_has_failed() {
    let (started, go) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let wait = Arc::clone(&go);
    let activities = step(&started, move |_| {
        let wait = Arc::clone(&wait);
        async move {
            wait.notified().await;
            Err("failed by itself".to_owned())
        }
    });
    go.notify_one();
    assert_eq!(outcome_after(started, activities).await, "failed by itself");
}

/// But that of one that was told is none: it is run again.
#[tokio::test]
async fn an_activity_that_fails_when_it_is_told_is_run_again() {
    let started = Arc::new(Notify::new());
    let activities = step(&started, |ctx| async move {
        ctx.cancelled().await;
        Err("told to end".to_owned())
    });
    let outcome = outcome_after(started, activities).await;
    assert_eq!(outcome, "run again, attempt 2");
}

/// Shuts a runtime down while its activity runs, and answers what the instance comes to on the next
/// one.
async fn outcome_after(started: Arc<Notify>, activities: ActivityRegistry) -> String {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = in_its_step(Arc::clone(&store), activities, checked(), &started).await;
    within("shutdown", world.runtime.shutdown(Some(60_000))).await;
    let again = step(&started, |ctx| async move {
        Ok(format!("run again, attempt {}", ctx.attempt()))
    });
    outcome_on_the_next(store, again).await
}

/// Lets this happen to a step that never waits, and tells of what it hears and of its end.
fn beside_a_step_that_is_always_ready<Fut: Future<Output = ()>>(
    options: RuntimeOptions,
    then: impl FnOnce(World, Told) -> Fut + Send + 'static,
) {
    let (send, ended) = std::sync::mpsc::channel();
    // On a thread of its own, since one that cannot be aborted would never give it back.
    std::thread::spawn(move || {
        let executor = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        executor.block_on(async {
            let (started, told) = (Arc::new(Notify::new()), Told::default());
            let tell = told.clone();
            let ready = step(&started, move |ctx| {
                let tell = tell.clone();
                async move {
                    let _dropped = Dropped(Arc::clone(&tell.dropped));
                    let always = tokio::sync::Semaphore::new(1);
                    loop {
                        drop(always.acquire().await.unwrap());
                        if ctx.is_cancelled() {
                            tell.heard.notify_one();
                        }
                    }
                }
            });
            let store = Arc::new(MemoryProvider::new());
            then(in_its_step(store, ready, options, &started).await, told).await;
        });
        send.send(()).unwrap();
    });
    ended.recv_timeout(PATIENCE).unwrap();
}

/// What becomes of a step.
#[derive(Clone, Default)]
struct Told {
    heard: Arc<Notify>,
    dropped: Arc<Notify>,
}

/// Tells when it is dropped.
struct Dropped(Arc<Notify>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// An activity that never waits shares its executor all the same: it hears of the shutdown and is
/// aborted.
#[test]
fn an_activity_that_is_always_ready_is_told_and_aborted() {
    beside_a_step_that_is_always_ready(checked(), async |world, told| {
        let shutdown = tokio::spawn(Arc::clone(&world.runtime).shutdown(Some(1_000)));
        within("the word of it", told.heard.notified()).await;
        within("shutdown", shutdown).await.unwrap();
    });
}

/// The same for a cancellation, which leaves the runtime at work.
#[test]
fn an_activity_that_is_always_ready_is_cancelled() {
    let options = RuntimeOptions {
        activity_cancellation_grace: Duration::from_millis(50),
        ..checked()
    };
    beside_a_step_that_is_always_ready(options, async |world, told| {
        world.client.cancel_instance("i", "enough").await.unwrap();
        within("the word of it", told.heard.notified()).await;
        within("its end", told.dropped.notified()).await;
        let details = world.failure("i").await;
        assert_eq!(details.display_message(), "canceled: enough");
        world.shutdown().await;
    });
}

/// A shutdown whose future is dropped goes on, and another one waits for it.
#[tokio::test]
async fn a_shutdown_that_is_not_waited_for_ends_all_the_same() {
    let started = Arc::new(Notify::new());
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let activities = stubborn(&started);
    let world = in_its_step(Arc::clone(&store), activities, checked(), &started).await;
    let first = Arc::clone(&world.runtime).shutdown(Some(1));
    let dropped = tokio::time::timeout(Duration::ZERO, first).await;
    assert!(dropped.is_err(), "it takes a moment");
    within(
        "shutdown",
        Arc::clone(&world.runtime).shutdown(Some(60_000)),
    )
    .await;
    assert_eq!(claimable(&*store).await, 1);
}
