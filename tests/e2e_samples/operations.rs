//! Running it: what is there, how it is doing, and what happens when the program restarts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, EventKind, OrchestrationContext, OrchestrationRegistry, QueueDepths,
};

use crate::support::{Text, World, checked, no_activities};

async fn ask(ctx: OrchestrationContext, question: String) -> Text {
    match &*ctx.schedule_wait("Answer").into_event().await {
        "" => Err(format!("no answer to {question}")),
        "again" => ctx.continue_as_new(question).await,
        answer => Ok(answer.to_owned()),
    }
}

async fn with_questions() -> World {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Ask", ask)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;
    for instance in ["a", "b", "c"] {
        world.begin(instance, "Ask", "why?").await;
        world.waits_for(instance, "Answer").await;
    }
    world.raise("a", "Answer", "because").await;
    world.raise("b", "Answer", "").await;
    world.output("a").await;
    world.failure("b").await;
    world
}

/// Teaches: which instances there are, and in which state.
#[tokio::test]
async fn sample_list_instances() {
    let world = with_questions().await;
    let client = &world.client;

    assert!(client.has_management_capability());
    assert_eq!(client.list_all_instances().await.unwrap(), ["a", "b", "c"]);
    assert_eq!(
        client.list_instances_by_status("Completed").await.unwrap(),
        ["a"]
    );
    assert_eq!(
        client.list_instances_by_status("Failed").await.unwrap(),
        ["b"]
    );
    assert_eq!(
        client.list_instances_by_status("Running").await.unwrap(),
        ["c"]
    );
    world.shutdown().await;
}

/// Teaches: all about one instance and its executions.
#[tokio::test]
async fn sample_inspect_an_instance() {
    let world = with_questions().await;
    let client = &world.client;

    let info = client.get_instance_info("a").await.unwrap();
    assert_eq!(
        (&*info.orchestration_name, &*info.orchestration_version),
        ("Ask", "1.0.0")
    );
    assert_eq!(
        (&*info.status, info.output.as_deref()),
        ("Completed", Some("because"))
    );

    world.raise("c", "Answer", "again").await;
    crate::support::until("the second execution", async || {
        (client.list_executions("c").await.unwrap() == [1, 2]).then_some(())
    })
    .await;
    let execution = client.get_execution_info("c", 1).await.unwrap();
    assert_eq!(
        (&*execution.status, execution.event_count),
        ("ContinuedAsNew", 4)
    );
    assert!(execution.completed_at.is_some());
    let history = client.read_execution_history("c", 1).await.unwrap();
    assert!(matches!(
        history[0].kind,
        EventKind::OrchestrationStarted { .. }
    ));
    assert!(history[3].is_terminal());
    world.shutdown().await;
}

/// Teaches: figures for dashboards.
#[tokio::test]
async fn sample_system_metrics_and_queue_depths() {
    let world = with_questions().await;

    let metrics = world.client.get_system_metrics().await.unwrap();
    assert_eq!((metrics.total_instances, metrics.total_executions), (3, 3));
    assert_eq!(
        (metrics.running_instances, metrics.completed_instances),
        (1, 1)
    );
    assert_eq!(metrics.failed_instances, 1);
    assert_eq!(metrics.total_events, 4 + 4 + 2);
    assert_eq!(
        world.client.get_queue_depths().await.unwrap(),
        QueueDepths::default()
    );
    world.shutdown().await;
}

/// Teaches: a program that stops and starts again goes on where it was. What was done is not done
/// again.
#[tokio::test]
async fn sample_restart_on_the_same_file() {
    async fn two_steps(ctx: OrchestrationContext, _input: String) -> Text {
        let one = ctx.schedule_activity("Step", "one").into_activity().await?;
        let go = ctx.schedule_wait("Go").into_event().await;
        let two = ctx.schedule_activity("Step", "two").into_activity().await?;
        Ok(format!("{one} {go} {two}"))
    }
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("steps.db").display());
    let steps = Arc::new(AtomicU32::new(0));
    let program = async || {
        let steps = Arc::clone(&steps);
        let activities = ActivityRegistry::builder()
            .register("Step", move |_: ActivityContext, name: String| {
                let number = steps.fetch_add(1, Ordering::SeqCst) + 1;
                async move { Ok(format!("{name}={number}")) }
            })
            .build();
        let orchestrations = OrchestrationRegistry::builder()
            .register("Two", two_steps)
            .build();
        let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
        World::start(store, activities, orchestrations, checked()).await
    };

    let world = program().await;
    world.begin("two", "Two", "").await;
    world.waits_for("two", "Go").await;
    let store = Arc::clone(&world.store);
    world.shutdown().await;
    store.close().await;

    let world = program().await;
    world.raise("two", "Go", "on").await;
    assert_eq!(world.output("two").await, "one=1 on two=2");
    assert_eq!(steps.load(Ordering::SeqCst), 2);
    world.shutdown().await;
}
