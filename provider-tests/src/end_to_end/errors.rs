//! What fails, and what is done about it.

use std::time::Duration;

use duroxide_core::{ActivityContext, BackoffStrategy, OrchestrationContext, RetryPolicy};

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

/// An attempt that takes too long is given up, and told so.
pub(crate) async fn a_slow_attempt_is_given_up(cx: &Cx) {
    async fn fetch(ctx: OrchestrationContext, _: String) -> Text {
        let policy = RetryPolicy::new(2).with_timeout(Duration::from_secs(1));
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
