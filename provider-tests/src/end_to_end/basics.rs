//! Activities, one after another and side by side.

use duroxide_core::{DurableFuture, EventKind, OrchestrationContext};

use super::stage::{Code, Gate, Text, World, activity_output, count, types};
use crate::support::Cx;

pub(crate) async fn an_orchestration_completes(cx: &Cx) {
    async fn greet(ctx: OrchestrationContext, name: String) -> Text {
        let greeting = format!("Hello, {name}!");
        ctx.schedule_activity("Echo", greeting)
            .into_activity()
            .await
    }
    let (world, _node) = World::with_node(cx, Code::of("Greet", greet)).await;

    assert_eq!(world.run("one", "Greet", "Rust").await, "Hello, Rust!");
    assert_eq!(
        types(&world.history("one").await),
        ["started", "activity", "activity done", "completed"]
    );
}

/// Each step is given what the one before returned.
pub(crate) async fn a_chain_passes_results_on(cx: &Cx) {
    async fn chain(ctx: OrchestrationContext, mut text: String) -> Text {
        for letter in 'a'..='t' {
            text = ctx
                .schedule_activity("Append", format!("{text}{letter}"))
                .into_activity()
                .await?;
        }
        Ok(text)
    }
    let code = Code::of("Chain", chain)
        .activity("Append", |_, text| async move { Ok(format!("{text}.")) });
    let (world, _node) = World::with_node(cx, code).await;

    let output = world.run("chain", "Chain", "").await;

    assert_eq!(output, "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.r.s.t.");
}

/// Schedules as many activities as the input says and adds up what they return.
async fn fan_out(ctx: OrchestrationContext, width: String) -> Text {
    let width: u32 = width.parse().map_err(|_| "no number".to_owned())?;
    let work = |number: u32| ctx.schedule_activity("Echo", number.to_string());
    let work: Vec<DurableFuture> = (1..=width).map(work).collect();
    let mut sum = 0;
    for output in ctx.join(work).await {
        let number = activity_output(output)?;
        sum += number.parse::<u32>().map_err(|_| "no number".to_owned())?;
    }
    Ok(sum.to_string())
}

pub(crate) async fn a_hundred_activities_side_by_side(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Sum", fan_out)).await;

    assert_eq!(world.run("sum", "Sum", "100").await, "5050");
    let history = world.history("sum").await;
    let done = count(&history, |kind| {
        matches!(kind, EventKind::ActivityCompleted { .. })
    });
    assert_eq!(done, 100);
}

/// More than one execution's history holds, and more than one node takes at once.
pub(crate) async fn a_thousand_activities_side_by_side(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Sum", fan_out)).await;
    let parts = ["a", "b", "c", "d"];

    for part in parts {
        world.begin(part, "Sum", "250").await;
    }

    for part in parts {
        assert_eq!(world.output(part).await, "31375", "{part}");
    }
}

/// What loses a selection is withdrawn from the store, and told so if it runs.
pub(crate) async fn a_dropped_loser_is_cancelled(cx: &Cx) {
    async fn race(ctx: OrchestrationContext, _: String) -> Text {
        let slow = ctx.schedule_activity("Slow", "");
        let stop = ctx.schedule_wait("Stop");
        let (winner, _) = ctx.select2(slow, stop).await;
        // What comes after the race is not disturbed by the loser.
        let after = ctx.schedule_activity("Echo", format!("{winner} won"));
        after.into_activity().await
    }
    let gate = Gate::closed();
    let code = Code::of("Race", race).activity("Slow", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("race", "Race", "").await;
    gate.begun(1).await;

    world.raise("race", "Stop", "").await;

    assert_eq!(world.output("race").await, "1 won");
    gate.cancelled(1).await;
    assert_eq!(gate.runs(), 1);
}
