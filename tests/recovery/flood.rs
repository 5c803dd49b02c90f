//! More work than a runtime can do: it waits in the store, and not in the runtime.

use std::sync::Arc;

use duroxide::limits::{TURN_BYTES_MAX, TURN_MESSAGES_MAX};
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::providers::{ErrorKind, Limits, Provider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, ClientError, OrchestrationContext, OrchestrationRegistry};
use tokio::sync::Semaphore;

use crate::counted::Counted;
use crate::support::{World, checked, no_activities, until};

const TURNS_MAX: usize = 8;
const ACTIVITIES_MAX: usize = 4;
const INSTANCES: usize = 100;
const EVENTS: usize = 5;

/// Its activity, and then all of its events.
async fn flooded(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let echo = ctx.schedule_activity("Blocked", input).into_activity();
    let bytes = echo.await?.len();
    for _ in 0..EVENTS {
        ctx.schedule_wait("E").into_event().await;
    }
    Ok(bytes.to_string())
}

#[tokio::test]
async fn a_flood_waits_in_the_store() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let gate = Arc::new(Semaphore::new(0));
    let at_gate = Arc::clone(&gate);
    let activities = ActivityRegistry::builder()
        .register("Blocked", move |_: ActivityContext, input: String| {
            let gate = Arc::clone(&at_gate);
            async move {
                drop(gate.acquire().await.unwrap());
                Ok(input)
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Flooded", flooded)
        .build();
    let options = RuntimeOptions {
        orchestration_concurrency: TURNS_MAX,
        worker_concurrency: ACTIVITIES_MAX,
        warm_instances_max: 16,
        ..RuntimeOptions::default()
    };
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, activities, orchestrations, options).await;
    let (large, small) = ("x".repeat(32 * 1024), "x".repeat(1024));
    for number in 0..INSTANCES {
        let id = format!("instance {number}");
        world.begin(&id, "Flooded", &large).await;
        for _ in 0..EVENTS {
            world.raise(&id, "E", &small).await;
        }
    }
    // Everything is taken in, up to the activities.
    until("the turns to be done", async || {
        let depths = world.client.get_queue_depths().await.unwrap();
        let load = store.load();
        (depths.orchestrator_queue == 0 && load.turns == 0).then_some(())
    })
    .await;
    let load = store.load();
    assert!((1..=TURNS_MAX).contains(&load.turns_max), "{load:?}");
    assert_eq!(load.activities, ACTIVITIES_MAX, "{load:?}");
    assert!(load.messages_max <= TURN_MESSAGES_MAX, "{load:?}");
    assert!(load.bytes_max <= TURN_BYTES_MAX, "{load:?}");
    let depths = world.client.get_queue_depths().await.unwrap();
    assert_eq!(depths.worker_queue, INSTANCES);

    gate.add_permits(1);
    for number in 0..INSTANCES {
        let output = world.output(&format!("instance {number}")).await;
        assert_eq!(output, large.len().to_string());
    }
    let load = store.load();
    assert!(load.turns_max <= TURNS_MAX, "{load:?}");
    assert_eq!(load.activities_max, ACTIVITIES_MAX, "{load:?}");
    world.shutdown().await;
}

/// Without a runtime a mailbox fills up. A runtime that comes works through it, and there is room.
async fn a_mailbox_fills_up_on(store: Arc<dyn Provider>) {
    let client = Client::new(Arc::clone(&store));
    client.start_orchestration("i", "Count", "").await.unwrap();
    let max = store.capabilities().limits.topic_messages_max;
    for number in 1..=max {
        let sent = client.raise_event("i", "E", number.to_string()).await;
        sent.unwrap();
    }
    let is_refused = |sent: Result<(), ClientError>| {
        matches!(sent, Err(ClientError::Provider(error))
            if error.kind() == ErrorKind::LimitExceeded
                && format!("{error:?}").contains("topic_messages_max"))
    };
    assert!(is_refused(client.raise_event("i", "E", "").await));
    let another = client.start_orchestration("j", "Count", "").await;
    another.unwrap();

    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Count",
            move |ctx: OrchestrationContext, _: String| async move {
                let mut sum = 0;
                for _ in 1..=max {
                    let number = ctx.schedule_wait("E").into_event().await;
                    sum += number.parse::<usize>().map_err(|error| error.to_string())?;
                }
                let last = ctx.schedule_wait("Last").into_event().await;
                Ok(format!("{sum} {last}"))
            },
        )
        .build();
    let world = World::start(store, no_activities(), orchestrations, checked()).await;
    world.waits_for("i", "Last").await;
    world.raise("i", "Last", "done").await;
    let sum = max * (max + 1) / 2;
    assert_eq!(world.output("i").await, format!("{sum} done"));
    world.shutdown().await;
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.topic_messages_max = 50;
    limits
}

#[tokio::test]
async fn a_full_mailbox_in_memory_refuses_clients_until_there_is_room() {
    let options = MemoryOptions::default().limits(limits());
    a_mailbox_fills_up_on(Arc::new(MemoryProvider::with_options(options))).await;
}

#[tokio::test]
async fn a_full_mailbox_on_sqlite_refuses_clients_until_there_is_room() {
    let options = SqliteOptions::default().limits(limits());
    let store = SqliteProvider::new_in_memory_with_options(Some(options));
    a_mailbox_fills_up_on(Arc::new(store.await.unwrap())).await;
}
