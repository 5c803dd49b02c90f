//! The providers as programs make and read them.

use std::sync::Arc;

use duroxide::providers::error::ProviderError;
use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::providers::{Provider, ProviderAdmin};
use duroxide::{Event, OrchestrationContext, OrchestrationRegistry, ProviderRef};

use crate::support::{Text, World, checked, no_activities};

/// Answers the executions of an instance that continued once and ended.
async fn run_on(store: ProviderRef) {
    async fn again(ctx: OrchestrationContext, input: String) -> Text {
        if input.is_empty() {
            ctx.continue_as_new("second").await
        } else {
            Ok(input)
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Again", again)
        .build();
    let world = World::start(store, no_activities(), orchestrations, checked()).await;
    assert_eq!(world.run("again", "Again", "").await, "second");
    let latest: Result<Vec<Event>, ProviderError> = world.store.read("again").await;
    assert_eq!(latest.unwrap()[0].execution_id, 2);
    let first = world.store.read_with_execution("again", 1).await.unwrap();
    assert_eq!((first.len(), first[0].execution_id), (2, 1));
    assert!(world.store.read("absent").await.unwrap().is_empty());
    let admin: &dyn ProviderAdmin = world.store.admin();
    assert_eq!(admin.metrics().await.unwrap().totals.total_instances, 1);
    world.shutdown().await;
}

#[tokio::test]
async fn sqlite_in_memory() {
    let store: Result<SqliteProvider, ProviderError> = SqliteProvider::new_in_memory().await;
    run_on(Arc::new(store.unwrap())).await;
    let options = Some(SqliteOptions::default());
    run_on(Arc::new(
        SqliteProvider::new_in_memory_with_options(options)
            .await
            .unwrap(),
    ))
    .await;
}

#[tokio::test]
async fn sqlite_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.db");
    for url in [
        format!("sqlite:{}", path.display()),
        format!("sqlite://{}?mode=rwc", path.display()),
    ] {
        let options = Some(SqliteOptions::default());
        let store = Arc::new(SqliteProvider::new(&url, options).await.unwrap());
        let provider: ProviderRef = Arc::<SqliteProvider>::clone(&store);
        if url.ends_with("rwc") {
            assert_eq!(
                provider.read("again").await.unwrap().len(),
                2,
                "it is the same file"
            );
        } else {
            run_on(provider).await;
        }
        store.checkpoint().await.unwrap();
        store.close().await;
    }
}

/// The first provider lives on in a client somewhere, as in many a program.
#[tokio::test]
async fn sqlite_is_opened_again_while_the_first_one_lives() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let open = async || Arc::new(SqliteProvider::new(&url, None).await.unwrap());
    let wait = || {
        OrchestrationRegistry::builder()
            .register("Wait", |ctx: OrchestrationContext, _: String| async move {
                Text::Ok(ctx.schedule_wait("Go").into_event().await)
            })
            .build()
    };
    let first = World::start(open().await, no_activities(), wait(), checked()).await;
    first.begin("i", "Wait", "").await;
    first.waits_for("i", "Go").await;
    let client = first.client.clone();
    first.shutdown().await;

    let second = World::start(open().await, no_activities(), wait(), checked()).await;
    client.raise_event("i", "Go", "on").await.unwrap();
    assert_eq!(second.output("i").await, "on");
    second.shutdown().await;
}

#[tokio::test]
async fn sqlite_reads_executions_for_diagnostics() {
    let store = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    run_on(Arc::<SqliteProvider>::clone(&store)).await;
    let executions: Vec<u64> = store.list_executions("again").await.unwrap();
    assert_eq!(executions, [1, 2]);
    assert_eq!(
        store.read_with_execution("again", 2).await.unwrap().len(),
        2
    );
}

#[tokio::test]
async fn connect_picks_the_backend_by_the_scheme() {
    let memory: ProviderRef = duroxide::providers::connect("memory:").await.unwrap();
    assert_eq!(memory.about().name, "memory");
    run_on(memory).await;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("store.db").display());
    let sqlite = duroxide::providers::connect(&url).await.unwrap();
    assert_eq!(sqlite.about().name, "sqlite");
    run_on(sqlite).await;
    let error: ProviderError = duroxide::providers::connect("punchcards:")
        .await
        .unwrap_err();
    assert!(error.to_string().contains("memory:, sqlite:"), "{error}");
}
