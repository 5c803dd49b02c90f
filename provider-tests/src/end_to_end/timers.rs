//! Timers: each fires once, and none early, which every look at a history checks.

use std::time::Duration;

use duroxide_core::{DurableFuture, EventKind, OrchestrationContext};

use super::stage::{Code, Text, World, count};
use crate::support::Cx;

fn is_fired(kind: &EventKind) -> bool {
    matches!(kind, EventKind::TimerFired { .. })
}

/// They become due together, which is more than a node takes at once.
pub(crate) async fn a_thousand_timers_fire(cx: &Cx) {
    async fn many(ctx: OrchestrationContext, width: String) -> Text {
        let width: usize = width.parse().map_err(|_| "no number".to_owned())?;
        let timer = || ctx.schedule_timer(Duration::from_secs(1));
        let timers: Vec<DurableFuture> = (0..width).map(|_| timer()).collect();
        Ok(ctx.join(timers).await.len().to_string())
    }
    let (world, _node) = World::with_node(cx, Code::of("Many", many)).await;
    let parts = ["a", "b", "c", "d"];

    for part in parts {
        world.begin(part, "Many", "250").await;
    }

    for part in parts {
        assert_eq!(world.output(part).await, "250", "{part}");
        assert_eq!(count(&world.history(part).await, is_fired), 250);
    }
}

/// Timers of many lengths in many instances: each wakes its own.
pub(crate) async fn a_hundred_instances_sleep(cx: &Cx) {
    async fn sleep(ctx: OrchestrationContext, number: String) -> Text {
        let number: u64 = number.parse().map_err(|_| "no number".to_owned())?;
        let timer = |millis| ctx.schedule_timer(Duration::from_millis(millis));
        // The longer one is asked for first: the order is that of the ends.
        let both = vec![timer(1_500), timer(100 * (number % 7 + 1))];
        let (first, _) = ctx.select(both).await;
        timer(10 * number).into_timer().await;
        Ok(format!("{number}: {first}"))
    }
    let (world, _node) = World::with_node(cx, Code::of("Sleep", sleep)).await;

    for number in 0..100 {
        let number = number.to_string();
        world.begin(&number, "Sleep", &number).await;
    }

    for number in 0..100 {
        let output = world.output(&number.to_string()).await;
        assert_eq!(output, format!("{number}: 1"));
    }
}

/// A timer needs no node while it runs; one that comes later finds it due.
pub(crate) async fn a_timer_outlives_its_node(cx: &Cx) {
    const DELAY: Duration = Duration::from_secs(20);
    async fn sleep(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_timer(DELAY).into_timer().await;
        Ok("awake".to_owned())
    }
    let (world, node) = World::with_node(cx, Code::of("Sleep", sleep)).await;
    world.begin("sleeper", "Sleep", "").await;
    let is_created = |kind: &EventKind| matches!(kind, EventKind::TimerCreated { .. });
    world.reaches("sleeper", is_created).await;
    node.stop().await;

    world.pass(DELAY).await;
    let _node = world.node().await;

    assert_eq!(world.output("sleeper").await, "awake");
    assert_eq!(count(&world.history("sleeper").await, is_fired), 1);
}
