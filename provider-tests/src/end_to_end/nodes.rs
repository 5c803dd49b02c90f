//! Two nodes on one store, through one handle and, where that is offered, through two.

use duroxide_core::{ActivityContext, EventKind, OrchestrationContext};

use super::stage::{Code, Fuse, Gate, Handles, LEASE, Text, World, count, types, until};
use crate::support::{Cx, id};

async fn work(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Work", "done").into_activity().await
}

/// Each has room for one activity: two of them run at once only if both nodes work.
pub(crate) async fn two_nodes_share_the_work(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let gate = Gate::closed();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let world = World::open(&cx.twin().await, code);
        let _one = world
            .node_with(|it| it.options.worker_concurrency = 1)
            .await;
        let other = world.further_node(*handles, |it| it.options.worker_concurrency = 1);
        let _other = other.await;
        for instance in ["a", "b", "c", "d"] {
            world.begin(instance, "Work", "").await;
        }

        gate.begun(2).await;
        gate.open();

        for instance in ["a", "b", "c", "d"] {
            assert_eq!(world.output(instance).await, "done", "{handles:?}");
        }
        assert_eq!(gate.runs(), 4, "{handles:?}");
    }
}

/// Instances go back and forth between the nodes, which both take what they can.
pub(crate) async fn two_nodes_take_turns(cx: &Cx) {
    const INSTANCES: usize = 20;
    async fn steps(ctx: OrchestrationContext, _: String) -> Text {
        let mut text = String::new();
        for step in 0..5 {
            let work = ctx.schedule_activity("Echo", step.to_string());
            text.push_str(&work.into_activity().await?);
            text.push_str(&ctx.schedule_wait("Go").into_event().await);
        }
        Ok(text)
    }
    for handles in Handles::offered_by(cx) {
        let (world, _one) = World::with_node(&cx.twin().await, Code::of("Steps", steps)).await;
        let _other = world.further_node(*handles, |_| {}).await;
        for number in 0..INSTANCES {
            world.begin(&number.to_string(), "Steps", "").await;
        }
        for event in ["a", "b", "c", "d", "e"] {
            for number in 0..INSTANCES {
                world.raise(&number.to_string(), "Go", event).await;
            }
        }
        for number in 0..INSTANCES {
            let output = world.output(&number.to_string()).await;
            assert_eq!(output, "0a1b2c3d4e", "{handles:?}");
        }
    }
}

/// What a killed node had in hand is finished by the other one, each step recorded once.
pub(crate) async fn the_other_node_finishes(cx: &Cx) {
    const INSTANCES: u32 = 10;
    for handles in Handles::offered_by(cx) {
        let gate = Gate::closed();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let (world, one) = World::with_node(&cx.twin().await, code).await;
        for number in 0..INSTANCES {
            world.begin(&number.to_string(), "Work", "").await;
        }
        gate.begun(INSTANCES).await;
        let _other = world.further_node(*handles, |_| {}).await;

        one.kill().await;
        world.pass(LEASE).await;

        gate.begun(2 * INSTANCES).await;
        gate.open();
        for number in 0..INSTANCES {
            let instance = number.to_string();
            assert_eq!(world.output(&instance).await, "done", "{handles:?}");
            assert_eq!(
                types(&world.history(&instance).await),
                ["started", "activity", "activity done", "completed"]
            );
        }
    }
}

/// A node that stood still longer than its lease lasts reports what its activity returned: too late,
/// since the other node runs it by now.
pub(crate) async fn a_late_outcome_does_not_count(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let (first, second) = (Gate::closed(), Gate::closed());
        let (early, late) = (first.activity(), second.activity());
        let attempt = move |ctx: ActivityContext, _| match ctx.attempt() {
            1 => early(ctx, "first".to_owned()),
            _ => late(ctx, "second".to_owned()),
        };
        let code = Code::of("Work", work).activity("Work", attempt);
        let (world, one) = World::with_node(&cx.twin().await, code).await;
        world.begin("works", "Work", "").await;
        first.begun(1).await;
        one.freeze();
        let _other = world.further_node(*handles, |_| {}).await;
        world.pass(LEASE).await;
        second.begun(1).await;

        first.open();
        one.thaw().await;
        second.open();

        assert_eq!(world.output("works").await, "second", "{handles:?}");
    }
}

/// The same for a turn that a node had not committed when it stood still.
pub(crate) async fn a_late_turn_does_not_count(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let gate = Gate::closed();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let world = World::open(&cx.twin().await, code);
        let freeze = Fuse::Freeze(id("works"));
        let one = world.node_with(|it| it.fuse = Some(freeze)).await;
        world.begin("works", "Work", "").await;
        one.frozen().await;
        let _other = world.further_node(*handles, |_| {}).await;
        world.pass(LEASE).await;
        gate.begun(1).await;

        one.thaw().await;
        gate.open();

        assert_eq!(world.output("works").await, "done", "{handles:?}");
        assert_eq!(
            types(&world.history("works").await),
            ["started", "activity", "activity done", "completed"]
        );
        assert_eq!(gate.runs(), 1, "{handles:?}");
    }
}

/// An instance goes from node to node, and each reads what the others have added since it had the
/// instance, and nothing more.
pub(crate) async fn nodes_catch_up_with_each_other(cx: &Cx) {
    const NODES: usize = 3;
    const EVENTS: usize = 60;
    async fn collect(ctx: OrchestrationContext, _: String) -> Text {
        let mut text = String::new();
        for _ in 0..EVENTS {
            text.push_str(&ctx.schedule_wait("Go").into_event().await);
        }
        Ok(text)
    }
    let world = World::open(cx, Code::of("Collect", collect));
    let mut nodes = Vec::new();
    for _ in 0..NODES {
        let node = world.node().await;
        node.refuse_turns();
        nodes.push(node);
    }
    world.begin("collects", "Collect", "").await;
    for number in 0..EVENTS {
        let node = &nodes[number % NODES];
        node.take_turns();
        let taken = async || {
            let history = world.history("collects").await;
            (count(&history, is_wait) > number).then_some(())
        };
        until("the wait for the next event", taken).await;
        node.refuse_turns();
        world.raise("collects", "Go", "x").await;
    }
    nodes[0].take_turns();

    assert_eq!(world.output("collects").await, "x".repeat(EVENTS));
    let replayed: u64 = nodes
        .iter()
        .map(|node| node.metrics().events_replayed)
        .sum();
    let cold: u64 = nodes.iter().map(|node| node.metrics().turns_cold).sum();
    // A turn adds two events, and a node misses two turns between two of its own.
    let events_max = 2 * NODES * EVENTS + 4 * NODES * NODES;
    assert!(replayed <= events_max as u64, "{replayed} events replayed");
    assert!(cold <= NODES as u64, "{cold} histories read as a whole");
}

fn is_wait(kind: &EventKind) -> bool {
    matches!(kind, EventKind::ExternalSubscribed { .. })
}
