//! Ids that live again, and instances that expire.

use std::time::Duration;

use duroxide_core::{
    EventKind, IfExists, OrchestrationContext, OrchestrationStatus, StartOptions, StartOutcome,
};

use super::stage::{Code, Gate, LEASE, Text, World, count, until};
use crate::support::Cx;

/// The shortest time after which an instance may expire.
const HOUR: Duration = Duration::from_hours(1);

fn replacing() -> StartOptions {
    StartOptions::new().with_if_exists(IfExists::ReplaceEnded)
}

fn expiring(after: Duration) -> StartOptions {
    StartOptions::new().with_expire_after(after)
}

async fn start(
    world: &World,
    instance: &str,
    name: &str,
    input: &str,
    options: StartOptions,
) -> StartOutcome {
    let client = &world.client;
    let started = client.start_orchestration_with(instance, name, input, options);
    started.await.expect("the store takes the start")
}

async fn answer(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("Answer").into_event().await)
}

/// Waits until an instance is gone, while its nodes keep the store tidy.
async fn is_gone(world: &World, instance: &str) {
    until(instance, async || {
        let status = world.status(instance).await;
        matches!(status, OrchestrationStatus::NotFound).then_some(())
    })
    .await;
}

/// The first life ends with an activity and a child at work, mail that nobody took, and a status that it
/// has shown. The second one, which does the same, is told of none of these.
pub(crate) async fn a_replaced_instance_begins_anew(cx: &Cx) {
    async fn work(ctx: OrchestrationContext, life: String) -> Text {
        if life == "first" {
            ctx.set_custom_status("of the first life")?;
        }
        let work = ctx.schedule_activity("Work", life.clone());
        let child = ctx.schedule_sub_orchestration("Answer", "");
        let stop = ctx.schedule_wait("Stop");
        if life == "first" {
            let (first, _) = ctx.select(vec![work, child, stop]).await;
            return Ok(format!("{first} came first"));
        }
        let work = work.into_activity().await?;
        let child = child.into_sub_orchestration().await?;
        let stop = stop.into_event().await;
        let left = ctx.schedule_wait("Left").into_event().await;
        Ok(format!("{work} {child} {stop} {left}"))
    }
    let gate = Gate::closed();
    let code = Code::of("Work", work)
        .orchestration("Answer", answer)
        .activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    assert_eq!(
        start(&world, "works", "Work", "first", replacing()).await,
        StartOutcome::Started
    );
    gate.begun(1).await;
    world.waits_for("works", "Stop").await;
    let old_child = world.child_of("works").await;
    world.waits_for(&old_child, "Answer").await;
    world.raise("works", "Left", "over").await;
    let early = start(&world, "works", "Work", "second", replacing()).await;
    assert_eq!(early, StartOutcome::AlreadyExists, "it has not ended");
    world.raise("works", "Stop", "1").await;
    assert_eq!(world.output("works").await, "2 came first");

    let late = start(&world, "works", "Work", "second", replacing()).await;

    assert_eq!(late, StartOutcome::Started);
    gate.begun(2).await;
    let shown = world.client.get_custom_status("works").await;
    assert_eq!(shown.expect("a read"), None);
    world.pass(LEASE / 2).await;
    gate.cancelled(1).await;
    gate.open();
    let child = world.child_of("works").await;
    assert_ne!(child, old_child);
    world.waits_for(&child, "Answer").await;
    world.raise(&child, "Answer", "42").await;
    world.raise("works", "Stop", "2").await;
    world.waits_for("works", "Left").await;
    world.raise("works", "Left", "right").await;
    assert_eq!(world.output("works").await, "second 42 2 right");
    let history = world.history("works").await;
    let failed = |kind: &EventKind| matches!(kind, EventKind::ActivityFailed { .. });
    assert_eq!(count(&history, failed), 0);
    let refused = start(&world, "works", "Work", "third", StartOptions::new()).await;
    assert_eq!(
        refused,
        StartOutcome::AlreadyExists,
        "nobody asked for its place"
    );
}

/// It is there for its time, whatever becomes of it, and then its id is free.
pub(crate) async fn an_expired_instance_is_gone(cx: &Cx) {
    async fn rounds(ctx: OrchestrationContext, round: String) -> Text {
        let event = ctx.schedule_wait("Answer").into_event().await;
        if event == "again" {
            return ctx.continue_as_new(format!("{round}+")).await;
        }
        Ok(round)
    }
    let (world, _node) = World::with_node(cx, Code::of("Rounds", rounds)).await;
    let started = start(&world, "a", "Rounds", "", expiring(HOUR * 2)).await;
    assert_eq!(started, StartOutcome::Started);
    world.pass(HOUR * 3).await;
    for event in ["again", "again", "stop"] {
        world.raise("a", "Answer", event).await;
    }
    // The option outlives the executions.
    assert_eq!(world.output("a").await, "++");
    let info = world
        .client
        .get_instance_info("a")
        .await
        .expect("it is there");
    assert_ne!(info.expires_at, None);
    world.pass(HOUR).await;
    assert_eq!(world.output("a").await, "++");
    let again = start(&world, "a", "Rounds", "", StartOptions::new()).await;
    assert_eq!(again, StartOutcome::AlreadyExists);

    world.pass(HOUR * 2).await;

    is_gone(&world, "a").await;
    let again = start(&world, "a", "Rounds", "", StartOptions::new()).await;
    assert_eq!(again, StartOutcome::Started);
    world.raise("a", "Answer", "stop").await;
    assert_eq!(world.output("a").await, "");
    world.pass(HOUR * 5).await;
    let info = world.client.get_instance_info("a").await.expect("it stays");
    assert_eq!(info.expires_at, None);
}

/// A child and a grandchild go as their parent does, each some time after its own end, and the parent
/// that still runs has read of it; what was started detached stays.
pub(crate) async fn children_expire_as_their_parent_does(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, depth: String) -> Text {
        if depth == "0" {
            return answer(ctx, String::new()).await;
        }
        if depth == "2" {
            ctx.schedule_orchestration("Answer", "detached", "");
        }
        let below = if depth == "2" { "1" } else { "0" };
        let child = ctx.schedule_sub_orchestration("Parent", below);
        let output = child.into_sub_orchestration().await?;
        if depth == "2" {
            let late = ctx.schedule_wait("Late").into_event().await;
            return Ok(format!("{output} {late}"));
        }
        Ok(output)
    }
    let code = Code::of("Parent", parent).orchestration("Answer", answer);
    let (world, _node) = World::with_node(cx, code).await;
    let started = start(&world, "parent", "Parent", "2", expiring(HOUR)).await;
    assert_eq!(started, StartOutcome::Started);
    let child = world.child_of("parent").await;
    let grandchild = world.child_of(&child).await;
    for instance in [&grandchild, "detached"] {
        world.waits_for(instance, "Answer").await;
        world.raise(instance, "Answer", "42").await;
        assert_eq!(world.output(instance).await, "42");
    }
    world.waits_for("parent", "Late").await;

    world.pass(HOUR * 2).await;

    is_gone(&world, &grandchild).await;
    is_gone(&world, &child).await;
    world.raise("parent", "Late", "43").await;
    assert_eq!(world.output("parent").await, "42 43");
    world.pass(HOUR * 2).await;
    is_gone(&world, "parent").await;
    assert_eq!(world.output("detached").await, "42");
}

/// The runtime's time is for what was started without one, however it ends.
pub(crate) async fn a_runtime_lets_what_it_ends_expire(cx: &Cx) {
    let world = World::open(cx, Code::of("Answer", answer));
    let _node = world
        .node_with(|habits| habits.options.expire_after = Some(HOUR))
        .await;
    world.begin("ends", "Answer", "").await;
    world.begin("cancelled", "Answer", "").await;
    world.begin("runs", "Answer", "").await;
    let started = start(&world, "stays", "Answer", "", expiring(HOUR * 1_000)).await;
    assert_eq!(started, StartOutcome::Started);
    for instance in ["ends", "stays"] {
        world.waits_for(instance, "Answer").await;
        world.raise(instance, "Answer", "yes").await;
        world.output(instance).await;
    }
    world.waits_for("cancelled", "Answer").await;
    world.cancel("cancelled").await;
    world.failure("cancelled").await;

    world.pass(HOUR * 3).await;

    is_gone(&world, "ends").await;
    is_gone(&world, "cancelled").await;
    assert_eq!(world.output("stays").await, "yes");
    world.raise("runs", "Answer", "at last").await;
    assert_eq!(world.output("runs").await, "at last");
}

/// What an orchestration cannot have is an error of the child, or of the orchestration that starts
/// something detached.
pub(crate) async fn an_orchestration_replaces_nobody(cx: &Cx) {
    async fn wishes(ctx: OrchestrationContext, wish: String) -> Text {
        let (kind, of) = wish.split_once(' ').unwrap_or_default();
        let options = match of {
            "replacing" => replacing(),
            _ => expiring(HOUR / 2),
        };
        if kind == "child" {
            let child = ctx.schedule_sub_orchestration_with_options("Answer", "", options);
            return child.into_sub_orchestration().await;
        }
        ctx.schedule_orchestration_with_options("Answer", "old", "", options);
        Ok("started".to_owned())
    }
    let code = Code::of("Wishes", wishes).orchestration("Answer", answer);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("old", "Answer", "").await;
    world.raise("old", "Answer", "stays").await;
    world.output("old").await;
    for (wish, expected) in [
        ("child replacing", "cannot replace"),
        ("detached replacing", "cannot replace"),
        ("child soon", "name a longer time"),
        ("detached soon", "name a longer time"),
    ] {
        let instance = wish.replace(' ', "-");
        world.begin(&instance, "Wishes", wish).await;
        let failure = world.failure(&instance).await.display_message();
        assert!(failure.contains(expected), "{wish}: {failure}");
    }
    assert_eq!(world.output("old").await, "stays");
}
