//! Payloads over the limit, at each door: a typed failure, no hang, and the next one works.

use std::sync::Arc;

use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::{ErrorKind, Limits};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, ClientError, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, checked};

const BODY_BYTES_MAX: usize = 8 * 1024;

fn large() -> String {
    "x".repeat(2 * BODY_BYTES_MAX)
}

async fn produce(ctx: OrchestrationContext, door: String) -> Text {
    match &*door {
        "activity input" => ctx.schedule_activity("Echo", large()).into_activity().await,
        "activity result" => ctx.schedule_activity("Large", "").into_activity().await,
        "activity error" => {
            ctx.schedule_activity("Large", "error")
                .into_activity()
                .await
        }
        "output" => Ok(large()),
        "error" => Err(large()),
        "child input" => {
            ctx.schedule_sub_orchestration("Echo", large())
                .into_sub_orchestration()
                .await
        }
        "detached input" => {
            ctx.schedule_orchestration("Echo", "detached", large());
            ctx.schedule_activity("Echo", "").into_activity().await
        }
        "next input" => ctx.continue_as_new(large()).await,
        "event" => Ok(ctx.schedule_wait("Data").into_event().await),
        other => Ok(format!("nothing large about {other}")),
    }
}

async fn world() -> World {
    let mut limits = Limits::default();
    limits.body_bytes_max = BODY_BYTES_MAX;
    let store = MemoryProvider::with_options(MemoryOptions::default().limits(limits));
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Large", |_: ActivityContext, input: String| async move {
            if input == "error" {
                Err(large())
            } else {
                Ok(large())
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Produce", produce)
        .register(
            "Echo",
            |_: OrchestrationContext, input: String| async move { Ok(input) },
        )
        .build();
    World::start(Arc::new(store), activities, orchestrations, checked()).await
}

fn is_refused(error: &ClientError) -> bool {
    match error {
        ClientError::Provider(error) => error.kind() == ErrorKind::LimitExceeded,
        ClientError::InvalidInput { message } => message.contains("body_bytes_max"),
        _ => false,
    }
}

#[tokio::test]
async fn a_start_or_an_event_over_the_limit_is_refused_to_its_sender() {
    let world = world().await;
    let start = world
        .client
        .start_orchestration("i", "Produce", large())
        .await
        .unwrap_err();
    assert!(is_refused(&start), "{start:?}");
    world.begin("i", "Produce", "event").await;
    let event = world
        .client
        .raise_event("i", "Data", large())
        .await
        .unwrap_err();
    assert!(is_refused(&event), "{event:?}");
    assert!(
        event.to_string().len() < 1_000,
        "the payload is not in the error"
    );
    world.raise("i", "Data", "small").await;
    assert_eq!(world.output("i").await, "small");
    world.shutdown().await;
}

#[tokio::test]
async fn a_decision_over_the_limit_fails_its_run() {
    let world = world().await;
    for door in ["activity input", "output", "child input", "next input"] {
        fails_for_its_size(&world, door).await;
    }
    let healthy = world.run("healthy", "Produce", "this").await;
    assert_eq!(healthy, "nothing large about this");
    world.shutdown().await;
}

#[tokio::test]
async fn a_detached_start_over_the_limit_fails_its_run() {
    let world = world().await;
    fails_for_its_size(&world, "detached input").await;
    world.shutdown().await;
}

async fn fails_for_its_size(world: &World, door: &str) {
    let details = world.run_failing(door, "Produce", door).await;
    let message = details.display_message();
    let short = message.len() < 1_000;
    assert!(message.contains("_max") && short, "{door}: {details:?}");
    let history = world.history(door).await;
    assert!(history.last().unwrap().is_terminal(), "{door}");
}

/// An error that is too long may be cut, but the run must end.
#[tokio::test]
async fn an_error_over_the_limit_still_fails_its_run() {
    let world = world().await;
    for door in ["error", "activity error"] {
        let details = world.run_failing(door, "Produce", door).await;
        assert!(!details.display_message().is_empty(), "{door}: {details:?}");
    }
    world.shutdown().await;
}

#[tokio::test]
async fn an_activity_result_over_the_limit_is_an_error_of_the_activity() {
    let world = world().await;
    let details = world.run_failing("i", "Produce", "activity result").await;
    let message = details.display_message();
    assert!(
        message.contains("limit") && message.len() < 1_000,
        "{details:?}"
    );
    world.shutdown().await;
}
