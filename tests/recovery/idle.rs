//! A runtime without work leaves its store alone.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

use crate::counted::Counted;
use crate::support::{World, checked, no_activities, pause};

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build()
}

/// Looks at a count until it stands still for 300 ms; fails if it never does.
async fn settles(count: impl Fn() -> u64) {
    for _ in 0..100 {
        let before = count();
        pause(300).await;
        if count() == before {
            return;
        }
    }
    panic!("an idle runtime keeps its store busy: {} calls", count());
}

#[tokio::test]
async fn an_idle_runtime_on_sqlite_issues_no_statements() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("idle.db").display());
    let store = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
    let provider = Arc::<SqliteProvider>::clone(&store);
    let world = World::start(provider, no_activities(), orchestrations(), checked()).await;
    world.begin("i", "Wait", "").await;
    world.waits_for("i", "Go").await;
    settles(|| store.stats().statements).await;
    world.raise("i", "Go", "on").await;
    assert_eq!(world.output("i").await, "on", "idle is not deaf");
    world.shutdown().await;
}

#[tokio::test]
async fn an_idle_runtime_in_memory_calls_nothing() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, no_activities(), orchestrations(), checked()).await;
    world.begin("i", "Wait", "").await;
    world.waits_for("i", "Go").await;
    settles(|| store.calls()).await;
    world.raise("i", "Go", "on").await;
    assert_eq!(world.output("i").await, "on");
    world.shutdown().await;
}

/// The start, the first turn with its activity reserved, the outcome with the last turn. Claims are
/// written without waiting for the disk.
#[tokio::test]
async fn one_hello_on_sqlite_takes_three_durable_commits() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("hello.db").display());
    let store = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
    let activities = ActivityRegistry::builder()
        .register("Hello", |_: ActivityContext, name: String| async move {
            Ok(name)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Hello",
            |ctx: OrchestrationContext, name: String| async move {
                ctx.schedule_activity("Hello", name).into_activity().await
            },
        )
        .build();
    let provider = Arc::<SqliteProvider>::clone(&store);
    let world = World::start(provider, activities, orchestrations, checked()).await;
    assert_eq!(world.run("first", "Hello", "x").await, "x");
    let before = store.stats();
    for index in 0..10 {
        assert_eq!(world.run(&format!("i{index}"), "Hello", "x").await, "x");
    }
    let after = store.stats();
    assert_eq!(after.durable_commits - before.durable_commits, 30);
    world.shutdown().await;
}
