//! The orchestrations: one of every shape. What they return does not depend on when anything
//! happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide::clock::{Clock, ManualClock};
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, BackoffStrategy, DurableOutput, OrchestrationContext, OrchestrationRegistry,
    RetryPolicy,
};
use tokio::sync::watch;

use crate::support::Text;

/// Longer than it takes until an activity's lease is renewed for the first time.
const SLOW: Duration = Duration::from_secs(6);
const NAP: Duration = Duration::from_secs(2);
const EXECUTIONS: u64 = 3;

pub(crate) fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Chain", chain)
        .register("FanOut", fan_out)
        .register("Timer", timer)
        .register("Events", events)
        .register("Parent", parent)
        .register("Child", child)
        .register("Again", again)
        .register("Retry", retry)
        .register("Detach", detach)
        .register("Tell", tell)
        .register("Told", told)
        .register("Open", open)
        .register("Wait", wait)
        .register("Slow", slow)
        .register("Mended", mended)
        .register("Broken", broken)
        .build()
}

/// The activities; `slow` counts how often the slow one began, and one fails until `is_mended`.
pub(crate) fn activities(
    clock: ManualClock,
    slow: Arc<watch::Sender<u32>>,
    is_mended: Arc<AtomicBool>,
) -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .register("Fail", |_: ActivityContext, input: String| async move {
            Err::<String, _>(input)
        })
        .register("Mend", move |_: ActivityContext, input: String| {
            let is_mended = is_mended.load(Ordering::SeqCst);
            async move {
                if is_mended {
                    Ok(input)
                } else {
                    Err("broken".to_owned())
                }
            }
        })
        .register("Slow", move |_: ActivityContext, input: String| {
            let nap = clock.sleep(SLOW);
            slow.send_modify(|began| *began += 1);
            async move {
                nap.await;
                Ok(input)
            }
        })
        .build()
}

async fn echo(ctx: &OrchestrationContext, input: impl Into<String>) -> Text {
    ctx.schedule_activity("Echo", input.into())
        .into_activity()
        .await
}

async fn chain(ctx: OrchestrationContext, input: String) -> Text {
    let one = echo(&ctx, format!("{input}1")).await?;
    echo(&ctx, format!("{one}2")).await
}

async fn fan_out(ctx: OrchestrationContext, _: String) -> Text {
    let all = (0..4)
        .map(|number| ctx.schedule_activity("Echo", number.to_string()))
        .collect();
    let mut done = Vec::new();
    for output in ctx.join(all).await {
        let DurableOutput::Activity(output) = output else {
            return Err("an activity ended as something else".to_owned());
        };
        done.push(output?);
    }
    done.sort();
    Ok(done.join(" "))
}

async fn timer(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_timer(NAP).into_timer().await;
    echo(&ctx, "rested").await
}

async fn events(ctx: OrchestrationContext, _: String) -> Text {
    let one = ctx.schedule_wait("one").into_event().await;
    let two = ctx.schedule_wait("two").into_event().await;
    Ok(format!("{one} {two}"))
}

/// Children two deep, one of which is a chain.
async fn parent(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_sub_orchestration("Child", "c")
        .into_sub_orchestration()
        .await
}

async fn child(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_sub_orchestration("Chain", input)
        .into_sub_orchestration()
        .await
}

/// An event for each execution. They are all raised at once, so that they come when the first
/// execution is there, or are carried over, or meet the change.
async fn again(ctx: OrchestrationContext, taken: String) -> Text {
    let execution = ctx.execution_id();
    let item = ctx.schedule_wait(format!("item-{execution}"));
    let taken = taken + &item.into_event().await;
    if execution < EXECUTIONS {
        return ctx.continue_as_new(taken).await;
    }
    Ok(taken)
}

async fn retry(ctx: OrchestrationContext, _: String) -> Text {
    let policy = RetryPolicy::new(2).with_backoff(BackoffStrategy::Fixed { delay: NAP });
    let result = ctx
        .schedule_activity_with_retry("Fail", "as planned", policy)
        .await;
    Ok(format!("{result:?}"))
}

async fn detach(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_orchestration("Chain", "detached", "d");
    echo(&ctx, "let go").await
}

/// Raises events for another instance, which is to count each of them once.
async fn tell(ctx: OrchestrationContext, _: String) -> Text {
    ctx.raise_event("told", "ping", "ping");
    echo(&ctx, "told once").await?;
    ctx.raise_event("told", "ping", "ping");
    ctx.raise_event("told", "done", "done");
    Ok("told twice".to_owned())
}

/// Counts what it is told, in an execution for each, until it is told to stop.
async fn told(ctx: OrchestrationContext, count: String) -> Text {
    let ping = ctx.schedule_wait("ping");
    let (first, _) = ctx.select2(ping, ctx.schedule_wait("done")).await;
    if first == 1 {
        return Ok(count);
    }
    ctx.continue_as_new(count + "|").await
}

/// Waits, with a child that waits, for what never comes.
async fn open(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_sub_orchestration("Wait", "")
        .into_sub_orchestration()
        .await
}

async fn wait(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("never").into_event().await)
}

async fn slow(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Slow", "slow").into_activity().await
}

/// Fails with its child, until it is rewound.
async fn mended(ctx: OrchestrationContext, _: String) -> Text {
    let before = echo(&ctx, "before").await?;
    let child = ctx.schedule_sub_orchestration("Broken", "mended");
    let output = child.into_sub_orchestration().await?;
    Ok(format!("{before} {output}"))
}

async fn broken(ctx: OrchestrationContext, input: String) -> Text {
    let input = echo(&ctx, input).await?;
    ctx.schedule_activity("Mend", input).into_activity().await
}
