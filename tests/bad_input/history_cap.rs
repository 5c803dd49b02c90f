//! Histories that grow beyond their cap.

use std::sync::Arc;

use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::providers::{Limits, Provider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, DurableOutput, EventKind, OrchestrationContext, OrchestrationRegistry,
};

use crate::support::{Text, World, checked, until};

const CAP: u64 = 20;

async fn endless(ctx: OrchestrationContext, what: String) -> Text {
    match &*what {
        "guids" => loop {
            drop(ctx.new_guid().await);
        },
        "activities" => loop {
            ctx.schedule_activity("Echo", "").into_activity().await?;
        },
        "fan-out" => {
            let all = (0..100)
                .map(|_| ctx.schedule_activity("Echo", ""))
                .collect();
            for output in ctx.join(all).await {
                if let DurableOutput::Activity(result) = output {
                    result?;
                }
            }
            Ok("joined".to_owned())
        }
        // This one never awaits, so that nothing but the context can stop it.
        "starts" => {
            for _ in 0..1_000 {
                ctx.schedule_orchestration("Echo", "same", "");
            }
            Ok("done".to_owned())
        }
        "events" => loop {
            ctx.schedule_wait("Event").into_event().await;
        },
        other => Ok(other.to_owned()),
    }
}

async fn world(options: RuntimeOptions) -> World {
    let store = MemoryProvider::with_options(MemoryOptions::default().history_events_max(CAP));
    let orchestrations = OrchestrationRegistry::builder()
        .register("Endless", endless)
        .build();
    World::start(Arc::new(store), echo(), orchestrations, options).await
}

fn echo() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build()
}

/// Each way to grow ends its run at the cap, with the end recorded: by an error that the code passes
/// on, or, where it cannot be told, as a failure of its own.
async fn all_are_capped(options: RuntimeOptions) {
    let world = world(options).await;
    for what in ["guids", "activities", "fan-out", "starts"] {
        world.begin(what, "Endless", what).await;
    }
    world.begin("events", "Endless", "events").await;
    for number in 0..CAP {
        // The run may have failed by then.
        world
            .client
            .raise_event("events", "Event", number.to_string())
            .await
            .ok();
    }
    for what in ["guids", "activities", "fan-out", "starts", "events"] {
        let message = world.failure(what).await.display_message();
        let says_what_to_do = message.contains("20") && message.contains("continue_as_new");
        assert!(says_what_to_do, "{what}: {message}");
        let history = world.history(what).await;
        assert!(
            history.len() as u64 <= CAP,
            "{what} has {} events",
            history.len()
        );
        let last = &history.last().unwrap().kind;
        assert!(
            matches!(last, EventKind::OrchestrationFailed { .. }),
            "{what}: {last:?}"
        );
    }
    assert_eq!(world.run("healthy", "Endless", "fine").await, "fine");
    world.shutdown().await;
}

#[tokio::test]
async fn each_kind_of_growth_ends_the_run_at_the_cap() {
    all_are_capped(RuntimeOptions::default()).await;
}

#[tokio::test]
async fn so_it_does_for_instances_that_are_not_kept_warm() {
    all_are_capped(RuntimeOptions {
        warm_instances_max: 0,
        ..RuntimeOptions::default()
    })
    .await;
}

#[tokio::test]
async fn so_it_does_under_shadow_replay() {
    all_are_capped(checked()).await;
}

/// A fan-out of 600 is nothing much: with the cap of 1,024 that there once was it failed.
#[tokio::test]
async fn the_default_cap_has_room_for_a_large_fan_out() {
    async fn fan_out(ctx: OrchestrationContext, _: String) -> Text {
        let all = (0..1_500)
            .map(|_| ctx.schedule_activity("Echo", ""))
            .collect();
        let done = ctx.join(all).await.len();
        Ok(format!("{done} {}", ctx.history_len()))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("FanOut", fan_out)
        .build();
    let world = World::start(
        Arc::new(MemoryProvider::new()),
        echo(),
        orchestrations,
        RuntimeOptions::default(),
    )
    .await;
    assert_eq!(Limits::default().history_events_max, 51_200);
    assert_eq!(world.run("fan-out", "FanOut", "").await, "1500 3001");
    world.shutdown().await;
}

/// An orchestration without an end begins anew when it is told to, and never comes near the cap,
/// whatever deployments make of that.
#[tokio::test]
async fn a_loop_that_asks_never_reaches_the_cap() {
    async fn rounds(ctx: OrchestrationContext, round: String) -> Text {
        let mut round: u64 = round.parse().map_err(|_| "no number".to_owned())?;
        while round < 100 {
            ctx.schedule_activity("Echo", "").into_activity().await?;
            round += 1;
            if ctx.should_continue_as_new() {
                return ctx.continue_as_new(round.to_string()).await;
            }
        }
        Ok(format!(
            "{round} rounds in {} executions",
            ctx.execution_id()
        ))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Rounds", rounds)
        .build();
    let store = MemoryProvider::with_options(MemoryOptions::default().history_events_max(CAP));
    let world = World::start(Arc::new(store), echo(), orchestrations, checked()).await;
    let output = world.run("rounds", "Rounds", "0").await;
    assert_eq!(output, "100 rounds in 51 executions");
    world.shutdown().await;
}

/// What did not fit under one cap was refused, and stays so: a deployment that raises or lowers the
/// cap does not change what history says.
#[tokio::test]
async fn a_refusal_outlives_a_change_of_the_cap() {
    async fn fan_out(ctx: OrchestrationContext, _: String) -> Text {
        let all = |members| {
            (0..members)
                .map(|_| ctx.schedule_activity("Echo", ""))
                .collect()
        };
        let mut said = String::new();
        for members in [100, 2] {
            let outputs = ctx.join(all(members)).await;
            let refused = |it: &&DurableOutput| matches!(it, DurableOutput::Activity(Err(_)));
            said += &format!("{} of {members} ", outputs.iter().filter(refused).count());
            ctx.schedule_wait("Go").into_event().await;
        }
        Ok(format!("{said}{}", ctx.should_continue_as_new()))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("FanOut", fan_out)
        .build();
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("cap.db").display());
    for (turn, cap) in [64, 100_000, 60].into_iter().enumerate() {
        let options = SqliteOptions::default().history_events_max(cap);
        let store = Arc::new(SqliteProvider::new(&url, Some(options)).await.unwrap());
        let provider = Arc::<SqliteProvider>::clone(&store);
        let world = World::start(provider, echo(), orchestrations.clone(), checked()).await;
        if turn == 0 {
            world.begin("fan-out", "FanOut", "").await;
        } else {
            world.raise("fan-out", "Go", "").await;
        }
        if turn == 2 {
            assert_eq!(world.output("fan-out").await, "100 of 100 0 of 2 true");
        } else {
            let waits = |kind: &EventKind| matches!(kind, EventKind::ExternalSubscribed { .. });
            until("the next wait", async || {
                let history = world.history("fan-out").await;
                (history.iter().filter(|it| waits(&it.kind)).count() == turn + 1).then_some(())
            })
            .await;
        }
        world.shutdown().await;
        store.close().await;
    }
}
