//! Stores that outlive their nodes.

use duroxide_core::{ActivityContext, Event, EventKind, OrchestrationContext};

use super::stage::{Code, Gate, LEASE, Text, World, count, types};
use crate::support::{Cx, id};

/// Longer than an activity takes to hear of a shutdown, on any machine.
const PATIENCE_MS: u64 = 15_000;

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

/// Whatever a node has in hand when it is shut down, and however little time it gets, it holds no
/// lease afterwards: what is left can be claimed.
pub(crate) async fn a_shutdown_leaves_no_lease(cx: &Cx) {
    const INSTANCES: [&str; 4] = ["a", "b", "c", "d"];
    async fn rounds(ctx: OrchestrationContext, _: String) -> Text {
        for round in 0..100 {
            let work = |number| ctx.schedule_activity("Echo", format!("{round} {number}"));
            ctx.join((0..3).map(work).collect()).await;
            let work = ctx.schedule_activity("Echo", "");
            work.into_activity().await?;
        }
        Ok("done".to_owned())
    }
    for patience_ms in [0, 1, 0, 10, 0] {
        let cx = cx.twin().await;
        let world = World::open(&cx, Code::of("Rounds", rounds));
        // So long that a lease that is left does not pass before somebody looks.
        let node = world.node_with(|it| {
            it.options.orchestrator_lock_timeout = 1_000 * LEASE;
            it.options.worker_lock_timeout = 1_000 * LEASE;
        });
        let node = node.await;
        for instance in INSTANCES {
            world.begin(instance, "Rounds", "").await;
        }
        let is_done = |kind: &EventKind| matches!(kind, EventKind::ActivityCompleted { .. });
        world.reaches(INSTANCES[3], is_done).await;
        node.stop_within(patience_ms).await;

        let dump = cx.dump().await;
        for instance in INSTANCES {
            let history = world.history(instance).await;
            if history.last().is_some_and(Event::is_terminal) {
                continue;
            }
            let begun = |kind: &EventKind| matches!(kind, EventKind::ActivityScheduled { .. });
            let open = count(&history, begun) - count(&history, is_done);
            let turn = dump.turns.get(&id(instance));
            let queued = dump.activities.keys();
            let activities = queued.filter(|key| key.instance == id(instance)).count();
            let claimable = activities + turn.map_or(0, |(_, messages)| messages.len());
            let expected = if history.is_empty() { 1 } else { open };
            assert_eq!(claimable, expected, "{instance} after {patience_ms} ms");
        }
    }
}

/// It can end in time, and what it says then is not its outcome. The next run can tell that there
/// was one before, and however many there are, they are no sign of poison.
pub(crate) async fn an_activity_hears_of_a_shutdown(cx: &Cx) {
    async fn work(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Work", "").into_activity().await
    }
    const RUNS: u32 = 4;
    let (begun, told) = (Gate::closed(), Gate::closed());
    let (runs, hears) = (begun.clone(), told.clone());
    let cut_off = move |ctx: ActivityContext, _| {
        let (runs, hears) = (runs.clone(), hears.clone());
        async move {
            if runs.count() > RUNS {
                return Ok(format!("attempt {}", ctx.attempt()));
            }
            ctx.cancelled().await;
            assert!(ctx.is_cancelled() && ctx.is_shutting_down());
            hears.count();
            Err("cut off".to_owned())
        }
    };
    let world = World::open(cx, Code::of("Work", work).activity("Work", cut_off));
    world.begin("works", "Work", "").await;
    for run in 1..=RUNS {
        let node = world.node_with(|it| it.options.max_attempts = 1).await;
        begun.begun(run).await;
        node.stop_within(PATIENCE_MS).await;
        assert_eq!(told.runs(), run);
    }
    let _node = world.node_with(|it| it.options.max_attempts = 1).await;
    assert_eq!(world.output("works").await, "attempt 2");
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
