//! A store that outlives its runtime.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, ErrorDetails, OrchestrationContext, OrchestrationRegistry, PoisonMessageType,
};
use tokio::sync::Notify;

use crate::support::{Text, World, checked, types, within};

/// Steps that count how often they ran.
fn counting(ran: &Arc<AtomicU32>) -> ActivityRegistry {
    let ran = Arc::clone(ran);
    ActivityRegistry::builder()
        .register("Step", move |_: ActivityContext, name: String| {
            let number = ran.fetch_add(1, Ordering::SeqCst) + 1;
            async move { Ok(format!("{name}{number}")) }
        })
        .build()
}

fn two_steps() -> OrchestrationRegistry {
    async fn two_steps(ctx: OrchestrationContext, _input: String) -> Text {
        let one = ctx.schedule_activity("Step", "a").into_activity().await?;
        let guid = ctx.new_guid().await?;
        let go = ctx.schedule_wait("Go").into_event().await;
        let two = ctx.schedule_activity("Step", "b").into_activity().await?;
        Ok(format!("{one} {go} {two} {}", guid.len()))
    }
    OrchestrationRegistry::builder()
        .register("Two", two_steps)
        .build()
}

const WHOLE_HISTORY: [&str; 9] = [
    "OrchestrationStarted",
    "ActivityScheduled",
    "ActivityCompleted",
    "SystemCall",
    "ExternalSubscribed",
    "ExternalEvent",
    "ActivityScheduled",
    "ActivityCompleted",
    "OrchestrationCompleted",
];

#[tokio::test]
async fn an_instance_goes_on_after_its_runtime_was_aborted() {
    let ran = Arc::new(AtomicU32::new(0));
    let store = Arc::new(MemoryProvider::new());
    let first = World::start(
        Arc::<MemoryProvider>::clone(&store),
        counting(&ran),
        two_steps(),
        checked(),
    )
    .await;
    first.begin("two", "Two", "").await;
    first.waits_for("two", "Go").await;
    within("an abort", first.runtime.shutdown(Some(0))).await;

    let second = World::start(store, counting(&ran), two_steps(), checked()).await;
    second.raise("two", "Go", "on").await;
    assert_eq!(second.output("two").await, "a1 on b2 36");
    assert_eq!(types(&second.history("two").await), WHOLE_HISTORY);
    second.shutdown().await;
}

#[tokio::test]
async fn an_instance_goes_on_from_the_store_as_a_crash_left_it() {
    let ran = Arc::new(AtomicU32::new(0));
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Arc::new(MemoryProvider::with_options(options));
    let on_clock = || RuntimeOptions {
        clock: Arc::new(clock.clone()),
        ..checked()
    };
    let first = World::start(
        Arc::<MemoryProvider>::clone(&store),
        counting(&ran),
        two_steps(),
        on_clock(),
    )
    .await;
    first.begin("two", "Two", "").await;
    first.waits_for("two", "Go").await;
    let left_behind = store.fork();
    let second = World::start(
        Arc::new(left_behind),
        counting(&ran),
        two_steps(),
        on_clock(),
    )
    .await;
    // Whatever the first one held when it crashed has expired by now.
    clock.advance(Duration::from_secs(60));
    second.raise("two", "Go", "on").await;
    assert_eq!(second.output("two").await, "a1 on b2 36");
    assert_eq!(types(&second.history("two").await), WHOLE_HISTORY);

    // The two stores are independent: the first one still waits.
    assert_eq!(first.history("two").await.len(), 5);
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn work_that_was_committed_and_not_done_is_done_after_a_crash() {
    let (started, store) = (Arc::new(Notify::new()), Arc::new(MemoryProvider::new()));
    let tell = Arc::clone(&started);
    let hanging = ActivityRegistry::builder()
        .register("Step", move |_: ActivityContext, _: String| {
            let tell = Arc::clone(&tell);
            async move {
                tell.notify_one();
                std::future::pending::<Text>().await
            }
        })
        .build();
    let first = World::start(
        Arc::<MemoryProvider>::clone(&store),
        hanging,
        two_steps(),
        checked(),
    )
    .await;
    first.begin("two", "Two", "").await;
    within("the start of the activity", started.notified()).await;
    within("an abort", first.runtime.shutdown(Some(0))).await;

    let ran = Arc::new(AtomicU32::new(0));
    let second = World::start(store, counting(&ran), two_steps(), checked()).await;
    second.raise("two", "Go", "on").await;
    assert_eq!(second.output("two").await, "a1 on b2 36");
    second.shutdown().await;
}

#[tokio::test]
async fn an_activity_that_keeps_killing_its_process_is_poison() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let mut store = Arc::new(MemoryProvider::with_options(options));
    let started = Arc::new(Notify::new());
    let mut crashed = Vec::new();
    for attempt in 1..=5 {
        let tell = Arc::clone(&started);
        let deadly = ActivityRegistry::builder()
            .register("Step", move |_: ActivityContext, _: String| {
                let tell = Arc::clone(&tell);
                async move {
                    tell.notify_one();
                    std::future::pending::<Text>().await
                }
            })
            .build();
        let options = RuntimeOptions {
            clock: Arc::new(clock.clone()),
            max_attempts: 2,
            ..checked()
        };
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = World::start(provider, deadly, two_steps(), options).await;
        if attempt == 1 {
            world.begin("two", "Two", "").await;
        }
        if attempt == 5 {
            let details = world.failure("two").await;
            assert!(
                matches!(
                    &details,
                    ErrorDetails::Application { message, .. }
                        if message == "poison: activity Step#2 exceeded 3 attempts (max 2)"
                ) || matches!(
                    &details,
                    ErrorDetails::Poison {
                        attempt_count: 3,
                        max_attempts: 2,
                        message_type: PoisonMessageType::Activity { activity_id: 2, .. },
                        ..
                    }
                ),
                "{details:?}"
            );
            world.shutdown().await;
            break;
        }
        within("the start of the activity", started.notified()).await;
        // The process dies here: its store lives on as it is, and its leases run out.
        store = Arc::new(store.fork());
        within("an abort", world.runtime.shutdown(Some(0))).await;
        clock.advance(Duration::from_secs(60));
        crashed.push(attempt);
    }
    // Two that may have been anybody's, and two that were its own.
    assert_eq!(crashed, [1, 2, 3, 4]);
}

#[tokio::test]
async fn two_runtimes_share_a_store_and_one_of_them_leaves() {
    let ran = Arc::new(AtomicU32::new(0));
    let store = Arc::new(MemoryProvider::new());
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let one = World::start(provider(), counting(&ran), two_steps(), checked()).await;
    let other = World::start(provider(), counting(&ran), two_steps(), checked()).await;
    for number in 0..20 {
        one.begin(&format!("two-{number}"), "Two", "").await;
    }
    for number in 0..20 {
        other.waits_for(&format!("two-{number}"), "Go").await;
    }
    for number in 0..20 {
        other.raise(&format!("two-{number}"), "Go", "on").await;
        if number == 10 {
            within("shutdown", Arc::clone(&one.runtime).shutdown(None)).await;
        }
    }
    for number in 0..20 {
        let instance = format!("two-{number}");
        assert!(other.output(&instance).await.contains(" on "));
        assert_eq!(types(&other.history(&instance).await), WHOLE_HISTORY);
    }
    assert_eq!(ran.load(Ordering::SeqCst), 40);
    other.shutdown().await;
}
