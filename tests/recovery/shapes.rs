//! Orchestrations of every shape, for tests that run all of them in different ways.

use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, BackoffStrategy, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    RetryPolicy,
};
use futures_util::future::join_all;

use crate::support::Text;

pub(crate) const SHAPES: [&str; 12] = [
    "chain", "join", "join_all", "select", "timers", "events", "children", "detached", "again",
    "retry", "system", "error",
];

pub(crate) fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Fail", |_: ActivityContext, input: String| async move {
            Err(input)
        })
        .register("Hang", |ctx: ActivityContext, _: String| async move {
            ctx.cancelled().await;
            Ok("cancelled".to_owned())
        })
        .build()
}

pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Shape", shape)
        .build()
}

async fn shape(ctx: OrchestrationContext, input: String) -> Text {
    match &*input {
        "chain" => chain(ctx).await,
        "join" => join(ctx).await,
        "join_all" => {
            let all = (0..30).map(|n| ctx.schedule_activity("Echo", n.to_string()).into_activity());
            Ok(join_all(all)
                .await
                .into_iter()
                .collect::<Result<Vec<_>, _>>()?
                .join(","))
        }
        "select" => select(ctx).await,
        "timers" => {
            for millis in [0, 1, 2] {
                ctx.schedule_timer(Duration::from_millis(millis))
                    .into_timer()
                    .await;
            }
            Ok("three timers".to_owned())
        }
        "events" => {
            let first = ctx.schedule_wait("Event").into_event().await;
            let second = ctx.schedule_wait("Event").into_event().await;
            Ok(format!("{first} {second}"))
        }
        "children" => children(ctx).await,
        "detached" => {
            ctx.schedule_orchestration("Shape", "the detached one", "timers");
            ctx.schedule_activity("Echo", "let go")
                .into_activity()
                .await
        }
        "again" => ctx.continue_as_new("again 2").await,
        "again 2" => {
            ctx.schedule_activity("Echo", "").into_activity().await?;
            ctx.continue_as_new("events").await
        }
        "retry" => {
            let policy = RetryPolicy::new(3)
                .with_backoff(BackoffStrategy::Fixed {
                    delay: Duration::from_millis(1),
                })
                .with_timeout(Duration::from_secs(60));
            let result = ctx.schedule_activity_with_retry("Fail", "no", policy).await;
            Ok(format!("{result:?}"))
        }
        "system" => {
            let (one, now) = (ctx.new_guid().await?, ctx.utcnow().await?);
            ctx.trace_info(format!("{one} {now:?}"));
            let two = ctx.new_guid().await?;
            ctx.schedule_activity("Echo", (one != two).to_string())
                .into_activity()
                .await
        }
        other => Err(format!("{other}, on purpose")),
    }
}

async fn chain(ctx: OrchestrationContext) -> Text {
    let mut text = String::new();
    for step in 0..10 {
        text = ctx
            .schedule_activity("Echo", format!("{text}{step}"))
            .into_activity()
            .await?;
    }
    Ok(text)
}

async fn join(ctx: OrchestrationContext) -> Text {
    let mut all: Vec<_> = (0..10)
        .map(|n| ctx.schedule_activity("Echo", n.to_string()))
        .collect();
    all.push(ctx.schedule_timer(Duration::from_millis(1)));
    all.push(ctx.schedule_activity("Fail", "x"));
    let mut outputs: Vec<String> = ctx
        .join(all)
        .await
        .iter()
        .map(|output| format!("{output:?}"))
        .collect();
    outputs.sort();
    Ok(outputs.join(" "))
}

async fn select(ctx: OrchestrationContext) -> Text {
    let hang = ctx.schedule_activity("Hang", "");
    let timer = ctx.schedule_timer(Duration::from_millis(1));
    let child = ctx.schedule_sub_orchestration("Shape", "events");
    let event = ctx.schedule_wait("Never");
    let (index, output) = ctx.select(vec![hang, child, event, timer]).await;
    let after = ctx
        .schedule_activity("Echo", "after")
        .into_activity()
        .await?;
    Ok(format!("{index} {output:?} {after}"))
}

async fn children(ctx: OrchestrationContext) -> Text {
    let all = ["chain", "timers", "bad"]
        .map(|shape| ctx.schedule_sub_orchestration("Shape", shape))
        .into_iter()
        .collect();
    let mut outputs = Vec::new();
    for output in ctx.join(all).await {
        let DurableOutput::SubOrchestration(result) = output else {
            continue;
        };
        outputs.push(result.unwrap_or_else(|error| error));
    }
    outputs.sort();
    Ok(outputs.join(" "))
}
