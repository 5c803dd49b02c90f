//! Instances that tell each other something.

use duroxide_core::{EventKind, OrchestrationContext, OrchestrationStatus};

use super::stage::{Code, Handles, Text, World, count};
use crate::support::Cx;

/// Raises so many numbered events for `to`, each after an activity, and an end.
async fn teller(ctx: OrchestrationContext, input: String) -> Text {
    let events: u32 = input.parse().map_err(|_| "no number".to_owned())?;
    for number in 0..events {
        let data = ctx.schedule_activity("Echo", number.to_string());
        ctx.raise_event("listener", "E", data.into_activity().await?);
    }
    ctx.raise_event("listener", "E", "stop");
    Ok("told".to_owned())
}

/// Takes one event in each execution, until it is told to stop.
async fn listener(ctx: OrchestrationContext, mut heard: String) -> Text {
    let data = ctx.schedule_wait("E").into_event().await;
    if data == "stop" {
        return Ok(heard);
    }
    heard.push_str(&data);
    ctx.continue_as_new(heard).await
}

fn is_raised(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ExternalEventRaised { .. })
}

/// Each event arrives once and in order, though the nodes of both instances die, and the one that listens
/// is another execution for each of them.
pub(crate) async fn an_event_from_an_instance_arrives_once(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let code = Code::of("Teller", teller).orchestration("Listener", listener);
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        world.begin("listener", "Listener", "").await;
        world.begin("teller", "Teller", "9").await;
        world.reaches("teller", is_raised).await;
        let other = world.further_node(*handles, |_| {}).await;
        node.kill().await;

        assert_eq!(world.output("listener").await, "012345678", "{handles:?}");
        assert_eq!(world.output("teller").await, "told");
        assert_eq!(count(&world.history("teller").await, is_raised), 10);
        drop(other);
    }
}

/// Nobody is kept waiting for an instance that is not there, or not there any more.
pub(crate) async fn an_event_for_nobody_is_dropped(cx: &Cx) {
    async fn hopeful(ctx: OrchestrationContext, _: String) -> Text {
        for instance in ["absent", "ended", "lives"] {
            ctx.raise_event(instance, "E", "hello");
        }
        Ok("told".to_owned())
    }
    async fn waits(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("E").into_event().await)
    }
    let code = Code::of("Hopeful", hopeful).orchestration("Waits", waits);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("ended", "Waits", "").await;
    world.raise("ended", "E", "before").await;
    assert_eq!(world.output("ended").await, "before");
    world.begin("lives", "Waits", "").await;

    assert_eq!(world.run("hopeful", "Hopeful", "").await, "told");

    assert_eq!(world.output("lives").await, "hello");
    assert_eq!(world.output("ended").await, "before");
    assert_eq!(world.status("absent").await, OrchestrationStatus::NotFound);
    // The next one of that id has not heard of it.
    world.begin("absent", "Waits", "").await;
    world.raise("absent", "E", "later").await;
    assert_eq!(world.output("absent").await, "later");
}

/// A full mailbox stops clients and no instance: what a turn has decided is done.
pub(crate) async fn a_full_mailbox_keeps_no_instance_from_its_turn(cx: &Cx) {
    async fn two_names(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("Go").into_event().await)
    }
    async fn sender(ctx: OrchestrationContext, _: String) -> Text {
        ctx.raise_event("full", "Unwanted", "one more");
        ctx.raise_event("full", "Go", "on");
        Ok("told".to_owned())
    }
    let code = Code::of("TwoNames", two_names).orchestration("Sender", sender);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("full", "TwoNames", "").await;
    world.waits_for("full", "Go").await;
    cx.fill("full", "Unwanted").await;

    assert_eq!(world.run("sender", "Sender", "").await, "told");

    assert_eq!(world.output("full").await, "on");
}

/// An instance may write to itself, from one execution to the next.
pub(crate) async fn an_instance_writes_to_itself(cx: &Cx) {
    async fn diarist(ctx: OrchestrationContext, page: String) -> Text {
        if page.is_empty() {
            let id = ctx.instance_id().to_owned();
            ctx.raise_event(id.as_str(), "Note", "first");
            ctx.raise_event(id.as_str(), "Note", "second");
            return ctx.continue_as_new("read").await;
        }
        let first = ctx.schedule_wait("Note").into_event().await;
        Ok(first + " " + &ctx.schedule_wait("Note").into_event().await)
    }
    let (world, _node) = World::with_node(cx, Code::of("Diarist", diarist)).await;

    assert_eq!(world.run("diarist", "Diarist", "").await, "first second");
}
