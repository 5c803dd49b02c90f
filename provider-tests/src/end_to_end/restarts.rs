//! Stores that outlive their nodes.

use duroxide_core::{ActivityContext, EventKind, OrchestrationContext};

use super::stage::{Code, Gate, LEASE, Text, World, count, types};
use crate::support::Cx;

/// Two activities with an event in between.
async fn three_steps(ctx: OrchestrationContext, _: String) -> Text {
    let first = ctx.schedule_activity("First", "a").into_activity().await?;
    let event = ctx.schedule_wait("Go").into_event().await;
    let last = ctx.schedule_activity("Last", "c").into_activity().await?;
    Ok(format!("{first}{event}{last}"))
}

const THREE_STEPS: [&str; 8] = [
    "started",
    "activity",
    "activity done",
    "wait",
    "event",
    "activity",
    "activity done",
    "completed",
];

fn three_step_code(first: &Gate, last: &Gate) -> Code {
    Code::of("Three", three_steps)
        .activity("First", first.activity())
        .activity("Last", last.activity())
}

/// A shutdown gives back what it does not finish, and the next node goes on from there at once.
pub(crate) async fn a_shutdown_hands_the_work_over(cx: &Cx) {
    let (first, last) = (Gate::closed(), Gate::closed());
    let (world, node) = World::with_node(cx, three_step_code(&first, &last)).await;
    world.begin("three", "Three", "").await;
    first.begun(1).await;
    node.stop().await;

    first.open();
    let node = world.node().await;
    world.waits_for("three", "Go").await;
    node.stop().await;

    world.raise("three", "Go", "b").await;
    let node = world.node().await;
    last.begun(1).await;
    node.stop().await;

    last.open();
    let _node = world.node().await;
    assert_eq!(world.output("three").await, "abc");
    assert_eq!(types(&world.history("three").await), THREE_STEPS);
    assert_eq!((first.runs(), last.runs()), (2, 2));
}

/// The same when the process dies each time: the history has each step once.
pub(crate) async fn a_crash_at_every_step_loses_nothing(cx: &Cx) {
    let (first, last) = (Gate::closed(), Gate::closed());
    let code = three_step_code(&first, &last);
    let (world, node) = World::with_node(&cx.twin().await, code).await;
    world.begin("three", "Three", "").await;
    first.begun(1).await;
    node.kill().await;

    let world = world.after_a_crash().await;
    first.open();
    let node = world.node().await;
    world.pass(LEASE).await;
    world.waits_for("three", "Go").await;
    node.kill().await;

    let world = world.after_a_crash().await;
    world.raise("three", "Go", "b").await;
    let node = world.node().await;
    world.pass(LEASE).await;
    last.begun(1).await;
    node.kill().await;

    let world = world.after_a_crash().await;
    last.open();
    let _node = world.node().await;
    world.pass(LEASE).await;
    assert_eq!(world.output("three").await, "abc");
    assert_eq!(types(&world.history("three").await), THREE_STEPS);
}

/// Nobody knows that the process is gone: the activity runs again when its lease has passed, and
/// can tell that it is the second time.
pub(crate) async fn an_abandoned_activity_runs_again(cx: &Cx) {
    async fn work(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Work", "").into_activity().await
    }
    let gate = Gate::closed();
    let pass = gate.activity();
    let attempt = move |ctx: ActivityContext, input| {
        let (attempt, passed) = (ctx.attempt(), pass(ctx, input));
        async move { passed.await.map(|_| format!("attempt {attempt}")) }
    };
    let code = Code::of("Work", work).activity("Work", attempt);
    let (world, node) = World::with_node(&cx.twin().await, code).await;
    world.begin("works", "Work", "").await;
    gate.begun(1).await;
    node.kill().await;

    let world = world.after_a_crash().await;
    let _node = world.node().await;
    world.pass(LEASE).await;
    gate.begun(2).await;
    gate.open();

    assert_eq!(world.output("works").await, "attempt 2");
}

/// A node that keeps nothing in memory replays each turn from the store.
pub(crate) async fn cold_instances_go_on(cx: &Cx) {
    async fn steps(ctx: OrchestrationContext, instance: String) -> Text {
        let mut text = instance;
        for step in ["a", "b", "c"] {
            let work = ctx.schedule_activity("Echo", format!("{text}{step}"));
            text = work.into_activity().await?;
            text.push_str(&ctx.schedule_wait("Go").into_event().await);
        }
        Ok(text)
    }
    let world = World::open(cx, Code::of("Steps", steps));
    let _node = world
        .node_with(|it| it.options.warm_instances_max = 0)
        .await;
    let instances = ["1", "2", "3", "4", "5"];
    for instance in instances {
        world.begin(instance, "Steps", instance).await;
    }
    for event in ["x", "y", "z"] {
        for instance in instances {
            world.raise(instance, "Go", event).await;
        }
    }
    for instance in instances {
        assert_eq!(world.output(instance).await, format!("{instance}axbycz"));
        let waits = |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { .. });
        assert_eq!(count(&world.history(instance).await, waits), 3);
    }
}
