//! Histories that grow beyond their cap.

use std::sync::Arc;

use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
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
        "fan-out" => {
            let all = (0..100)
                .map(|_| ctx.schedule_activity("Echo", ""))
                .collect();
            ctx.join(all).await;
            Ok("joined".to_owned())
        }
        // This one never awaits, so that nothing but the context can stop it.
        "starts" => {
            for _ in 0..1_000 {
                ctx.schedule_orchestration("Echo", "same", "");
            }
            Ok("done".to_owned())
        }
        "events" => loop {
            ctx.schedule_wait("Event").into_event().await;
        },
        other => Ok(other.to_owned()),
    }
}

async fn world(options: RuntimeOptions) -> World {
    let store = MemoryProvider::with_options(MemoryOptions::default().history_events_max(CAP));
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Endless", endless)
        .build();
    World::start(Arc::new(store), activities, orchestrations, options).await
}

/// Each way to grow fails its run at the cap, with the end recorded.
async fn all_are_capped(options: RuntimeOptions) {
    let world = world(options).await;
    for what in ["guids", "activities", "fan-out", "starts"] {
        world.begin(what, "Endless", what).await;
    }
    world.begin("events", "Endless", "events").await;
    for number in 0..CAP {
        // The run may have failed by then.
        world
            .client
            .raise_event("events", "Event", number.to_string())
            .await
            .ok();
    }
    for what in ["guids", "activities", "fan-out", "starts", "events"] {
        let message = world.failure(what).await.display_message();
        let says_what_to_do = message.contains("20") && message.contains("continue_as_new");
        assert!(says_what_to_do, "{what}: {message}");
        let history = world.history(what).await;
        assert!(
            history.len() as u64 <= CAP,
            "{what} has {} events",
            history.len()
        );
        let last = &history.last().unwrap().kind;
        assert!(
            matches!(last, EventKind::OrchestrationFailed { .. }),
            "{what}: {last:?}"
        );
    }
    assert_eq!(world.run("healthy", "Endless", "fine").await, "fine");
    world.shutdown().await;
}

#[tokio::test]
async fn each_kind_of_growth_fails_the_run_at_the_cap() {
    all_are_capped(RuntimeOptions::default()).await;
}

#[tokio::test]
async fn so_it_does_for_instances_that_are_not_kept_warm() {
    all_are_capped(RuntimeOptions {
        warm_instances_max: 0,
        ..RuntimeOptions::default()
    })
    .await;
}

#[tokio::test]
async fn so_it_does_under_shadow_replay() {
    all_are_capped(checked()).await;
}

#[tokio::test]
async fn the_default_cap_is_1024() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Endless", endless)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;
    let message = world
        .run_failing("guids", "Endless", "guids")
        .await
        .display_message();
    assert!(
        message.contains("1024") && message.contains("continue_as_new"),
        "{message}"
    );
    let events = world.history("guids").await.len();
    assert!(events <= 1_024, "{events}");
    world.shutdown().await;
}
