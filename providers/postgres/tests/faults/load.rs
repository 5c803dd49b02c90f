//! Orchestrations that use everything, and nodes that run them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use duroxide_core::clock::{Clock, SystemClock};
use duroxide_core::providers::Provider;
use duroxide_core::runtime::registry::ActivityRegistry;
use duroxide_core::runtime::{Runtime, RuntimeOptions};
use duroxide_core::{ActivityContext, DurableOutput, OrchestrationContext, OrchestrationRegistry};
use duroxide_postgres::PostgresProvider;

use super::store::{now_ms, sleep};

/// Short, so that what a lost connection held is soon free.
pub(crate) const LEASE: Duration = Duration::from_secs(2);

type Text = Result<String, String>;

async fn step(ctx: &OrchestrationContext, input: &str) -> Text {
    ctx.schedule_activity("Step", input).into_activity().await
}

/// Two activities at once, a timer, a child, an event and one more activity.
async fn work(ctx: OrchestrationContext, _: String) -> Text {
    let activities = ["1", "2"].map(|input| ctx.schedule_activity("Step", input));
    let mut done = Vec::new();
    for output in ctx.join(activities.into()).await {
        let DurableOutput::Activity(output) = output else {
            return Err("an activity ended as something else".to_owned());
        };
        done.push(output?);
    }
    done.sort();
    ctx.schedule_timer(Duration::from_millis(20))
        .into_timer()
        .await;
    let child = ctx.schedule_sub_orchestration("Child", "");
    let child = child.into_sub_orchestration().await?;
    let event = ctx.schedule_wait("go").into_event().await;
    let last = step(&ctx, "3").await?;
    Ok(format!("{} {child} {event} {last}", done.join(" ")))
}

async fn child(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "child").await
}

/// A chain of activities, for measuring.
async fn chain(ctx: OrchestrationContext, _: String) -> Text {
    step(&ctx, "1").await?;
    step(&ctx, "2").await
}

/// A timer between two looks at the machine's clock: how many milliseconds lay between.
async fn timed(ctx: OrchestrationContext, _: String) -> Text {
    let now = || ctx.schedule_activity("Now", "").into_activity();
    let before = now().await?;
    ctx.schedule_timer(TIMER).into_timer().await;
    let after = now().await?;
    let parsed = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    Ok((parsed(&after)? - parsed(&before)?).to_string())
}

async fn slow(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Slow", "").into_activity().await
}

/// How long the timer of `timed` is.
pub(crate) const TIMER: Duration = Duration::from_millis(1_500);
/// How long the activity of `slow` takes, which is longer than its lease.
const SLOW: Duration = Duration::from_millis(3_000);

/// The code, and how often the slow activity was begun.
#[derive(Clone, Default)]
pub(crate) struct Code {
    pub(crate) slow_runs: Arc<AtomicU64>,
}

impl Code {
    fn activities(&self) -> ActivityRegistry {
        let slow_runs = Arc::clone(&self.slow_runs);
        ActivityRegistry::builder()
            .register("Step", |_: ActivityContext, input: String| async move {
                Ok(input)
            })
            .register("Now", |_: ActivityContext, _: String| async move {
                Ok(now_ms().to_string())
            })
            .register("Slow", move |_: ActivityContext, _: String| {
                slow_runs.fetch_add(1, Ordering::Relaxed);
                async move {
                    sleep(SLOW).await;
                    Ok("slow".to_owned())
                }
            })
            .build()
    }

    /// A node on this provider.
    pub(crate) async fn node(
        &self,
        provider: Arc<dyn Provider>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Runtime> {
        let options = RuntimeOptions {
            shadow_replay: true,
            orchestrator_lock_timeout: LEASE,
            worker_lock_timeout: LEASE,
            clock,
            ..RuntimeOptions::default()
        };
        let orchestrations = OrchestrationRegistry::builder()
            .register("Work", work)
            .register("Child", child)
            .register("Chain", chain)
            .register("Timed", timed)
            .register("Slow", slow)
            .build();
        let activities = Arc::new(self.activities());
        Runtime::start_with_options(provider, activities, orchestrations, options).await
    }
}

/// A node by the machine's clock.
pub(crate) async fn node(provider: Arc<dyn Provider>) -> Arc<Runtime> {
    Code::default().node(provider, SystemClock::shared()).await
}

/// A provider as nodes and clients take it.
pub(crate) fn shared(provider: &Arc<PostgresProvider>) -> Arc<dyn Provider> {
    Arc::<PostgresProvider>::clone(provider)
}
