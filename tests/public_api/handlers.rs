//! `ActivityContext` and the handler traits.

use std::sync::Arc;

use async_trait::async_trait;
use duroxide::runtime::registry::{ActivityRegistry, OrchestrationRegistry};
use duroxide::runtime::{ActivityHandler, FnActivity, FnOrchestration};
use duroxide::{
    ActivityContext, OrchestrationContext, OrchestrationHandler, OrchestrationHandlerRef,
};

use crate::support::{Text, World};

#[tokio::test]
async fn an_activity_knows_what_it_works_for() {
    let activities = ActivityRegistry::builder()
        .register("Tell", |ctx: ActivityContext, _: String| async move {
            let ctx = ctx.clone();
            ctx.trace_info("a");
            ctx.trace_warn("b");
            ctx.trace_error("c");
            ctx.trace_debug("d");
            assert!(!ctx.worker_id().is_empty() && !ctx.is_cancelled());
            assert!(format!("{ctx:?}").contains("ActivityContext"));
            let execution: u64 = ctx.execution_id();
            let (instance, orchestration): (&str, &str) =
                (ctx.instance_id(), ctx.orchestration_name());
            let (version, name): (&str, &str) = (ctx.orchestration_version(), ctx.activity_name());
            Ok(format!(
                "{instance} {execution} {orchestration} {version} {name}"
            ))
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Ask", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Tell", "").into_activity().await
        })
        .build();
    let world = World::on_memory(activities, orchestrations).await;
    assert_eq!(world.run("i", "Ask", "").await, "i 1 Ask 1.0.0 Tell");
    world.shutdown().await;
}

struct Constant(&'static str);

#[async_trait]
impl OrchestrationHandler for Constant {
    async fn invoke(&self, _ctx: OrchestrationContext, _input: String) -> Text {
        Ok(self.0.to_owned())
    }
}

#[async_trait]
impl ActivityHandler for Constant {
    async fn invoke(&self, _ctx: ActivityContext, _input: String) -> Text {
        Ok(self.0.to_owned())
    }
}

#[tokio::test]
async fn handlers_can_be_written_by_hand_and_made_from_functions() {
    let by_hand: OrchestrationHandlerRef = Arc::new(Constant("by hand"));
    let from_function: OrchestrationHandlerRef = Arc::new(FnOrchestration(
        |_: OrchestrationContext, input: String| async move { Ok(input) },
    ));
    let context = || OrchestrationContext::new(Vec::new(), 1, "i".to_owned(), None, None, None);
    assert_eq!(
        by_hand.invoke(context(), String::new()).await,
        Ok("by hand".to_owned())
    );
    assert_eq!(
        from_function.invoke(context(), "in".to_owned()).await,
        Ok("in".to_owned())
    );

    let activities: [Arc<dyn ActivityHandler>; 2] = [
        Arc::new(Constant("an activity")),
        Arc::new(FnActivity(|_: ActivityContext, input: String| async move {
            Ok(input)
        })),
    ];
    assert_eq!(activities.len(), 2);
}
