//! A thousand shutdowns under load: none leaves a lease behind.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::providers::{ClaimActivities, ClaimTurns, Provider, TaskQueue};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, within};

const INSTANCES: usize = 6;
const ROUNDS: usize = 50;
/// What a shutdown waits for work in flight, in milliseconds.
const PATIENCES_MS: [u64; 3] = [0, 1, 20];
/// More than there is.
const EVERYTHING: usize = 100;

/// More rounds of quick activities than a runtime gets through before it leaves.
async fn busy(ctx: OrchestrationContext, _: String) -> Text {
    for round in 0..ROUNDS {
        let work = |number| ctx.schedule_activity("Quick", format!("{round}.{number}"));
        ctx.join((0..3).map(work).collect()).await;
        ctx.schedule_activity("Quick", "").into_activity().await?;
    }
    Ok("done".to_owned())
}

fn code() -> (ActivityRegistry, OrchestrationRegistry) {
    let activities = ActivityRegistry::builder()
        .register("Quick", |_: ActivityContext, input: String| async move {
            tokio::task::yield_now().await;
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Busy", busy)
        .build();
    (activities, orchestrations)
}

/// Everything that is there can be claimed, so that nobody holds any of it.
async fn nothing_is_held(store: &dyn Provider, world: &World, which: &str) {
    let turns = ClaimTurns {
        messages_max: EVERYTHING,
        bytes_max: usize::MAX,
        ..ClaimTurns::new(
            vec![TaskQueue::default()],
            EVERYTHING,
            Duration::from_secs(60),
        )
    };
    let activities = ClaimActivities::new(
        vec![TaskQueue::default()],
        EVERYTHING,
        Duration::from_secs(60),
    );
    let depths = world.client.get_queue_depths().await.unwrap();
    let turns = store.claim_turns(&turns).await.unwrap().items;
    let messages: usize = turns.iter().map(|turn| turn.messages.len()).sum();
    assert_eq!(messages, depths.orchestrator_queue, "turns, {which}");
    let activities = store.claim_activities(&activities).await.unwrap().items;
    assert_eq!(activities.len(), depths.worker_queue, "activities, {which}");
    for turn in &turns {
        assert_eq!(turn.attempt, 1, "{which}: {turn:?}");
    }
    for activity in &activities {
        assert!(activity.attempt <= 2, "{which}: {activity:?}");
    }
}

/// Starts a runtime under load and shuts it down a moment later, which is not the same for any two.
async fn one(store: Arc<dyn Provider>, number: usize) {
    let (activities, orchestrations) = code();
    let options = RuntimeOptions::default();
    let world = World::start(Arc::clone(&store), activities, orchestrations, options).await;
    for instance in 0..INSTANCES {
        world.begin(&instance.to_string(), "Busy", "").await;
    }
    for _ in 0..number * 7 % 150 {
        tokio::task::yield_now().await;
    }
    let patience_ms = PATIENCES_MS[number % PATIENCES_MS.len()];
    let shutdown = Arc::clone(&world.runtime).shutdown(Some(patience_ms));
    within("a shutdown", shutdown).await;
    let which = format!("shutdown {number} with {patience_ms} ms");
    nothing_is_held(&*store, &world, &which).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_shutdowns_leave_no_lease() {
    for number in 0..1_000 {
        one(Arc::new(MemoryProvider::new()), number).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_hundred_shutdowns_on_sqlite_leave_no_lease() {
    for number in 0..300 {
        let store = SqliteProvider::new_in_memory().await.unwrap();
        one(Arc::new(store), number).await;
    }
}
