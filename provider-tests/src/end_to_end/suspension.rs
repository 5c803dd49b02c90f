//! Instances that a person stops for a while.

use std::time::Duration;

use duroxide_core::{EventKind, OrchestrationContext, OrchestrationStatus};

use super::stage::{Code, Gate, Handles, Text, World, types, until};
use crate::support::Cx;

/// How long the timer of [`patient`] takes: long enough for a suspension to come before it on a busy machine.
const TIMER: Duration = Duration::from_secs(5);

/// Takes an event, waits for a timer, and returns both.
async fn patient(ctx: OrchestrationContext, _: String) -> Text {
    let data = ctx.schedule_wait("E").into_event().await;
    ctx.schedule_timer(TIMER).await;
    ctx.schedule_activity("Echo", data).into_activity().await
}

impl World {
    async fn suspend(&self, instance: &str) {
        let suspended = self.client.suspend_instance(instance).await;
        suspended.expect("the instance is there");
        self.stands(instance, true).await;
    }

    async fn resume(&self, instance: &str) {
        let resumed = self.client.resume_instance(instance).await;
        resumed.expect("the instance is there");
    }

    async fn stands(&self, instance: &str, suspended: bool) {
        until(instance, async || {
            let info = self.client.get_instance_info(instance).await;
            (info.expect("it is there").suspended == suspended).then_some(())
        })
        .await;
    }
}

/// A suspended instance does nothing, whatever comes for it, and goes on with all of it.
pub(crate) async fn a_suspended_instance_does_nothing(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Patient", patient)).await;
    world.begin("i", "Patient", "").await;
    world.waits_for("i", "E").await;
    world.suspend("i").await;
    world.raise("i", "E", "data").await;
    world.pass(Duration::from_secs(2)).await;
    assert_eq!(world.history("i").await.len(), 2);

    world.resume("i").await;

    world
        .reaches("i", |kind| matches!(kind, EventKind::TimerCreated { .. }))
        .await;
    world.suspend("i").await;
    world.pass(TIMER * 2).await;
    let fired = |kind: &EventKind| matches!(kind, EventKind::TimerFired { .. });
    assert!(
        !world
            .history("i")
            .await
            .iter()
            .any(|event| fired(&event.kind))
    );
    world.resume("i").await;
    assert_eq!(world.output("i").await, "data");
}

/// A suspended instance can be cancelled, and is not suspended any more.
pub(crate) async fn a_suspended_instance_can_be_cancelled(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Patient", patient)).await;
    world.begin("i", "Patient", "").await;
    world.waits_for("i", "E").await;
    world.suspend("i").await;

    world.cancel("i").await;

    let ended = world.end("i").await;
    assert!(
        matches!(ended, OrchestrationStatus::Failed { .. }),
        "{ended:?}"
    );
    world.stands("i", false).await;
}

/// An instance that is suspended and cancelled before its first turn begins with its start, as every other
/// one does.
pub(crate) async fn a_cancellation_before_the_first_turn_records_the_start(cx: &Cx) {
    let world = World::open(cx, Code::of("Patient", patient));
    world.begin("i", "Patient", "the input").await;
    let suspended = world.client.suspend_instance("i").await;
    suspended.expect("the instance is there");
    let _node = world.node().await;
    world.stands("i", true).await;

    world.cancel("i").await;

    let ended = world.end("i").await;
    assert!(
        matches!(ended, OrchestrationStatus::Failed { .. }),
        "{ended:?}"
    );
    let history = world.history("i").await;
    let first = history.first().map(|event| &event.kind);
    assert!(
        matches!(first, Some(EventKind::OrchestrationStarted { input, .. }) if input == "the input"),
        "{first:?}"
    );
}

/// A suspension holds against the turns that a node takes without a claim: what an activity brings is
/// recorded, and the code does not hear of it.
pub(crate) async fn a_suspension_stops_a_chain(cx: &Cx) {
    const STEPS: usize = 200;
    async fn chain(ctx: OrchestrationContext, _: String) -> Text {
        for step in 0..STEPS {
            ctx.schedule_activity("Echo", step.to_string())
                .into_activity()
                .await?;
        }
        Ok("done".to_owned())
    }
    let (world, _node) = World::with_node(cx, Code::of("Chain", chain)).await;
    world.begin("chain", "Chain", "").await;
    world
        .reaches("chain", |kind| {
            matches!(kind, EventKind::ActivityCompleted { .. })
        })
        .await;
    let mut stops = 0;
    while matches!(world.status("chain").await, OrchestrationStatus::Running) && stops < 3 {
        let suspended = world.client.suspend_instance("chain").await;
        suspended.expect("it is there");
        until("the chain stands still, or is over", async || {
            let info = world.client.get_instance_info("chain").await;
            let is_over = !matches!(world.status("chain").await, OrchestrationStatus::Running);
            (is_over || info.expect("it is there").suspended).then_some(())
        })
        .await;
        let length = world.history("chain").await.len();
        world.pass(Duration::from_secs(1)).await;
        let is_over = !matches!(world.status("chain").await, OrchestrationStatus::Running);
        assert!(is_over || world.history("chain").await.len() == length);
        world.resume("chain").await;
        stops += 1;
    }

    assert_eq!(world.output("chain").await, "done");
    assert_eq!(world.history("chain").await.len(), 2 * STEPS + 2);
}

/// An outcome that comes while the instance is suspended is recorded once, and the code hears of it when
/// the instance is resumed: whether the node that has the code in memory suspended it, or another one did
/// and the node tries to go on from where it stood.
pub(crate) async fn an_outcome_that_meets_a_suspension_waits(cx: &Cx) {
    async fn two_steps(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.schedule_activity("Gated", "first").into_activity();
        let first = first.await?;
        ctx.schedule_activity("Echo", first).into_activity().await
    }
    for is_elsewhere in [false, true] {
        let gate = Gate::closed();
        let code = Code::of("Steps", two_steps).activity("Gated", gate.activity());
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        world.begin("i", "Steps", "").await;
        gate.begun(1).await;
        let mut other = None;
        if is_elsewhere {
            node.refuse_turns();
            other = Some(world.further_node(Handles::One, |_| {}).await);
        }

        world.suspend("i").await;
        gate.open();
        world.pass(Duration::from_secs(2)).await;

        assert_eq!(types(&world.history("i").await).len(), 2, "{is_elsewhere}");
        node.take_turns();
        world.resume("i").await;
        assert_eq!(world.output("i").await, "first");
        assert_eq!(gate.runs(), 1, "{is_elsewhere}");
        drop((node, other));
    }
}

/// A parent hears that the id of its child is taken, though the instance that has it is suspended.
pub(crate) async fn a_suspended_instance_answers_a_start(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.schedule_sub_orchestration("Patient", "");
        ctx.join(vec![first, ctx.schedule_wait("On")]).await;
        let second = ctx.schedule_sub_orchestration("Patient", "");
        second.into_sub_orchestration().await
    }
    let code = Code::of("Patient", patient).orchestration("Parent", parent);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("parent", "Parent", "").await;
    world.waits_for("parent", "On").await;
    let first = world.child_of("parent").await;
    world.raise(&first, "E", "").await;
    // A child's id names the event that schedules it, and the life of its parent.
    let second = first.replace("::sub::2-", "::sub::6-");
    world.begin(&second, "Patient", "").await;
    world.waits_for(&second, "E").await;
    world.suspend(&second).await;
    world.output(&first).await;

    world.raise("parent", "On", "").await;

    let details = world.failure("parent").await;
    assert!(details.display_message().contains(&second), "{details:?}");
    let status = world.status(&second).await;
    assert!(matches!(status, OrchestrationStatus::Running), "{status:?}");
}
