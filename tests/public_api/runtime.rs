//! `Runtime`, `RuntimeOptions` and observability.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::observability::MetricsSnapshot;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{self, LogFormat, MismatchPolicy, ObservabilityConfig, Runtime};
use duroxide::{
    ActivityContext, OrchestrationContext, OrchestrationDescriptor, OrchestrationRegistry,
    OrchestrationStatus, RuntimeOptions,
};

use crate::support::{PATIENCE, Text, World, no_activities, until, within};

#[test]
fn options_have_their_fields_and_defaults() {
    let options = RuntimeOptions::default();
    let RuntimeOptions {
        dispatcher_min_poll_interval,
        dispatcher_long_poll_timeout,
        orchestration_concurrency,
        worker_concurrency,
        orchestrator_lock_timeout,
        orchestrator_lock_renewal_buffer,
        worker_lock_timeout,
        worker_lock_renewal_buffer,
        observability,
        max_attempts,
        turn_deadline,
        ..
    } = options.clone();
    let seconds = Duration::from_secs;
    assert_eq!(dispatcher_min_poll_interval, Duration::from_millis(100));
    assert_eq!(dispatcher_long_poll_timeout, seconds(30));
    assert_eq!(turn_deadline, seconds(10));
    assert!(orchestration_concurrency >= 2 && worker_concurrency >= 2);
    assert_eq!(
        (orchestrator_lock_timeout, orchestrator_lock_renewal_buffer),
        (seconds(5), seconds(2))
    );
    assert_eq!(
        (worker_lock_timeout, worker_lock_renewal_buffer),
        (seconds(30), seconds(5))
    );
    assert_eq!(
        (max_attempts, options.mismatch_policy),
        (
            10,
            MismatchPolicy::GiveBack {
                delay_min: Duration::from_millis(100),
                delay_max: Duration::from_secs(30),
            }
        )
    );
    let ObservabilityConfig {
        metrics_enabled,
        metrics_export_endpoint,
        metrics_export_interval_ms,
        log_format,
        log_export_endpoint,
        log_level,
        service_name,
        service_version,
    } = observability;
    assert!(!metrics_enabled && metrics_export_endpoint.is_none() && log_export_endpoint.is_none());
    assert_eq!(
        (metrics_export_interval_ms, service_version),
        (60_000, None)
    );
    assert_eq!((&*log_level, &*service_name), ("info", "duroxide"));
    assert!(matches!(log_format, LogFormat::Pretty));
    assert!(matches!(LogFormat::default(), LogFormat::Compact));
    assert_eq!(options.worker_node_id, None);
    assert!(format!("{options:?}").contains("RuntimeOptions"));
}

#[test]
fn options_are_built_by_naming_fields() {
    let options = runtime::RuntimeOptions {
        worker_lock_timeout: Duration::from_secs(300),
        worker_lock_renewal_buffer: Duration::from_secs(30),
        observability: ObservabilityConfig {
            log_format: LogFormat::Json,
            ..ObservabilityConfig::default()
        },
        ..Default::default()
    };
    assert_eq!(options.worker_lock_timeout, Duration::from_secs(300));
}

fn hello() -> (ActivityRegistry, OrchestrationRegistry) {
    let activities = ActivityRegistry::builder()
        .register("Hello", |_: ActivityContext, name: String| async move {
            if name.is_empty() {
                Err("nobody there".to_owned())
            } else {
                Ok(name)
            }
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
    (activities, orchestrations)
}

#[tokio::test]
async fn starts_with_a_store_and_shuts_down_in_every_way() {
    for timeout in [None, Some(0), Some(100)] {
        let (activities, orchestrations) = hello();
        let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
        let runtime: Arc<Runtime> =
            Runtime::start_with_store(Arc::clone(&store), Arc::new(activities), orchestrations)
                .await;
        let client = duroxide::Client::new(store);
        client
            .start_orchestration("i", "Hello", "Rust")
            .await
            .unwrap();
        let status = client.wait_for_orchestration("i", PATIENCE).await.unwrap();
        assert_eq!(
            status,
            runtime::OrchestrationStatus::Completed {
                output: "Rust".to_owned()
            }
        );
        within("shutdown", runtime.shutdown(timeout)).await;
    }
}

#[tokio::test]
async fn counts_what_it_does_if_asked_to() {
    let (activities, orchestrations) = hello();
    let observability = ObservabilityConfig {
        metrics_enabled: true,
        ..Default::default()
    };
    let options = RuntimeOptions {
        observability,
        mismatch_policy: MismatchPolicy::FailAtOnce,
        ..RuntimeOptions::default()
    };
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let world = World::start(store, activities, orchestrations, options).await;
    world.run("good", "Hello", "Rust").await;
    world.run_failing("bad", "Hello", "").await;
    world.run_failing("absent", "Nobody", "").await;
    // What is done is counted a moment after it can be seen.
    let snapshot: MetricsSnapshot = until("three ends", async || {
        let snapshot: Option<MetricsSnapshot> = world.runtime.metrics_snapshot();
        snapshot.filter(|it| it.orch_completions + it.orch_failures == 3)
    })
    .await;
    let MetricsSnapshot {
        orch_completions,
        orch_failures,
        orch_application_errors,
        orch_infrastructure_errors,
        orch_configuration_errors,
        orch_poison,
        activity_success,
        activity_app_errors,
        activity_infra_errors,
        activity_config_errors,
        activity_poison,
        ..
    } = snapshot;
    assert_eq!((orch_completions, orch_failures), (1, 2));
    assert_eq!((orch_application_errors, orch_configuration_errors), (1, 1));
    assert_eq!((orch_infrastructure_errors, orch_poison), (0, 0));
    assert_eq!((activity_success, activity_app_errors), (1, 1));
    assert_eq!(
        (
            activity_infra_errors,
            activity_config_errors,
            activity_poison
        ),
        (0, 0, 0)
    );
    world.shutdown().await;
}

#[tokio::test]
async fn describes_an_instance() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Hi", |_: OrchestrationContext, input: String| async move {
            Text::Ok(input)
        })
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    assert_eq!(world.run("i", "Hi", "x").await, "x");
    let described = world.runtime.get_orchestration_descriptor("i").await;
    let OrchestrationDescriptor {
        name,
        version,
        parent_instance,
        parent_id,
        ..
    } = described.unwrap();
    assert_eq!(
        (&*name, &*version, parent_instance, parent_id),
        ("Hi", "1.0.0", None, None)
    );
    assert!(
        world
            .runtime
            .get_orchestration_descriptor("absent")
            .await
            .is_none()
    );
    let status = world.client.get_orchestration_status("i").await.unwrap();
    assert!(matches!(status, OrchestrationStatus::Completed { .. }));
    world.shutdown().await;
}
