//! Runtimes whose handle is dropped.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{ClaimActivities, Provider, TaskQueue};
use duroxide::runtime::Runtime;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use tokio::sync::Notify;

use crate::support::{Text, ended, until, within};

/// How many activities the store has that nobody holds.
pub(crate) async fn claimable(store: &dyn Provider) -> usize {
    let request = ClaimActivities::new(vec![TaskQueue::default()], 10, Duration::from_secs(60));
    store.claim_activities(&request).await.unwrap().items.len()
}

fn code(started: &Arc<Notify>) -> (Arc<ActivityRegistry>, OrchestrationRegistry) {
    let started = Arc::clone(started);
    let activities = ActivityRegistry::builder()
        .register("Stubborn", move |_: ActivityContext, _: String| {
            started.notify_one();
            std::future::pending::<Text>()
        })
        .register("Quick", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Run",
            |ctx: OrchestrationContext, name: String| async move {
                ctx.schedule_activity(name, "").into_activity().await
            },
        )
        .build();
    (Arc::new(activities), orchestrations)
}

/// As programs of 0.1.6 do it: the runtime goes on without its handle.
#[tokio::test]
async fn a_runtime_whose_handle_is_dropped_goes_on() {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let (activities, orchestrations) = code(&Arc::new(Notify::new()));
    drop(Runtime::start_with_store(Arc::clone(&store), activities, orchestrations).await);

    let client = Client::new(store);
    client
        .start_orchestration("i", "Run", "Quick")
        .await
        .unwrap();

    let status = ended(&client, "i").await;
    assert!(format!("{status:?}").contains("Completed"), "{status:?}");
}

/// With its executor it ends, and gives back what it holds; nothing is left of it.
async fn ends_with(executor: tokio::runtime::Runtime) {
    let store = Arc::new(MemoryProvider::new());
    let started = Arc::new(Notify::new());
    let (activities, orchestrations) = code(&started);
    let provider = Arc::<MemoryProvider>::clone(&store) as Arc<dyn Provider>;
    let running = executor.spawn(async move {
        let started = Runtime::start_with_store(provider, activities, orchestrations).await;
        drop(started);
    });
    // A current-thread executor works only while somebody drives it.
    let client = Client::new(Arc::<MemoryProvider>::clone(&store));
    let work = async move {
        client
            .start_orchestration("i", "Run", "Stubborn")
            .await
            .unwrap();
        within("the start of the activity", started.notified()).await;
    };
    let ended = tokio::task::spawn_blocking(move || {
        executor.block_on(async {
            running.await.unwrap();
            work.await;
        });
        drop(executor);
    });
    within("the end of the executor", ended).await.unwrap();

    until("the end of the runtime", async || {
        (Arc::strong_count(&store) == 1).then_some(())
    })
    .await;
    assert_eq!(claimable(&*store).await, 1, "its lease lasts for 30 s");
}

#[tokio::test]
async fn a_runtime_ends_with_its_executor_of_many_threads() {
    let mut executor = tokio::runtime::Builder::new_multi_thread();
    ends_with(executor.worker_threads(2).enable_all().build().unwrap()).await;
}

#[tokio::test]
async fn a_runtime_ends_with_its_executor_of_one_thread() {
    let mut executor = tokio::runtime::Builder::new_current_thread();
    ends_with(executor.enable_all().build().unwrap()).await;
}
