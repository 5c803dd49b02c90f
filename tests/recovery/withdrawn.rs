//! What is scheduled and loses a selection within one turn is neither created nor left behind.

use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::{ClaimTurns, InstanceId, Provider as _, ReadHistory, TaskQueue};
use duroxide::runtime::RuntimeOptions;
use duroxide::{Client, DurableFuture, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, checked, no_activities, types};

const HOUR: Duration = Duration::from_hours(1);

/// Two events lie in the inbox: the first lets the instance schedule something, which the second
/// outruns within the same turn. Answers the history, the instances, and how many of them have
/// anything to do two hours later.
async fn outrun(
    schedule: impl Fn(&OrchestrationContext) -> DurableFuture + Copy + Send + Sync + 'static,
) -> (Vec<String>, Vec<String>, usize) {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = Arc::new(MemoryProvider::with_options(options));
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let client = Client::with_clock(provider(), Arc::new(clock.clone()));
    client.start_orchestration("i", "Main", "").await.unwrap();
    for event in ["approve", "abort"] {
        client.raise_event("i", event, "").await.unwrap();
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", move |ctx, _| main(ctx, schedule))
        .register("Child", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Never").into_event().await)
        })
        .build();
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        ..checked()
    };
    let world = World::start(provider(), no_activities(), orchestrations, options).await;
    world.waits_for("i", "Go").await;
    let history = types(&world.history("i").await);
    assert_eq!(turns_of(&store).await, 1, "{history:?}");
    let instances = world.client.list_all_instances().await.unwrap();
    world.shutdown().await;

    clock.advance(2 * HOUR);
    let request = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 10, Duration::from_secs(60))
    };
    let left = store.claim_turns(&request).await.unwrap().items.len();
    (history, instances, left)
}

async fn main(
    ctx: OrchestrationContext,
    schedule: impl Fn(&OrchestrationContext) -> DurableFuture + Send,
) -> Text {
    ctx.schedule_wait("approve").into_event().await;
    let loser = schedule(&ctx);
    let abort = ctx.schedule_wait("abort");
    let (first, _) = ctx.select2(loser, abort).await;
    // It lives on, so that what it has left behind would come.
    ctx.schedule_wait("Go").into_event().await;
    Ok(first.to_string())
}

/// How many turns the instance's history was written by.
async fn turns_of(store: &MemoryProvider) -> usize {
    let request = ReadHistory {
        instance: InstanceId::new("i").unwrap(),
        execution: 1,
        from_event_id: 1,
        bytes_max: 1_000_000,
    };
    store.read_history(&request).await.unwrap().chunks.len()
}

#[tokio::test]
async fn a_timer_that_is_outrun_within_its_turn_never_fires() {
    let (history, _, left) = outrun(|ctx| ctx.schedule_timer(HOUR)).await;
    assert!(history.contains(&"TimerCreated".to_owned()), "{history:?}");
    assert_eq!(left, 0);
}

#[tokio::test]
async fn a_child_that_is_outrun_within_its_turn_is_never_created() {
    let (history, instances, left) =
        outrun(|ctx| ctx.schedule_sub_orchestration("Child", "")).await;
    let scheduled = "SubOrchestrationScheduled".to_owned();
    assert!(history.contains(&scheduled), "{history:?}");
    assert_eq!(instances, ["i"]);
    assert_eq!(left, 0);
}
