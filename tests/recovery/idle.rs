//! A runtime without work leaves its store alone.

use std::sync::Arc;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::{OrchestrationContext, OrchestrationRegistry};

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
    for _ in 0..5 {
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
