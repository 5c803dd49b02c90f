//! The orchestrations and the activities.

use std::time::Duration;

use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::{
    ActivityContext, BackoffStrategy, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    RetryPolicy,
};

use super::shape::{CHAIN_STEPS, EXECUTIONS, RETRIES, Shape, WIDTH, steps};

/// How long a timer is, and the pause before a retry.
const NAP: Duration = Duration::from_millis(50);
/// How long an activity of the fan-out takes, so that kills find some of them under way.
const WORK: Duration = Duration::from_millis(30);

type Text = Result<String, String>;

async fn step(ctx: &OrchestrationContext, input: &str) -> Text {
    ctx.schedule_activity("Step", input).into_activity().await
}

async fn chain(ctx: OrchestrationContext, _: String) -> Text {
    let mut done = Vec::new();
    for input in steps(CHAIN_STEPS) {
        done.push(step(&ctx, &input).await?);
    }
    Ok(done.join(" "))
}

async fn fan_out(ctx: OrchestrationContext, _: String) -> Text {
    let activities = steps(WIDTH)
        .iter()
        .map(|input| ctx.schedule_activity("Work", input.as_str()))
        .collect();
    let mut done = Vec::new();
    for output in ctx.join(activities).await {
        let DurableOutput::Activity(output) = output else {
            return Err("an activity ended as something else".to_owned());
        };
        done.push(output?);
    }
    // They come in the order in which they ended.
    done.sort();
    Ok(done.join(" "))
}

async fn timer(ctx: OrchestrationContext, _: String) -> Text {
    let before = step(&ctx, "before").await?;
    ctx.schedule_timer(NAP).into_timer().await;
    Ok(format!("{before} {}", step(&ctx, "after").await?))
}

async fn events(ctx: OrchestrationContext, _: String) -> Text {
    let first = ctx.schedule_wait("first").into_event().await;
    let between = step(&ctx, "between").await?;
    let second = ctx.schedule_wait("second").into_event().await;
    Ok(format!("{first} {between} {second}"))
}

async fn children(ctx: OrchestrationContext, _: String) -> Text {
    let one = ctx.schedule_sub_orchestration(Shape::Chain.name(), "");
    let other = ctx.schedule_sub_orchestration(Shape::Chain.name(), "");
    let one = one.into_sub_orchestration().await?;
    let other = other.into_sub_orchestration().await?;
    Ok(format!("{one} | {other}"))
}

async fn again(ctx: OrchestrationContext, _: String) -> Text {
    let execution = ctx.execution_id();
    let done = step(&ctx, &format!("execution {execution}")).await?;
    if execution < u64::from(EXECUTIONS) {
        return ctx.continue_as_new("").await;
    }
    Ok(done)
}

async fn saga(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "done").await?;
    match ctx.schedule_activity("Fail", "").into_activity().await {
        Ok(_) => Err("the failing step has not failed".to_owned()),
        Err(_) => step(&ctx, "undone").await,
    }
}

async fn retry(ctx: OrchestrationContext, _: String) -> Text {
    let policy = RetryPolicy::new(RETRIES).with_backoff(BackoffStrategy::Fixed { delay: NAP });
    match ctx.schedule_activity_with_retry("Fail", "", policy).await {
        Ok(_) => Err("the failing step has not failed".to_owned()),
        Err(_) => Ok("given up".to_owned()),
    }
}

/// Waits for a child that waits for events which nobody raises.
async fn cancel(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_sub_orchestration(Shape::Events.name(), "")
        .into_sub_orchestration()
        .await
}

pub(super) fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Work", |_: ActivityContext, input: String| async move {
            tokio::time::sleep(WORK).await;
            Ok(input)
        })
        .register("Fail", |_: ActivityContext, _: String| async move {
            Err::<String, _>("as planned".to_owned())
        })
        .build()
}

pub(super) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(Shape::Chain.name(), chain)
        .register(Shape::FanOut.name(), fan_out)
        .register(Shape::Timer.name(), timer)
        .register(Shape::Events.name(), events)
        .register(Shape::Children.name(), children)
        .register(Shape::Again.name(), again)
        .register(Shape::Saga.name(), saga)
        .register(Shape::Retry.name(), retry)
        .register(Shape::Cancel.name(), cancel)
        .build()
}
