//! Panics fail what panicked, and nothing else.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, AppErrorKind, ErrorDetails, EventKind, OrchestrationContext,
    OrchestrationRegistry,
};

use crate::support::{Text, World, checked};

async fn careless(ctx: OrchestrationContext, what: String) -> Text {
    match &*what {
        "before" => panic!("panicked before anything"),
        "number" => std::panic::panic_any(7),
        "activity" => ctx.schedule_activity("Panic", "").into_activity().await,
        "healthy" => ctx.schedule_activity("Echo", "fine").into_activity().await,
        _ => {
            ctx.schedule_activity("Echo", "").into_activity().await?;
            let number: u32 = what.parse().expect("no number, so it panicked");
            Ok(number.to_string())
        }
    }
}

async fn world() -> World {
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Panic", |_: ActivityContext, _: String| async move {
            panic!("an activity panicked, as it should")
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Careless", careless)
        .build();
    let options = RuntimeOptions {
        worker_concurrency: 2,
        orchestration_concurrency: 2,
        ..checked()
    };
    World::start(
        Arc::new(MemoryProvider::new()),
        activities,
        orchestrations,
        options,
    )
    .await
}

#[tokio::test]
async fn a_panic_in_an_activity_is_its_failure() {
    let world = world().await;
    let details = world.run_failing("i", "Careless", "activity").await;
    assert!(
        details.display_message().contains("as it should"),
        "{details:?}"
    );
    let failed = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::ActivityFailed {
                details: ErrorDetails::Application {
                    kind: AppErrorKind::ActivityFailed,
                    ..
                }
            }
        )
    };
    assert!(
        world
            .history("i")
            .await
            .iter()
            .any(|event| failed(&event.kind))
    );
    world.shutdown().await;
}

#[tokio::test]
async fn a_panic_in_an_orchestration_is_its_failure() {
    let world = world().await;
    for what in ["before", "after", "number"] {
        let details = world.run_failing(what, "Careless", what).await;
        assert!(
            matches!(
                details,
                ErrorDetails::Application {
                    kind: AppErrorKind::OrchestrationFailed,
                    ..
                }
            ),
            "{details:?}"
        );
        assert!(
            details.display_message().contains("panicked"),
            "{details:?}"
        );
    }
    world.shutdown().await;
}

#[tokio::test]
async fn panics_take_no_slot_down_and_disturb_nobody() {
    let world = world().await;
    for round in 0..6 {
        for what in ["activity", "before", "after", "healthy"] {
            world
                .begin(&format!("{what}-{round}"), "Careless", what)
                .await;
        }
    }
    for round in 0..6 {
        for what in ["activity", "before", "after"] {
            world.failure(&format!("{what}-{round}")).await;
        }
        assert_eq!(world.output(&format!("healthy-{round}")).await, "fine");
    }
    assert_eq!(world.run("last", "Careless", "healthy").await, "fine");
    world.shutdown().await;
}
