//! Histories that grow beyond their cap.

use std::sync::Arc;

use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, EventKind, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, checked, no_activities};

const CAP: u64 = 20;

async fn endless(ctx: OrchestrationContext, what: String) -> Text {
    match &*what {
        "guids" => loop {
            drop(ctx.new_guid().await);
        },
        "activities" => loop {
            ctx.schedule_activity("Echo", "").into_activity().await?;
        },
        "starts" => loop {
            ctx.schedule_orchestration("Echo", "same", "");
        },
        "fan-out" => {
            let all = (0..100)
                .map(|_| ctx.schedule_activity("Echo", ""))
                .collect();
            ctx.join(all).await;
            Ok("joined".to_owned())
        }
        "events" => loop {
            ctx.schedule_wait("Event").into_event().await;
        },
        other => Ok(other.to_owned()),
    }
}

async fn world() -> World {
    let store = MemoryProvider::with_options(MemoryOptions::default().history_events_max(CAP));
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Endless", endless)
        .build();
    World::start(Arc::new(store), activities, orchestrations, checked()).await
}

async fn assert_capped(world: &World, instance: &str) {
    let message = world.failure(instance).await.display_message();
    assert!(
        message.contains("20") && message.contains("continue_as_new"),
        "{instance}: {message}"
    );
    let history = world.history(instance).await;
    assert!(
        history.len() as u64 <= CAP,
        "{instance} has {} events",
        history.len()
    );
    assert!(
        matches!(
            history.last().unwrap().kind,
            EventKind::OrchestrationFailed { .. }
        ),
        "{instance}"
    );
}

#[tokio::test]
async fn each_kind_of_growth_fails_the_run_at_the_cap() {
    let world = world().await;
    for what in ["guids", "activities", "fan-out"] {
        world.begin(what, "Endless", what).await;
        assert_capped(&world, what).await;
    }
    assert_eq!(world.run("healthy", "Endless", "fine").await, "fine");
    world.shutdown().await;
}

/// This loop never awaits, so that nothing but the context can end it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_loop_of_detached_starts_fails_or_is_cut_off() {
    async fn bounded(ctx: OrchestrationContext, _input: String) -> Text {
        for _ in 0..1_000 {
            ctx.schedule_orchestration("Echo", "same", "");
        }
        Ok("done".to_owned())
    }
    let store = MemoryProvider::with_options(MemoryOptions::default().history_events_max(CAP));
    let orchestrations = OrchestrationRegistry::builder()
        .register("Bounded", bounded)
        .build();
    let world = World::start(Arc::new(store), no_activities(), orchestrations, checked()).await;
    world.begin("starts", "Bounded", "").await;
    assert_capped(&world, "starts").await;
    world.shutdown().await;
}

#[tokio::test]
async fn events_from_outside_fail_the_run_at_the_cap() {
    let world = world().await;
    world.begin("events", "Endless", "events").await;
    for number in 0..CAP {
        // The run may have failed by then.
        if world
            .client
            .raise_event("events", "Event", number.to_string())
            .await
            .is_err()
        {
            break;
        }
    }
    assert_capped(&world, "events").await;
    world.shutdown().await;
}

#[tokio::test]
async fn the_default_cap_is_1024() {
    let activities = no_activities();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Endless", endless)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;
    let message = world
        .run_failing("guids", "Endless", "guids")
        .await
        .display_message();
    assert!(message.contains("1024"), "{message}");
    let events = world.history("guids").await.len();
    assert!(events <= 1_024, "{events}");
    world.shutdown().await;
}
