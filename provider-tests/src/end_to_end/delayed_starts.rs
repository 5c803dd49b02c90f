//! Instances that begin later.

use std::time::Duration;

use duroxide_core::{EventKind, OrchestrationContext, StartOptions, StartOutcome};

use super::stage::{Code, Text, World};
use crate::support::Cx;

const DELAY: Duration = Duration::from_secs(20);

async fn waits(ctx: OrchestrationContext, input: String) -> Text {
    Ok(input + &ctx.schedule_wait("E").into_event().await)
}

impl World {
    async fn begin_later(&self, instance: &str, delay: Duration) -> StartOutcome {
        let options = StartOptions::new().with_delay(delay);
        let started = self
            .client
            .start_orchestration_with(instance, "Waits", "in ", options);
        started.await.expect("the store takes the start")
    }

    async fn is_pending(&self, instance: &str) {
        let info = self.client.get_instance_info(instance).await;
        assert_eq!(info.expect("it is there").status, "Pending");
        assert!(self.history(instance).await.is_empty());
    }
}

/// It is there at once, and its code begins when it is due: a start of the same id finds it, and an event
/// waits for it.
pub(crate) async fn a_delayed_start_begins_in_time(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Waits", waits)).await;
    assert_eq!(
        world.begin_later("later", DELAY).await,
        StartOutcome::Started
    );
    let again = world.begin_later("later", Duration::ZERO).await;
    assert_eq!(again, StartOutcome::AlreadyExists);
    world.raise("later", "E", "data").await;
    world.pass(DELAY / 4).await;
    world.is_pending("later").await;
    let created_at_ms = world.client.get_instance_info("later").await;
    let created_at_ms = created_at_ms.expect("it is there").created_at;

    assert_eq!(world.output("later").await, "in data");

    let began_at_ms = world.history("later").await[0].timestamp_ms;
    let waited_ms = u128::from(began_at_ms.saturating_sub(created_at_ms));
    // The clocks of the store and of the node round, and need not be one.
    assert!(waited_ms + 1_000 >= DELAY.as_millis(), "{waited_ms} ms");
}

/// A delay needs no node, and one that begins later finds it over.
pub(crate) async fn a_delayed_start_outlives_its_node(cx: &Cx) {
    let (world, node) = World::with_node(cx, Code::of("Waits", waits)).await;
    let started = world.begin_later("later", DELAY).await;
    assert_eq!(started, StartOutcome::Started);
    node.kill().await;
    world.raise("later", "E", "data").await;
    world.pass(DELAY).await;
    world.is_pending("later").await;

    let _node = world.node().await;

    assert_eq!(world.output("later").await, "in data");
}

/// It can be cancelled and suspended before it is due, and never begins then.
pub(crate) async fn a_delayed_start_can_be_cancelled(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Waits", waits)).await;
    for (instance, is_suspended) in [("cancelled", false), ("suspended", true)] {
        let started = world.begin_later(instance, DELAY).await;
        assert_eq!(started, StartOutcome::Started);
        if is_suspended {
            let suspended = world.client.suspend_instance(instance).await;
            suspended.expect("the instance is there");
        }

        world.cancel(instance).await;

        let failure = world.failure(instance).await;
        assert_eq!(failure.display_message(), "canceled: enough");
        if let Ok(depths) = world.client.get_queue_depths().await {
            let left = depths.orchestrator_queue + depths.timer_queue;
            assert_eq!(left, 0, "nothing of it is left: {depths:?}");
        }
        let before = world.history(instance).await;
        world.pass(DELAY).await;
        assert_eq!(world.history(instance).await, before);
        let started = before.first().map(|event| &event.kind);
        let is_start = matches!(
            started,
            Some(EventKind::OrchestrationStarted { name, .. }) if name == "Waits"
        );
        assert!(is_start, "{started:?}");
    }
}

/// An orchestration has another one begin later, and does not wait for it.
pub(crate) async fn an_orchestration_starts_another_one_later(cx: &Cx) {
    async fn plans(ctx: OrchestrationContext, _: String) -> Text {
        let options = StartOptions::new().with_delay(DELAY);
        ctx.schedule_orchestration_with_options("Waits", "later", "in ", options);
        Ok("planned".to_owned())
    }
    let code = Code::of("Waits", waits).orchestration("Plans", plans);
    let (world, _node) = World::with_node(cx, code).await;
    assert_eq!(world.run("plans", "Plans", "").await, "planned");
    world.raise("later", "E", "data").await;
    world.is_pending("later").await;

    assert_eq!(world.output("later").await, "in data");
}
