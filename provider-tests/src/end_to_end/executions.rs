//! Orchestrations without an end, and code that changes.

use duroxide_core::{EventKind, OrchestrationContext, StartOptions, StartOutcome};

use super::stage::{Code, Text, World};
use crate::support::Cx;

/// Every input is taken once and in order, though executions end while they arrive.
pub(crate) async fn a_loop_takes_every_input(cx: &Cx) {
    const INPUTS: usize = 60;
    /// So many wait when the first node comes: one turn of it runs through several executions, and
    /// leaves the rest to the next one.
    const WAITING: usize = 40;
    async fn collect(ctx: OrchestrationContext, mut taken: String) -> Text {
        for _ in 0..3 {
            let input = ctx.schedule_wait("Input").into_event().await;
            taken.push_str(&input);
            taken.push(' ');
        }
        if taken.split_whitespace().count() < INPUTS {
            return ctx.continue_as_new(taken).await;
        }
        Ok(taken)
    }
    let world = World::open(cx, Code::of("Collect", collect));
    world.begin("loop", "Collect", "").await;
    for number in 0..WAITING {
        world.raise("loop", "Input", &number.to_string()).await;
    }

    let _node = world.node().await;
    for number in WAITING..INPUTS {
        world.raise("loop", "Input", &number.to_string()).await;
    }

    let output = world.output("loop").await;
    let expected: Vec<String> = (0..INPUTS).map(|number| number.to_string()).collect();
    assert_eq!(output.split_whitespace().collect::<Vec<_>>(), expected);
    let info = world.client.get_instance_info("loop").await;
    assert_eq!(info.expect("it is there").current_execution_id, 20);
}

/// The next round is asked for and not awaited: it comes all the same.
pub(crate) async fn a_next_execution_need_not_be_awaited(cx: &Cx) {
    async fn rounds(ctx: OrchestrationContext, round: String) -> Text {
        let done = ctx.schedule_activity("Echo", round).into_activity().await?;
        if done.len() < 5 {
            drop(ctx.continue_as_new(format!("{done}+")));
        }
        Ok(done)
    }
    let (world, _node) = World::with_node(cx, Code::of("Rounds", rounds)).await;

    assert_eq!(world.run("loop", "Rounds", "").await, "+++++");
}

/// Each execution's history stays as it was.
pub(crate) async fn a_loop_leaves_its_histories(cx: &Cx) {
    const ROUNDS: u64 = 40;
    async fn rounds(ctx: OrchestrationContext, round: String) -> Text {
        let done = ctx.schedule_activity("Echo", round).into_activity().await?;
        let round: u64 = done.parse().map_err(|_| "no number".to_owned())?;
        if round < ROUNDS {
            return ctx.continue_as_new((round + 1).to_string()).await;
        }
        Ok(done)
    }
    let (world, _node) = World::with_node(cx, Code::of("Rounds", rounds)).await;

    assert_eq!(world.run("loop", "Rounds", "1").await, ROUNDS.to_string());
    for execution in 1..ROUNDS {
        let history = world.history_of("loop", execution).await;
        let next = (execution + 1).to_string();
        assert_eq!(history.len(), 4, "execution {execution}");
        let last = history.last().map(|event| &event.kind);
        let expected = EventKind::OrchestrationContinuedAsNew { input: next };
        assert_eq!(last, Some(&expected), "execution {execution}");
    }
}

/// The first code: waits for an event, and goes on as whatever code there is if that says so.
async fn first(ctx: OrchestrationContext, _: String) -> Text {
    match &*ctx.schedule_wait("Go").into_event().await {
        "upgrade" => ctx.continue_as_new("").await,
        _ => Ok("first".to_owned()),
    }
}

/// The second code decides otherwise, and could not replay what the first one did.
async fn second(ctx: OrchestrationContext, _: String) -> Text {
    let done = ctx.schedule_activity("Echo", "second");
    done.into_activity().await
}

/// An instance keeps the version it began with until it continues as new.
pub(crate) async fn versions_live_side_by_side(cx: &Cx) {
    let (world, node) = World::with_node(cx, Code::of("Order", first)).await;
    for instance in ["stays", "moves"] {
        world.begin(instance, "Order", "").await;
        world.waits_for(instance, "Go").await;
    }
    node.stop().await;

    let code = Code::of("Order", first).version("Order", "2.0.0", second);
    let (world, _node) = World::with_node(cx, code).await;
    world.raise("stays", "Go", "").await;
    world.raise("moves", "Go", "upgrade").await;
    let options = StartOptions::new().with_version("1.0.0");
    let asked = world
        .client
        .start_orchestration_with("asks", "Order", "", options);
    let asked = asked.await.expect("the store takes it");
    assert_eq!(asked, StartOutcome::Started);
    world.raise("asks", "Go", "").await;

    assert_eq!(world.output("stays").await, "first");
    assert_eq!(world.output("moves").await, "second");
    assert_eq!(world.output("asks").await, "first");
    assert_eq!(world.run("new", "Order", "").await, "second");
    for (instance, version) in [("stays", "1.0.0"), ("moves", "2.0.0"), ("new", "2.0.0")] {
        let info = world.client.get_instance_info(instance).await;
        assert_eq!(info.expect("it is there").orchestration_version, version);
    }
}

/// Each execution takes one event of a backlog that no turn takes in at once. The start of the next
/// execution never waits behind the backlog.
pub(crate) async fn a_loop_works_off_a_backlog(cx: &Cx) {
    const EVENTS: usize = 1_200;
    async fn one_by_one(ctx: OrchestrationContext, sum: String) -> Text {
        let event = ctx.schedule_wait("Add").into_event().await;
        if event == "end" {
            return Ok(sum);
        }
        let sum: usize = sum.parse().map_err(|_| "no number".to_owned())?;
        ctx.continue_as_new((sum + 1).to_string()).await
    }
    let world = World::open(cx, Code::of("Loop", one_by_one));
    world.begin("loop", "Loop", "0").await;
    for _ in 0..EVENTS {
        world.raise("loop", "Add", "1").await;
    }
    world.raise("loop", "Add", "end").await;

    let _node = world.node().await;

    assert_eq!(world.output("loop").await, EVENTS.to_string());
}
