//! The programs that users of duroxide 0.1.6 know from its README work as they are.
//!
//! The text of each snippet is unchanged, including what our own lints would say about it.
#![allow(
    unused_imports,
    unused_variables,
    unused_qualifications,
    clippy::clone_on_ref_ptr,
    clippy::expect_used,
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "the snippets are kept as their users wrote them"
)]

mod support;

use support::{World, no_activities};

#[rustfmt::skip]
mod hello {
    use std::sync::Arc;
    use duroxide::{ActivityContext, Client, ClientError, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus};
    use duroxide::runtime::{self};
    use duroxide::runtime::registry::ActivityRegistry;
    use duroxide::providers::sqlite::SqliteProvider;

    pub(super) async fn main() -> Result<(), Box<dyn std::error::Error>> {
let store = std::sync::Arc::new(SqliteProvider::new("sqlite:./data.db", None).await?);
let activities = ActivityRegistry::builder()
    .register("Hello", |ctx: ActivityContext, name: String| async move { Ok(format!("Hello, {name}!")) })
    .build();
let orch = |ctx: OrchestrationContext, name: String| async move {
    ctx.trace_info("hello started");
    let res = ctx.schedule_activity("Hello", name).into_activity().await.unwrap();
    Ok::<_, String>(res)
};
let orchestrations = OrchestrationRegistry::builder().register("HelloWorld", orch).build();
let rt = runtime::Runtime::start_with_store(store.clone(), Arc::new(activities), orchestrations).await;
let client = Client::new(store);
client.start_orchestration("inst-hello-1", "HelloWorld", "Rust").await?; // Returns Result<(), ClientError>
match client.wait_for_orchestration("inst-hello-1", std::time::Duration::from_secs(5)).await? {
    OrchestrationStatus::Completed { output } => assert_eq!(output, "Hello, Rust!"),
    OrchestrationStatus::Failed { details } => panic!("Failed: {}", details.display_message()),
    _ => panic!("Unexpected status"),
}
rt.shutdown(None).await;  // Graceful shutdown with 1s timeout
Ok(())
    }
}

#[rustfmt::skip]
mod orchestrations {
    use duroxide::OrchestrationContext;

pub(super) async fn fanout(ctx: OrchestrationContext) -> Vec<String> {
    let f1 = ctx.schedule_activity("Greetings", "Gabbar");
    let f2 = ctx.schedule_activity("Greetings", "Samba");
    let outs = ctx.join(vec![f1, f2]).await; // history-ordered join
    outs
        .into_iter()
        .map(|o| match o {
            duroxide::DurableOutput::Activity(Ok(s)) => s,
            other => panic!("unexpected: {:?}", other),
        })
        .collect()
}

use duroxide::DurableOutput;
pub(super) async fn control(ctx: OrchestrationContext) -> String {
    let a = ctx.schedule_timer(std::time::Duration::from_millis(10));
    let b = ctx.schedule_wait("Evt");
    let (_idx, out) = ctx.select2(a, b).await;
    match out {
        DurableOutput::External(data) => data,
        DurableOutput::Timer => {
            // timer won; fall back to waiting for the event deterministically
            ctx.schedule_wait("Evt").into_event().await
        }
        other => panic!("unexpected: {:?}", other),
    }
}

pub(super) async fn comp_sample(ctx: OrchestrationContext) -> String {
    match ctx.schedule_activity("Fragile", "bad").into_activity().await {
        Ok(v) => v,
        Err(e) => {
            ctx.trace_warn(format!("fragile failed error={e}"));
            ctx.schedule_activity("Recover", "").into_activity().await.unwrap()
        }
    }
}
}

use duroxide::clock::ManualClock;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

#[tokio::test]
async fn hello_world_makes_its_database_in_the_current_folder() {
    let folder = tempfile::tempdir().unwrap();
    // No other test of this program goes by the current folder.
    std::env::set_current_dir(folder.path()).unwrap();
    hello::main().await.unwrap();
    assert!(folder.path().join("data.db").metadata().unwrap().len() > 0);
}

#[tokio::test]
async fn parallel_fan_out() {
    let activities = ActivityRegistry::builder()
        .register("Greetings", |_: ActivityContext, name: String| async move {
            Ok(format!("Hello, {name}!"))
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Fanout",
            |ctx: OrchestrationContext, _: String| async move {
                let mut greetings = orchestrations::fanout(ctx).await;
                greetings.sort();
                Ok(greetings.join(" "))
            },
        )
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;
    assert_eq!(
        world.run("fanout", "Fanout", "").await,
        "Hello, Gabbar! Hello, Samba!"
    );
    world.shutdown().await;
}

#[tokio::test]
async fn control_flow_with_timers_and_externals() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations =
        OrchestrationRegistry::builder()
            .register(
                "Control",
                |ctx: OrchestrationContext, _: String| async move {
                    Ok(orchestrations::control(ctx).await)
                },
            )
            .build();
    let world = World::on_manual_time(&clock, no_activities(), orchestrations).await;

    world.begin("event", "Control", "").await;
    world.raise("event", "Evt", "in time").await;
    assert_eq!(world.output("event").await, "in time");

    world.begin("timer", "Control", "").await;
    world.fire_timer(&clock, "timer").await;
    world.raise("timer", "Evt", "late").await;
    assert_eq!(world.output("timer").await, "late");
    world.shutdown().await;
}

#[tokio::test]
async fn error_handling() {
    let activities = ActivityRegistry::builder()
        .register("Fragile", |_: ActivityContext, input: String| async move {
            if input == "bad" {
                Err("it broke".to_owned())
            } else {
                Ok(input)
            }
        })
        .register("Recover", |_: ActivityContext, _: String| async move {
            Ok("recovered".to_owned())
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Compensate",
            |ctx: OrchestrationContext, _: String| async move {
                Ok(orchestrations::comp_sample(ctx).await)
            },
        )
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;
    assert_eq!(world.run("sample", "Compensate", "").await, "recovered");
    world.shutdown().await;
}
