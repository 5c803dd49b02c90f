//! Orchestrations that live for ever, one execution after another.

use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::{EventKind, OrchestrationContext, OrchestrationRegistry};
use serde::{Deserialize, Serialize};

use crate::support::{Text, World, no_activities};

/// Teaches: `continue_as_new` begins again with a new input and an empty history; earlier
/// executions stay readable.
#[tokio::test]
async fn sample_continue_as_new_counter() {
    async fn count(ctx: OrchestrationContext, from: String) -> Text {
        let from: u32 = from.parse().map_err(|error| format!("{from:?}: {error}"))?;
        if from < 3 {
            return ctx.continue_as_new((from + 1).to_string()).await;
        }
        Ok(format!("counted to {from}"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Count", count)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("count", "Count", "0").await, "counted to 3");
    assert_eq!(
        world.client.list_executions("count").await.unwrap(),
        [1, 2, 3, 4]
    );
    let first = world
        .client
        .read_execution_history("count", 1)
        .await
        .unwrap();
    assert!(matches!(
        &first[first.len() - 1].kind,
        EventKind::OrchestrationContinuedAsNew { input } if input == "1"
    ));
    world.shutdown().await;
}

/// Teaches: events that one execution did not use are there for the next.
#[tokio::test]
async fn sample_continue_as_new_carries_events() {
    #[derive(Serialize, Deserialize)]
    struct Batch {
        taken: Vec<String>,
    }
    async fn drain(ctx: OrchestrationContext, mut batch: Batch) -> Text {
        batch
            .taken
            .push(ctx.schedule_wait("Item").into_event().await);
        if batch.taken.len() < 4 {
            return ctx.continue_as_new_typed(&batch).await;
        }
        Ok(batch.taken.join(","))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Drain", drain)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let empty = Batch { taken: Vec::new() };
    world
        .client
        .start_orchestration_typed("drain", "Drain", empty)
        .await
        .unwrap();
    for item in ["a", "b", "c", "d"] {
        world.raise("drain", "Item", item).await;
    }
    assert_eq!(world.output("drain").await, "a,b,c,d");
    assert_eq!(
        world.client.list_executions("drain").await.unwrap().len(),
        4
    );
    world.shutdown().await;
}

/// Teaches: a timer loop without end that still has a short history.
#[tokio::test]
async fn sample_continue_as_new_periodic_job() {
    async fn nightly(ctx: OrchestrationContext, night: String) -> Text {
        let night: u32 = night
            .parse()
            .map_err(|error| format!("{night:?}: {error}"))?;
        if night == 3 {
            return Ok("retired".to_owned());
        }
        ctx.schedule_timer(Duration::from_secs(24 * 60 * 60))
            .into_timer()
            .await;
        ctx.continue_as_new((night + 1).to_string()).await
    }
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Nightly", nightly)
        .build();
    let world = World::on_manual_time(&clock, no_activities(), orchestrations).await;

    world.begin("nightly", "Nightly", "0").await;
    for night in 1..=3 {
        crate::support::until("the next execution's timer", async || {
            let history = world
                .store
                .read_with_execution("nightly", night)
                .await
                .unwrap();
            let set = |kind: &EventKind| matches!(kind, EventKind::TimerCreated { .. });
            history.iter().any(|event| set(&event.kind)).then_some(())
        })
        .await;
        clock.advance(Duration::from_secs(24 * 60 * 60));
    }
    assert_eq!(world.output("nightly").await, "retired");
    world.shutdown().await;
}

/// Teaches: `continue_as_new` is where a running instance moves to a new version: by the policy,
/// or to one it names.
#[tokio::test]
async fn sample_continue_as_new_versioned_upgrade() {
    async fn one(ctx: OrchestrationContext, input: String) -> Text {
        match &*input {
            "name it" => ctx.continue_as_new_versioned("2.0.0", "from one").await,
            _ => ctx.continue_as_new("from one").await,
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Service", one)
        .register_versioned("Service", "2.0.0", |_: OrchestrationContext, input: String| async move {
            Ok(format!("two got {input}"))
        })
        .register_versioned("Service", "3.0.0", |_: OrchestrationContext, input: String| async move {
            Ok(format!("three got {input}"))
        })
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let client = &world.client;
    let start = client.start_orchestration_versioned("named", "Service", "1.0.0", "name it");
    start.await.unwrap();
    assert_eq!(world.output("named").await, "two got from one");
    client
        .start_orchestration_versioned("latest", "Service", "1.0.0", "")
        .await
        .unwrap();
    assert_eq!(world.output("latest").await, "three got from one");
    let info = client.get_instance_info("latest").await.unwrap();
    assert_eq!(
        (&*info.orchestration_version, info.current_execution_id),
        ("3.0.0", 2)
    );
    world.shutdown().await;
}
