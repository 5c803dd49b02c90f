//! What fails, and what is done about it.

use std::time::Duration;

use duroxide_core::runtime::MismatchPolicy;
use duroxide_core::{
    ActivityContext, BackoffStrategy, EventKind, OrchestrationContext, RetryPolicy,
};

use super::stage::{Code, Gate, Text, World, types};
use crate::support::Cx;

/// What was done is undone in the opposite order, and the instance fails with the reason.
pub(crate) async fn a_saga_compensates(cx: &Cx) {
    async fn trip(ctx: OrchestrationContext, who: String) -> Text {
        let do_it = |name: &str, what: String| ctx.schedule_activity(name, what).into_activity();
        let flight = do_it("Echo", format!("flight of {who}")).await?;
        let hotel = do_it("Echo", format!("hotel of {who}")).await?;
        let Err(error) = do_it("Fail", "no car".to_owned()).await else {
            return Ok("all booked".to_owned());
        };
        let first = do_it("Echo", format!("no {hotel}")).await?;
        let second = do_it("Echo", format!("no {flight}")).await?;
        Err(format!("{error}: {first}, {second}"))
    }
    let (world, _node) = World::with_node(cx, Code::of("Trip", trip)).await;
    world.begin("trip", "Trip", "Ada").await;

    let failure = world.failure("trip").await;

    assert_eq!(
        failure.display_message(),
        "no car: no hotel of Ada, no flight of Ada"
    );
}

/// Each attempt is an activity of its own, each pause a timer.
pub(crate) async fn a_retry_succeeds_after_pauses(cx: &Cx) {
    async fn fetch(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(4).with_backoff(BackoffStrategy::Fixed {
            delay: Duration::from_millis(200),
        });
        ctx.schedule_activity_with_retry("Flaky", "", policy).await
    }
    let calls = Gate::closed();
    calls.open();
    let flaky = calls.activity();
    let counted = calls.clone();
    let code = Code::of("Fetch", fetch).activity("Flaky", move |ctx: ActivityContext, input| {
        let (passed, calls) = (flaky(ctx, input), counted.clone());
        async move {
            passed.await?;
            match calls.runs() {
                call @ 1..3 => Err(format!("call {call} failed")),
                call => Ok(format!("call {call}")),
            }
        }
    });
    let (world, _node) = World::with_node(cx, code).await;

    assert_eq!(world.run("fetch", "Fetch", "").await, "call 3");
    assert_eq!(
        types(&world.history("fetch").await),
        [
            "started",
            "activity",
            "activity failed",
            "timer",
            "timer fired",
            "activity",
            "activity failed",
            "timer",
            "timer fired",
            "activity",
            "activity done",
            "completed"
        ]
    );
}

/// A name that nobody has registered is an error like any other, and the code goes on.
pub(crate) async fn an_unregistered_activity_is_an_error(cx: &Cx) {
    async fn trip(ctx: OrchestrationContext, _: String) -> Text {
        let flight = ctx.schedule_activity("Echo", "flight");
        let flight = flight.into_activity().await?;
        let Err(error) = ctx.schedule_activity("Misspelt", "").into_activity().await else {
            return Ok("all booked".to_owned());
        };
        let undone = ctx.schedule_activity("Echo", format!("no {flight}"));
        Ok(format!("{error}, {}", undone.into_activity().await?))
    }
    let world = World::open(cx, Code::of("Trip", trip));
    let _node = world
        .node_with(|it| it.options.mismatch_policy = MismatchPolicy::FailAtOnce)
        .await;

    let output = world.run("trip", "Trip", "").await;

    assert_eq!(output, "unregistered:Misspelt, no flight");
}

/// The time of an attempt counts from when it starts, and not from when it is scheduled: one that
/// waits behind others for longer than it may take itself is none the worse for it.
pub(crate) async fn a_queue_is_no_timeout(cx: &Cx) {
    const TIMEOUT: Duration = Duration::from_secs(30);
    async fn slow(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Slow", "").into_activity().await
    }
    async fn quick(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(1).with_timeout(TIMEOUT);
        ctx.schedule_activity_with_retry("Echo", "quick", policy)
            .await
    }
    let gate = Gate::closed();
    let code = Code::of("Slow", slow)
        .orchestration("Quick", quick)
        .activity("Slow", gate.activity());
    let world = World::open(cx, code);
    let _node = world
        .node_with(|it| it.options.worker_concurrency = 1)
        .await;
    world.begin("slow", "Slow", "").await;
    gate.begun(1).await;
    world.begin("quick", "Quick", "").await;
    let is_scheduled = |kind: &EventKind| matches!(kind, EventKind::ActivityScheduled { .. });
    world.reaches("quick", is_scheduled).await;
    world.pass(TIMEOUT + Duration::from_secs(1)).await;
    gate.open();

    assert_eq!(world.output("quick").await, "quick");
}

/// An attempt that takes too long is given up, told so, and tried again.
pub(crate) async fn a_slow_attempt_is_tried_again(cx: &Cx) {
    async fn fetch(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(2)
            .with_timeout(Duration::from_secs(1))
            .with_backoff(BackoffStrategy::None);
        ctx.schedule_activity_with_retry("Slow", "", policy).await
    }
    let gate = Gate::closed();
    let (world, _node) = World::with_node(
        cx,
        Code::of("Fetch", fetch).activity("Slow", gate.activity()),
    )
    .await;
    world.begin("fetch", "Fetch", "").await;

    let failure = world.failure("fetch").await;

    assert_eq!(failure.display_message(), "timeout: activity timed out");
    gate.cancelled(2).await;
    assert_eq!(gate.runs(), 2);
}

/// All attempts and pauses together have a limit of their own, across them.
pub(crate) async fn all_attempts_together_are_limited(cx: &Cx) {
    async fn fetch(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(u32::MAX)
            .with_schedule_to_close(Duration::from_secs(5))
            .with_backoff(BackoffStrategy::Fixed {
                delay: Duration::from_secs(1),
            });
        ctx.schedule_activity_with_retry("Fail", "no", policy).await
    }
    let (world, _node) = World::with_node(cx, Code::of("Fetch", fetch)).await;
    world.begin("fetch", "Fetch", "").await;

    let failure = world.failure("fetch").await.display_message();

    let says_so = failure.starts_with("timeout: activity timed out");
    assert!(
        says_so && failure.contains("schedule_to_close"),
        "{failure}"
    );
}

/// Without retries of timeouts, an attempt that takes too long from its scheduling on ends it.
pub(crate) async fn a_slow_attempt_is_given_up(cx: &Cx) {
    async fn fetch(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(2)
            .with_timeout(Duration::from_secs(1))
            .with_retry_timeouts(false);
        ctx.schedule_activity_with_retry("Slow", "", policy).await
    }
    let gate = Gate::closed();
    let code = Code::of("Fetch", fetch).activity("Slow", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("fetch", "Fetch", "").await;

    let failure = world.failure("fetch").await;

    assert_eq!(failure.display_message(), "timeout: activity timed out");
    gate.cancelled(1).await;
}
