//! `Client`, `ClientError` and `OrchestrationStatus`.

use std::sync::Arc;
use std::time::Duration;

use duroxide::client::{CancelOptions, RaiseOptions, RaiseOutcome, StartOptions, StartOutcome};
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{ErrorKind, Provider, ProviderError};
use duroxide::{
    Client, ClientError, ErrorDetails, Event, ExecutionInfo, InstanceInfo, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus, QueueDepths, SystemMetrics,
};

use crate::support::{PATIENCE, Text, World, no_activities};

async fn add(ctx: OrchestrationContext, start: u32) -> Result<u32, String> {
    let more = ctx.schedule_wait("More").into_event().await;
    Ok(start + more.parse::<u32>().map_err(|error| error.to_string())?)
}

async fn world() -> World {
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Add", add)
        .register(
            "Echo",
            |_: OrchestrationContext, input: String| async move { Text::Ok(input) },
        )
        .build();
    World::on_memory(no_activities(), orchestrations).await
}

#[tokio::test]
async fn all_ways_to_start() {
    let world = world().await;
    let client: Client = world.client.clone();
    let () = client.start_orchestration("a", "Echo", "1").await.unwrap();
    client
        .start_orchestration_versioned("b", "Echo", "1.0.0", "2")
        .await
        .unwrap();
    client
        .start_orchestration_typed("c", "Add", 3_u32)
        .await
        .unwrap();
    client
        .start_orchestration_versioned_typed("d", "Add", "1.0.0", 4_u32)
        .await
        .unwrap();
    let started: StartOutcome = client
        .start_orchestration_with("e", "Echo", "5", StartOptions::default())
        .await
        .unwrap();
    assert_eq!(started, StartOutcome::Started);
    let started = client
        .start_orchestration_with_typed("f", "Add", 6_u32, StartOptions::default())
        .await
        .unwrap();
    assert_eq!(started, StartOutcome::Started);
    let options = RaiseOptions::new().event_id("twenty");
    let raised: RaiseOutcome = client
        .raise_event_with_typed("f", "More", 20_u32, options)
        .await
        .unwrap();
    assert_eq!(raised, RaiseOutcome::Delivered);
    client.raise_event("c", "More", "10").await.unwrap();
    client
        .raise_event("d".to_owned(), "More", String::from("no number"))
        .await
        .unwrap();
    assert_eq!(world.output("a").await, "1");
    assert_eq!(world.output("b").await, "2");
    assert_eq!(world.output("e").await, "5");
    let wait = |instance| client.wait_for_orchestration_typed::<u32>(instance, PATIENCE);
    let typed: Result<Result<u32, String>, ClientError> = wait("c").await;
    assert_eq!(typed.unwrap(), Ok(13));
    assert!(wait("d").await.unwrap().is_err());
    assert_eq!(wait("f").await.unwrap(), Ok(26));
    let late = client.raise_event_with("f", "More", "", RaiseOptions::default());
    assert_eq!(late.await.unwrap(), RaiseOutcome::Ended);
    client.raise_event_typed("f", "More", 1_u32).await.unwrap();
    world.shutdown().await;
}

#[tokio::test]
async fn all_statuses() {
    let world = world().await;
    let status = async |instance: &str| {
        world
            .client
            .get_orchestration_status(instance)
            .await
            .unwrap()
    };
    assert_eq!(status("a").await, OrchestrationStatus::NotFound);
    world.begin("a", "Add", "1").await;
    assert_eq!(status("a").await, OrchestrationStatus::Running);
    let early = world
        .client
        .wait_for_orchestration("a", Duration::from_millis(10))
        .await;
    assert!(matches!(early, Err(ClientError::Timeout)), "{early:?}");
    world.raise("a", "More", "1").await;
    world.output("a").await;
    assert_eq!(
        status("a").await,
        OrchestrationStatus::Completed {
            output: "2".to_owned()
        }
    );
    world.begin("b", "Add", "1").await;
    world.client.cancel_instance("b", "enough").await.unwrap();
    world.failure("b").await;
    let failed: OrchestrationStatus = status("b").await;
    assert!(matches!(
        failed.clone(),
        OrchestrationStatus::Failed {
            details: ErrorDetails::Application { .. }
        }
    ));
    world.shutdown().await;
}

#[tokio::test]
async fn management() {
    let world = world().await;
    let client = &world.client;
    world.run("a", "Echo", "out").await;
    assert!(client.has_management_capability());
    let all: Vec<String> = client.list_all_instances().await.unwrap();
    let running: Vec<String> = client.list_instances_by_status("Running").await.unwrap();
    assert_eq!((all.len(), running.len()), (1, 0));
    let info: InstanceInfo = client.get_instance_info("a").await.unwrap();
    let InstanceInfo {
        blocked: _,
        instance_id,
        orchestration_name,
        orchestration_version,
        current_execution_id,
        status,
        output,
        created_at,
        updated_at,
        expires_at,
        suspended,
        queue,
        parent,
        labels,
    } = info;
    assert_eq!((parent, labels.len()), (None, 0));
    assert_eq!(expires_at, None);
    assert_eq!(queue, "default");
    assert_eq!(
        (&*instance_id, &*orchestration_name, &*orchestration_version),
        ("a", "Echo", "1.0.0")
    );
    assert_eq!(
        (current_execution_id, &*status, output.as_deref()),
        (1, "Completed", Some("out"))
    );
    assert!(0 < created_at && created_at <= updated_at);
    assert!(!suspended);
    let execution: ExecutionInfo = client.get_execution_info("a", 1).await.unwrap();
    let ExecutionInfo {
        execution_id,
        status,
        output,
        started_at,
        completed_at,
        event_count,
    } = execution;
    assert_eq!(
        (execution_id, &*status, output.as_deref()),
        (1, "Completed", Some("out"))
    );
    assert!(started_at <= completed_at.unwrap());
    let executions: Vec<u64> = client.list_executions("a").await.unwrap();
    assert_eq!(executions, [1]);
    let history: Vec<Event> = client.read_execution_history("a", 1).await.unwrap();
    assert_eq!((history.len(), event_count), (2, 2));
    let metrics: SystemMetrics = client.get_system_metrics().await.unwrap();
    let SystemMetrics {
        total_instances,
        total_executions,
        running_instances,
        ..
    } = metrics;
    assert_eq!(
        (total_instances, total_executions, running_instances),
        (1, 1, 0)
    );
    assert_eq!(
        (metrics.completed_instances, metrics.failed_instances),
        (1, 0)
    );
    assert_eq!(metrics.total_events, 2);
    let depths: QueueDepths = client.get_queue_depths().await.unwrap();
    let QueueDepths {
        orchestrator_queue,
        worker_queue,
        timer_queue,
    } = depths;
    assert_eq!((orchestrator_queue, worker_queue, timer_queue), (0, 0, 0));
    world.shutdown().await;
}

/// A delay and a grace, through the front door.
#[tokio::test]
async fn later_starts_and_later_ends() {
    let world = world().await;
    let client = &world.client;
    let options = StartOptions::new().with_delay(Duration::from_secs(3_600));
    let started = client
        .start_orchestration_with("later", "Echo", "", options)
        .await;
    assert_eq!(started.unwrap(), StartOutcome::Started);
    let status = client.get_orchestration_status("later").await.unwrap();
    assert_eq!(status, OrchestrationStatus::Running);
    assert_eq!(client.get_queue_depths().await.unwrap().timer_queue, 1);
    let grace = CancelOptions::new().grace(Duration::from_secs(3_600));
    let () = client
        .cancel_instance_with("later", "enough", grace.clone())
        .await
        .unwrap();
    let failure = world.failure("later").await;
    assert_eq!(failure.display_message(), "canceled: enough");
    let absent = client.cancel_instance_with("absent", "", grace).await;
    let absent = absent.unwrap_err();
    assert!(matches!(absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound));
    let depths = client.get_queue_depths().await.unwrap();
    assert_eq!((depths.orchestrator_queue, depths.timer_queue), (0, 0));
    world.shutdown().await;
}

#[tokio::test]
async fn errors() {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let client = Client::new(Arc::clone(&store));
    let absent = client.get_instance_info("absent").await.unwrap_err();
    assert!(
        matches!(&absent, ClientError::Provider(error) if error.kind() == ErrorKind::NotFound),
        "{absent:?}"
    );
    assert!(!absent.is_retryable());
    let invalid = client
        .start_orchestration("", "Echo", "")
        .await
        .unwrap_err();
    assert!(matches!(&invalid, ClientError::InvalidInput { message } if message.contains("empty")));
    let timeout = client
        .wait_for_orchestration("absent", Duration::ZERO)
        .await
        .unwrap_err();
    assert!(matches!(timeout, ClientError::Timeout));
    store.close().await;
    let closed = client
        .start_orchestration("a", "Echo", "")
        .await
        .unwrap_err();
    assert!(
        matches!(&closed, ClientError::Provider(error) if error.kind() == ErrorKind::Unavailable),
        "{closed:?}"
    );
    assert!(closed.is_retryable());
    let passing = ClientError::Provider(ProviderError::retryable("commit", "busy"));
    assert!(passing.is_retryable());
    for error in [
        &absent,
        &invalid,
        &timeout,
        &closed,
        &ClientError::ManagementNotAvailable,
        &ClientError::Blocked {
            reason: "no node has its code".to_owned(),
        },
    ] {
        let error: &dyn std::error::Error = error;
        assert!(!error.to_string().is_empty());
    }
}
