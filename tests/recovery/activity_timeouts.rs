//! Activities that are out of time, as their orchestrations see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::ErrorKind;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, ActivityOptions, OrchestrationContext, OrchestrationRegistry};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};
use tokio::sync::Notify;

use crate::support::{World, checked, until, within};

/// Much shorter than the leases, which go by the same clock.
const LIMIT: Duration = Duration::from_secs(1);

fn limited(options: ActivityOptions) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Limited", move |ctx: OrchestrationContext, _: String| {
            let options = options.clone();
            async move {
                let work = ctx.schedule_activity_with_options("Work", "", options);
                let ended = work.into_activity().await;
                let after = ctx.schedule_activity("After", "").into_activity().await?;
                Ok(format!("{ended:?}, {after}"))
            }
        })
        .build()
}

fn clock() -> ManualClock {
    ManualClock::at_ms(1_700_000_000_000)
}

/// The orchestration goes on with the failure though the activity takes no notice, and what the
/// activity returns in the end is nobody's business.
#[tokio::test]
async fn an_orchestration_goes_on_with_the_timeout_of_an_activity() {
    let clock = clock();
    let (begun, go, returned) = (
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
        Arc::new(Notify::new()),
    );
    let (begins, goes, returns) = (Arc::clone(&begun), Arc::clone(&go), Arc::clone(&returned));
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _: String| {
            let (begins, goes, returns) =
                (Arc::clone(&begins), Arc::clone(&goes), Arc::clone(&returns));
            count.fetch_add(1, Ordering::SeqCst);
            async move {
                begins.notify_one();
                goes.notified().await;
                assert!(ctx.is_cancelled());
                returns.notify_one();
                Ok("too late".to_owned())
            }
        })
        .register("After", |_: ActivityContext, _: String| async {
            Ok("after".to_owned())
        })
        .build();
    let options = ActivityOptions::new().with_start_to_close(LIMIT);
    let world = World::on_manual_time(&clock, activities, limited(options)).await;
    world.begin("i", "Limited", "").await;
    within("the activity", begun.notified()).await;
    clock.advance(LIMIT);
    assert_eq!(
        world.output("i").await,
        r#"Err("timeout: activity timed out"), after"#
    );
    go.notify_one();
    within("its late end", returned.notified()).await;
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    world.shutdown().await;
}

/// Heartbeats hold the timeout off, and code that blocks its thread sends none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_activity_that_blocks_its_thread_misses_its_heartbeat() {
    let clock = clock();
    let begun = Arc::new(Notify::new());
    let begins = Arc::clone(&begun);
    let (beats, is_open) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let (beaten, opened, time) = (Arc::clone(&beats), Arc::clone(&is_open), clock.clone());
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _: String| {
            let (begins, beats) = (Arc::clone(&begins), Arc::clone(&beaten));
            let (is_open, clock) = (Arc::clone(&opened), time.clone());
            async move {
                for _ in 0..10 {
                    clock.advance(LIMIT / 2);
                    ctx.heartbeat();
                    beats.fetch_add(1, Ordering::SeqCst);
                }
                begins.notify_one();
                while !is_open.load(Ordering::SeqCst) {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                Ok("too late".to_owned())
            }
        })
        .register("After", |_: ActivityContext, _: String| async {
            Ok("after".to_owned())
        })
        .build();
    let options = ActivityOptions::new().with_heartbeat(LIMIT);
    let world = World::on_manual_time(&clock, activities, limited(options)).await;
    world.begin("i", "Limited", "").await;
    within("the activity", begun.notified()).await;
    clock.advance(LIMIT);
    let output = world.output("i").await;
    is_open.store(true, Ordering::SeqCst);
    assert_eq!(
        output,
        r#"Err("timeout: activity missed its heartbeat"), after"#
    );
    assert_eq!(beats.load(Ordering::SeqCst), 10);
    world.shutdown().await;
}

/// The activity ends as soon as it is told that it is out of time, while the store fails. That it was
/// out of time is recorded when the store succeeds again, and the activity is not run again.
#[tokio::test]
async fn a_timeout_is_kept_until_it_is_recorded() {
    let store = Arc::new(Faulty::new(Arc::new(MemoryProvider::new())));
    let runs = Arc::new(AtomicU32::new(0));
    let (count, away) = (Arc::clone(&runs), Arc::clone(&store));
    let activities = ActivityRegistry::builder()
        .register("Work", move |ctx: ActivityContext, _: String| {
            count.fetch_add(1, Ordering::SeqCst);
            away.set_faults([Fault {
                operation: Operation::Commit,
                when: When::FromNth(1),
                effect: Effect::FailBefore(ErrorKind::Config),
            }]);
            async move {
                ctx.cancelled().await;
                Err("told".to_owned())
            }
        })
        .register("After", |_: ActivityContext, _: String| async move {
            Ok("after".to_owned())
        })
        .build();
    let options = ActivityOptions::new().with_start_to_close(Duration::from_millis(50));
    let provider = Arc::<Faulty<MemoryProvider>>::clone(&store);
    let world = World::start(provider, activities, limited(options), checked()).await;
    world.begin("i", "Limited", "").await;
    until("some failures", async || {
        (store.faults() >= 3).then_some(())
    })
    .await;

    store.set_faults([]);

    let output = world.output("i").await;
    assert!(output.contains("activity timed out"), "{output}");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    world.shutdown().await;
}
