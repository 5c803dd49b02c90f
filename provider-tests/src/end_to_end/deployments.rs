//! Nodes with different code on one store, as in every deployment.

use std::time::Duration;

use duroxide_core::runtime::MismatchPolicy;
use duroxide_core::{ClientError, ErrorDetails, OrchestrationContext, OrchestrationStatus};

use super::stage::{Code, Gate, Node, Text, World, until};
use crate::support::Cx;

/// How many instances a node without the code meets.
const INSTANCES: usize = 20;

async fn work(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_activity("Work", input).into_activity().await
}

async fn echo(_: OrchestrationContext, input: String) -> Text {
    Ok(input)
}

fn new_code() -> Code {
    Code::of("Work", work)
        .version("Work", "2.0.0", echo)
        .activity("Work", |_, input| async move { Ok(input) })
}

/// Waits until a node has given back so many items for want of their code.
async fn gave_back(node: &Node, times: u64) {
    let look = async || (node.metrics().given_back_not_registered >= times).then_some(());
    until("what the node cannot run is given back", look).await;
}

async fn begin_all(world: &World) {
    for number in 0..INSTANCES {
        world.begin(&number.to_string(), "Work", "done").await;
    }
}

/// The old node ends none of the instances, and one with the world's code completes them.
async fn assert_the_new_node_runs_all(world: &World, old: &Node) {
    gave_back(old, 2 * INSTANCES as u64).await;
    for number in 0..INSTANCES {
        let status = world.status(&number.to_string()).await;
        assert_eq!(status, OrchestrationStatus::Running, "{number}");
    }

    let _new = world.node().await;

    for number in 0..INSTANCES {
        assert_eq!(world.output(&number.to_string()).await, "done", "{number}");
    }
}

/// A node that has no such orchestration ends none; one that has it does the work.
pub(crate) async fn an_unknown_orchestration_is_given_back(cx: &Cx) {
    let world = World::open(cx, new_code());
    let old = world.node_of(Code::new(), |_| {}).await;
    begin_all(&world).await;
    assert_the_new_node_runs_all(&world, &old).await;
}

/// The same for a version: instances of the new one wait for the node that has it.
pub(crate) async fn an_unknown_version_is_given_back(cx: &Cx) {
    let world = World::open(cx, new_code());
    let old = world.node_of(Code::of("Work", work), |_| {}).await;
    for number in 0..INSTANCES {
        let instance = number.to_string();
        let started = world
            .client
            .start_orchestration_versioned(instance, "Work", "2.0.0", "done")
            .await;
        started.expect("the store takes the start");
    }
    assert_the_new_node_runs_all(&world, &old).await;
}

/// The same for an activity, which the node that has the orchestration may not have.
pub(crate) async fn an_unknown_activity_is_given_back(cx: &Cx) {
    let world = World::open(cx, new_code());
    let old = world.node_of(Code::of("Work", work), |_| {}).await;
    begin_all(&world).await;
    assert_the_new_node_runs_all(&world, &old).await;
}

async fn reserve_and_wait(ctx: OrchestrationContext, _: String) -> Text {
    let reserved = ctx.schedule_activity("Echo", "reserved").into_activity();
    let reserved = reserved.await?;
    let event = ctx.schedule_wait("Go").into_event().await;
    Ok(format!("{reserved} {event}"))
}

async fn only_wait(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("Go").into_event().await)
}

/// Code that does not do what history says it did is a deployment's mistake: what it cannot run waits
/// for the code that can.
pub(crate) async fn changed_code_waits_for_code_that_fits(cx: &Cx) {
    let world = World::open(cx, Code::of("Main", reserve_and_wait));
    let first = world.node().await;
    world.begin("waits", "Main", "").await;
    world.waits_for("waits", "Go").await;
    first.stop().await;
    let wrong = world.node_of(Code::of("Main", only_wait), |_| {}).await;

    world.raise("waits", "Go", "on").await;
    let look = async || (wrong.metrics().given_back_nondeterminism >= 2).then_some(());
    until("the instance is given back", look).await;
    assert_eq!(world.status("waits").await, OrchestrationStatus::Running);
    // It was replayed once, and is not replayed again as long as nothing has changed.
    assert!(
        wrong.metrics().events_replayed <= 4,
        "{:?}",
        wrong.metrics()
    );
    wrong.stop().await;
    let _right = world.node().await;

    assert_eq!(world.output("waits").await, "reserved on");
}

/// Whoever chooses that a mismatch ends an instance ends its children with it.
pub(crate) async fn an_end_by_force_takes_the_children_along(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Work", "");
        let event = ctx.schedule_wait("Go");
        Ok(format!("{:?}", ctx.select2(child, event).await))
    }
    let gate = Gate::closed();
    let code = |main: bool| {
        let code = Code::of("Work", work).activity("Work", gate.activity());
        if main {
            code.orchestration("Parent", parent)
        } else {
            code.orchestration("Parent", only_wait)
        }
    };
    let world = World::open(cx, code(true));
    let first = world.node().await;
    world.begin("parent", "Parent", "").await;
    gate.begun(1).await;
    first.stop().await;
    let _wrong = world
        .node_of(code(false), |it| {
            it.options.mismatch_policy = MismatchPolicy::FailAtOnce;
        })
        .await;
    gate.begun(2).await;

    world.raise("parent", "Go", "on").await;

    let failure = world.failure("parent").await;
    assert!(
        matches!(failure, ErrorDetails::Configuration { .. }),
        "{failure:?}"
    );
    gate.cancelled(1).await;
    let child = world.child_of("parent").await;
    let failure = world.failure(&child).await;
    assert_eq!(failure.display_message(), "canceled: parent failed");
}

/// Where a program chooses that a mismatch is a failure, an unknown activity is one that the code can
/// handle.
pub(crate) async fn an_unknown_activity_can_be_an_error(cx: &Cx) {
    async fn saga(ctx: OrchestrationContext, _: String) -> Text {
        let Err(error) = ctx.schedule_activity("Nobody", "").into_activity().await else {
            return Err("somebody did it".to_owned());
        };
        ctx.schedule_activity("Echo", error).into_activity().await
    }
    let world = World::open(cx, Code::of("Saga", saga));
    let _node = world
        .node_with(|it| it.options.mismatch_policy = MismatchPolicy::FailAtOnce)
        .await;

    let output = world.run("saga", "Saga", "").await;

    assert_eq!(output, "unregistered:Nobody");
}

/// What a client hears that waits for a blocked instance.
async fn reason_of_waiting(world: &World, instance: &str) -> String {
    let look = async || {
        let wait = Duration::from_millis(100);
        match world.client.wait_for_orchestration(instance, wait).await {
            Err(ClientError::Blocked { reason }) => Some(reason),
            Err(ClientError::Timeout) => None,
            other => panic!("{instance}: {other:?}"),
        }
    };
    until("the reason", look).await
}

/// A client that waits for what no node can run is told what is missing; and nothing of that is left
/// once a node can.
pub(crate) async fn who_waits_in_vain_is_told_why(cx: &Cx) {
    let world = World::open(cx, new_code());
    let old = world
        .node_of(Code::of("Main", work), |it| {
            it.options.worker_node_id = Some("the old node".to_owned());
        })
        .await;
    world.begin("orchestration", "Work", "done").await;
    world.begin("activity", "Main", "done").await;

    for (instance, missing) in [
        ("orchestration", "orchestration \"Work\" is not registered"),
        ("activity", "activity \"Work\" is not registered"),
    ] {
        let reason = reason_of_waiting(&world, instance).await;
        assert!(reason.starts_with(missing), "{reason}");
        assert!(reason.ends_with("(said by the old node)"), "{reason}");
    }
    old.stop().await;

    let code = new_code().orchestration("Main", work);
    let _new = world.node_of(code, |_| {}).await;

    for instance in ["orchestration", "activity"] {
        assert_eq!(world.output(instance).await, "done", "{instance}");
    }
}

/// Who waits for a parent is told which child keeps it from going on, and why: one that no node can
/// begin, or one of its children's whose activity no node has.
pub(crate) async fn who_waits_for_a_blocked_child_is_told_why(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, child: String) -> Text {
        ctx.schedule_sub_orchestration(child, "done")
            .into_sub_orchestration()
            .await
    }
    async fn middle(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_sub_orchestration("Lacking", "done")
            .into_sub_orchestration()
            .await
    }
    let code = || Code::of("Parent", parent).orchestration("Middle", middle);
    let complete = code()
        .orchestration("Lacking", work)
        .orchestration("Work", work)
        .activity("Work", |_, input| async move { Ok(input) });
    let world = World::open(cx, complete);
    let old = world
        .node_of(code().orchestration("Lacking", work), |_| {})
        .await;
    world.begin("near", "Parent", "Work").await;
    world.begin("far", "Parent", "Middle").await;

    let near = reason_of_waiting(&world, "near").await;
    let child = world.child_of("near").await;
    let expected =
        format!("it waits for its child {child}: orchestration \"Work\" is not registered");
    assert!(near.starts_with(&expected), "{near}");
    let far = reason_of_waiting(&world, "far").await;
    let grandchild = world.child_of(&world.child_of("far").await).await;
    let expected =
        format!("it waits for its child {grandchild}: activity \"Work\" is not registered");
    assert!(far.starts_with(&expected), "{far}");
    old.stop().await;
    let _new = world.node().await;

    assert_eq!(world.output("near").await, "done");
    assert_eq!(world.output("far").await, "done");
}

/// Two nodes that lack different things do not keep each other busy: the instance rests, whoever has
/// looked at it.
pub(crate) async fn nodes_that_lack_different_things_leave_it_alone(cx: &Cx) {
    let world = World::open(cx, Code::of("Main", reserve_and_wait));
    let first = world.node().await;
    world.begin("waits", "Main", "").await;
    world.waits_for("waits", "Go").await;
    first.stop().await;
    let wrong = world.node_of(Code::of("Main", only_wait), |_| {}).await;
    let none = world.node_of(Code::new(), |_| {}).await;
    world.raise("waits", "Go", "on").await;
    let count =
        || wrong.metrics().given_back_nondeterminism + none.metrics().given_back_not_registered;
    let look = async || (count() >= 12).then_some(());
    until("both have given it back", look).await;

    let before = count();
    world.pass(Duration::from_secs(60)).await;

    // After so many times it rests for at least six seconds each time, and a notice that is due may
    // come between.
    assert!(
        count() - before <= 20,
        "{} times in a minute",
        count() - before
    );
    wrong.stop().await;
    none.stop().await;
    let _right = world.node().await;
    assert_eq!(world.output("waits").await, "reserved on");
}
