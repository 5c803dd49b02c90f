//! Looks into the mailbox that wait for nothing.

use std::time::Duration;

use duroxide_core::{EventKind, OrchestrationContext};

use super::events::schedule;
use super::stage::{Code, Gate, Handles, Text, World, count};
use crate::support::Cx;

/// Takes all that is there, once it is told to.
async fn drains(ctx: OrchestrationContext, _: String) -> Text {
    let mut taken = Vec::new();
    ctx.schedule_wait("Go").into_event().await;
    while let Some(data) = ctx.try_wait("E").await {
        taken.push(data);
    }
    Ok(taken.join(","))
}

fn is_absent(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ExternalAbsent { .. })
}

/// What was sent before is there, all of it, and then there is nothing: each look is answered at once.
pub(crate) async fn a_look_finds_what_is_there(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Drains", drains)).await;
    for (instance, events) in [("none", 0), ("one", 1), ("many", 300)] {
        world.begin(instance, "Drains", "").await;
        world.waits_for(instance, "Go").await;
        let sent: Vec<String> = (0..events).map(|number| number.to_string()).collect();
        for data in &sent {
            world.raise(instance, "E", data).await;
        }

        world.raise(instance, "Go", "").await;

        assert_eq!(world.output(instance).await, sent.join(","), "{instance}");
        assert_eq!(count(&world.history(instance).await, is_absent), 1);
    }
}

/// The node that goes on from a history gives no look another answer than it had, `nothing` included.
pub(crate) async fn another_node_repeats_what_was_not_there(cx: &Cx) {
    async fn looks_twice(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.try_wait("E").await;
        ctx.schedule_wait("Go").into_event().await;
        let second = ctx.try_wait("E").await;
        Ok(format!("{first:?} {second:?}"))
    }
    for handles in Handles::offered_by(cx) {
        let code = Code::of("Looks", looks_twice);
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        world.begin("looks", "Looks", "").await;
        world.waits_for("looks", "Go").await;
        world.raise("looks", "E", "data").await;
        node.kill().await;
        let other = world.further_node(*handles, |_| {}).await;

        world.raise("looks", "Go", "").await;

        let output = world.output("looks").await;
        assert_eq!(output, "None Some(\"data\")", "{handles:?}");
        drop(other);
    }
}

/// What was sent before an activity ended is there for the code that hears of its end, whichever turn
/// that is, and however often the mailbox was read in it.
pub(crate) async fn a_look_sees_what_came_before_its_cause(cx: &Cx) {
    async fn follows(ctx: OrchestrationContext, _: String) -> Text {
        let result = ctx.schedule_activity("Gated", "").into_activity().await?;
        let nothing = ctx.try_wait("Other").await;
        let something = ctx.try_wait("E").await;
        Ok(format!("{result}{nothing:?} {something:?}"))
    }
    let gate = Gate::closed();
    let code = Code::of("Follows", follows).activity("Gated", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("follows", "Follows", "").await;
    gate.begun(1).await;
    world.raise("follows", "E", "data").await;

    gate.open();

    assert_eq!(world.output("follows").await, "None Some(\"data\")");
}

/// A wait of the same name that was there before comes first, and a look wakes nobody later.
pub(crate) async fn a_look_comes_after_a_wait(cx: &Cx) {
    async fn both(ctx: OrchestrationContext, _: String) -> Text {
        let mut wait = ctx.schedule_wait("E");
        schedule(&mut wait).await;
        ctx.schedule_wait("Go").into_event().await;
        let look = ctx.try_wait("E").await;
        let wait = wait.into_event().await;
        ctx.schedule_timer(Duration::from_millis(100)).await;
        Ok(format!("{wait} {look:?} {:?}", ctx.try_wait("E").await))
    }
    let (world, _node) = World::with_node(cx, Code::of("Both", both)).await;
    world.begin("both", "Both", "").await;
    world.waits_for("both", "Go").await;
    world.raise("both", "Go", "").await;
    world.reaches("both", is_absent).await;
    world.raise("both", "E", "1").await;
    world.raise("both", "E", "2").await;

    assert_eq!(world.output("both").await, "1 None Some(\"2\")");
}

/// A turn has room for so much; code that looks for more goes on in the next one.
pub(crate) async fn looks_that_fill_a_turn_go_on(cx: &Cx) {
    async fn counts(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_wait("Go").into_event().await;
        let mut bytes = 0;
        let mut looks = 0;
        while let Some(data) = ctx.try_wait("E").await {
            bytes += data.len();
            looks += 1;
        }
        Ok(format!("{looks} {bytes}"))
    }
    const EVENTS: usize = 12;
    let (world, node) = World::with_node(cx, Code::of("Counts", counts)).await;
    world.begin("counts", "Counts", "").await;
    world.waits_for("counts", "Go").await;
    let bytes = (cx.limits().commit_bytes_max / 16).min(cx.limits().body_bytes_max / 2);
    let data = "x".repeat(bytes);
    for _ in 0..EVENTS {
        world.raise("counts", "E", &data).await;
    }

    world.raise("counts", "Go", "").await;

    let expected = format!("{EVENTS} {}", EVENTS * bytes);
    assert_eq!(world.output("counts").await, expected);
    drop(node);
}
