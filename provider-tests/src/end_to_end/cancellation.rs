//! Instances that somebody cancels.

use std::time::Duration;

use duroxide_core::{EventKind, OrchestrationContext};

use super::stage::{Code, Gate, Handles, LEASE, Text, World, types};
use crate::support::Cx;

async fn work(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Work", "").into_activity().await
}

/// It waits for an event and a timer: neither comes, and it ends all the same.
pub(crate) async fn a_waiting_instance_is_cancelled(cx: &Cx) {
    async fn wait(ctx: OrchestrationContext, _: String) -> Text {
        let event = ctx.schedule_wait("Never");
        let timer = ctx.schedule_timer(Duration::from_hours(1));
        Ok(format!("{:?}", ctx.select2(event, timer).await))
    }
    let (world, _node) = World::with_node(cx, Code::of("Wait", wait)).await;
    world.begin("waits", "Wait", "").await;
    let is_timer = |kind: &EventKind| matches!(kind, EventKind::TimerCreated { .. });
    world.reaches("waits", is_timer).await;

    world.cancel("waits").await;

    let failure = world.failure("waits").await;
    assert_eq!(failure.display_message(), "canceled: enough");
}

/// Its activity is told, and what that returns is not wanted.
pub(crate) async fn a_working_instance_is_cancelled(cx: &Cx) {
    let gate = Gate::closed();
    let code = Code::of("Work", work).activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("works", "Work", "").await;
    gate.begun(1).await;

    world.cancel("works").await;

    let failure = world.failure("works").await;
    assert_eq!(failure.display_message(), "canceled: enough");
    gate.cancelled(1).await;
    let history = types(&world.history("works").await);
    assert!(!history.contains(&"activity failed"), "{history:?}");
}

/// An instance that has ended, or that nobody has begun to work on, can be cancelled as well.
pub(crate) async fn a_cancellation_comes_too_early_or_too_late(cx: &Cx) {
    async fn nothing(_: OrchestrationContext, _: String) -> Text {
        Ok("done".to_owned())
    }
    let world = World::open(cx, Code::of("Nothing", nothing));
    world.begin("early", "Nothing", "").await;
    world.cancel("early").await;
    let _node = world.node().await;
    assert_eq!(world.run("late", "Nothing", "").await, "done");

    world.cancel("late").await;

    let failure = world.failure("early").await;
    assert_eq!(failure.display_message(), "canceled: enough");
    // A turn for another instance shows that the node has not stumbled over the late one.
    assert_eq!(world.run("next", "Nothing", "").await, "done");
    assert_eq!(world.output("late").await, "done");
}

/// One node runs the activity, another one the turn that cancels it: the renewal of the lease tells
/// the first.
pub(crate) async fn an_activity_elsewhere_hears_of_its_cancellation(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let gate = Gate::closed();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let (world, worker) = World::with_node(&cx.twin().await, code).await;
        world.begin("works", "Work", "").await;
        gate.begun(1).await;
        worker.refuse_turns();
        let _other = world.further_node(*handles, |_| {}).await;

        world.cancel("works").await;

        let failure = world.failure("works").await;
        assert_eq!(failure.display_message(), "canceled: enough");
        world.pass(LEASE / 2).await;
        gate.cancelled(1).await;
        assert_eq!(gate.runs(), 1, "{handles:?}");
    }
}
