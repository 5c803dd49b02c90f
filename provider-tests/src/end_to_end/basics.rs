//! One orchestration after another.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_core::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};

use crate::support::Cx;

pub(crate) async fn an_orchestration_completes(cx: &Cx) {
    let activities = ActivityRegistry::builder()
        .register("Hello", |_: ActivityContext, name: String| async move {
            Ok(format!("Hello, {name}!"))
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Greet",
            |ctx: OrchestrationContext, name: String| async move {
                ctx.schedule_activity("Hello", name).into_activity().await
            },
        )
        .build();
    let options = RuntimeOptions {
        shadow_replay: true,
        clock: cx.clock(),
        ..RuntimeOptions::default()
    };
    let store = cx.shared_provider();
    let runtime = Runtime::start_with_options(
        Arc::clone(&store),
        Arc::new(activities),
        orchestrations,
        options,
    )
    .await;
    let client = Client::new(store);

    let started = client.start_orchestration("one", "Greet", "Rust").await;
    started.expect("the id is free");
    let ended = client
        .wait_for_orchestration("one", Duration::from_secs(20))
        .await;

    let output = "Hello, Rust!".to_owned();
    assert_eq!(ended.ok(), Some(OrchestrationStatus::Completed { output }));
    runtime.shutdown(None).await;
}
