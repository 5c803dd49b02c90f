//! Waiting for time to pass, and giving up in time.

use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    OrchestrationStatus,
};

use crate::support::{Text, World, no_activities};

/// Teaches: a delay is a timer, never a sleep. It holds no thread and survives restarts.
#[tokio::test]
async fn sample_durable_timer() {
    async fn later(ctx: OrchestrationContext, _input: String) -> Text {
        ctx.schedule_timer(Duration::from_millis(20))
            .into_timer()
            .await;
        Ok("later".to_owned())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Later", later)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("later", "Later", "").await, "later");
    let history = world.history("later").await;
    let took = history[history.len() - 1].timestamp_ms - history[0].timestamp_ms;
    assert!(took >= 20, "the timer fired after {took} ms");
    world.shutdown().await;
}

/// Teaches: in a test, time is moved by hand; a timer of thirty days takes no time at all.
#[tokio::test]
async fn sample_thirty_day_timer() {
    const MONTH: Duration = Duration::from_secs(30 * 24 * 60 * 60);
    async fn trial(ctx: OrchestrationContext, user: String) -> Text {
        ctx.schedule_timer(MONTH).into_timer().await;
        Ok(format!("the trial of {user} is over"))
    }
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Trial", trial)
        .build();
    let world = World::on_manual_time(&clock, no_activities(), orchestrations).await;

    world.begin("trial", "Trial", "ann").await;
    assert_eq!(world.fire_timer(&clock, "trial").await, MONTH);
    assert_eq!(world.output("trial").await, "the trial of ann is over");
    world.shutdown().await;
}

/// Teaches: a timeout is a race between the work and a timer. The loser is cancelled, and an
/// activity that is running learns of it.
#[tokio::test]
async fn sample_timeout_by_select2() {
    let activities = ActivityRegistry::builder()
        .register("Slow", |ctx: ActivityContext, _input: String| async move {
            ctx.cancelled().await;
            Err("nobody waits any more".to_owned())
        })
        .register("Quick", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    async fn in_time(ctx: OrchestrationContext, activity: String) -> Text {
        let work = ctx.schedule_activity(activity, "done");
        let timeout = ctx.schedule_timer(Duration::from_millis(50));
        match ctx.select2(work, timeout).await {
            (0, DurableOutput::Activity(result)) => result,
            (_, DurableOutput::Timer) => Err("took too long".to_owned()),
            other => Err(format!("unexpected: {other:?}")),
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("InTime", in_time)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(
        world
            .run_failing("slow", "InTime", "Slow")
            .await
            .display_message(),
        "took too long"
    );
    let quick = world.run_quickly("quick", "InTime", "Quick").await;
    assert_eq!(
        quick,
        OrchestrationStatus::Completed {
            output: "done".to_owned()
        }
    );
    world.shutdown().await;
}

impl World {
    /// As `run`, for an orchestration that may be too slow on a busy machine: tries once more.
    async fn run_quickly(
        &self,
        instance: &str,
        orchestration: &str,
        input: &str,
    ) -> OrchestrationStatus {
        self.begin(instance, orchestration, input).await;
        match self.ended(instance).await {
            OrchestrationStatus::Failed { .. } => {
                let again = format!("{instance}-again");
                self.begin(&again, orchestration, input).await;
                self.ended(&again).await
            }
            ended => ended,
        }
    }
}

/// Teaches: a loop of timers and activities polls something outside, politely and durably.
#[tokio::test]
async fn sample_polling_with_timers() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    let asked = Arc::new(AtomicU32::new(0));
    let activities = ActivityRegistry::builder()
        .register("IsReady", move |_: ActivityContext, _input: String| {
            let asked = Arc::clone(&asked);
            async move { Ok((asked.fetch_add(1, Ordering::SeqCst) >= 2).to_string()) }
        })
        .build();
    async fn provision(ctx: OrchestrationContext, _input: String) -> Text {
        for minute in 0..60 {
            let ready = ctx.schedule_activity("IsReady", "").into_activity().await?;
            if ready == "true" {
                return Ok(format!("ready after {minute} minutes"));
            }
            ctx.schedule_timer(Duration::from_secs(60))
                .into_timer()
                .await;
        }
        Err("not ready after an hour".to_owned())
    }
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Provision", provision)
        .build();
    let world = World::on_manual_time(&clock, activities, orchestrations).await;

    world.begin("vm", "Provision", "").await;
    world.fire_timer(&clock, "vm").await;
    world.fire_timer(&clock, "vm").await;
    assert_eq!(world.output("vm").await, "ready after 2 minutes");
    world.shutdown().await;
}
