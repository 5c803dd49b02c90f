//! Orchestrations that start others.

use duroxide_core::OrchestrationContext;

use super::stage::{Code, Gate, Text, World, types};
use crate::support::Cx;

async fn echo(ctx: OrchestrationContext, input: String) -> Text {
    ctx.schedule_activity("Echo", input).into_activity().await
}

/// One child succeeds, one fails, and the parent learns both.
pub(crate) async fn children_report_to_their_parent(cx: &Cx) {
    async fn fail(ctx: OrchestrationContext, input: String) -> Text {
        ctx.schedule_activity("Fail", input).into_activity().await
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let good = ctx.schedule_sub_orchestration("Good", "yes");
        let bad = ctx.schedule_sub_orchestration("Bad", "no");
        let good = good.into_sub_orchestration().await?;
        let bad = bad.into_sub_orchestration().await;
        Ok(format!("{good} {bad:?}"))
    }
    let code = Code::of("Parent", parent)
        .orchestration("Good", echo)
        .orchestration("Bad", fail);
    let (world, _node) = World::with_node(cx, code).await;

    let output = world.run("parent", "Parent", "").await;

    assert_eq!(output, r#"yes Err("no")"#);
}

/// Three levels below the first, three children each: the answers come up the tree.
pub(crate) async fn a_tree_of_children_adds_up(cx: &Cx) {
    async fn tree(ctx: OrchestrationContext, depth: String) -> Text {
        let depth: u32 = depth.parse().map_err(|_| "no number".to_owned())?;
        if depth == 0 {
            return Ok("1".to_owned());
        }
        let child = || ctx.schedule_sub_orchestration("Tree", (depth - 1).to_string());
        let mut sum = 1;
        for child in [child(), child(), child()].map(|it| it.into_sub_orchestration()) {
            let size = child.await?;
            sum += size.parse::<u32>().map_err(|_| "no number".to_owned())?;
        }
        Ok(sum.to_string())
    }
    let (world, _node) = World::with_node(cx, Code::of("Tree", tree)).await;

    assert_eq!(world.run("root", "Tree", "3").await, "40");
}

/// It goes on after the one that started it has ended.
pub(crate) async fn a_detached_orchestration_lives_on(cx: &Cx) {
    async fn patient(ctx: OrchestrationContext, input: String) -> Text {
        let event = ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{input} {event}"))
    }
    async fn sign_up(ctx: OrchestrationContext, user: String) -> Text {
        ctx.schedule_orchestration("Patient", "welcome", user.as_str());
        // The same id again: it is taken, and nothing happens.
        ctx.schedule_orchestration("Patient", "welcome", "nobody");
        Ok(user)
    }
    let code = Code::of("SignUp", sign_up).orchestration("Patient", patient);
    let (world, _node) = World::with_node(cx, code).await;
    assert_eq!(world.run("sign-up", "SignUp", "Ada").await, "Ada");

    world.raise("welcome", "Go", "now").await;

    assert_eq!(world.output("welcome").await, "Ada now");
}

/// An id that somebody else has taken is told to the parent, and the other one is left alone.
pub(crate) async fn a_taken_id_is_told_to_the_parent(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = |input: &str| {
            let child = ctx.schedule_sub_orchestration("Echo", input);
            child.into_sub_orchestration()
        };
        let first = child("first").await?;
        ctx.schedule_wait("Go").into_event().await;
        Ok(match child("second").await {
            Ok(output) => format!("{first}, ran: {output}"),
            Err(_) => format!("{first}, refused"),
        })
    }
    let code = Code::of("Parent", parent).orchestration("Echo", echo);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("parent", "Parent", "").await;
    world.waits_for("parent", "Go").await;
    // An id names the event that schedules the child, and the life of its parent.
    let first = world.child_of("parent").await;
    let second = first.replace("::sub::2-", "::sub::6-");
    assert_ne!(first, second);
    assert_eq!(world.run(&second, "Echo", "other").await, "other");

    world.raise("parent", "Go", "").await;

    assert_eq!(world.output("parent").await, "first, refused");
    assert_eq!(
        types(&world.history("parent").await)[5..],
        ["child", "child failed", "completed"]
    );
    assert_eq!(world.output(&second).await, "other");
}

/// A cancellation goes down the tree to the activity at its end.
pub(crate) async fn a_child_ends_with_its_parent(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Child", "");
        child.into_sub_orchestration().await
    }
    async fn child(ctx: OrchestrationContext, _: String) -> Text {
        ctx.schedule_activity("Work", "").into_activity().await
    }
    let gate = Gate::closed();
    let code = Code::of("Parent", parent)
        .orchestration("Child", child)
        .activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("parent", "Parent", "").await;
    gate.begun(1).await;

    world.cancel("parent").await;

    let child = world.child_of("parent").await;
    for (instance, expected) in [
        ("parent", "canceled: enough"),
        (&child, "canceled: parent canceled"),
    ] {
        let failure = world.failure(instance).await.display_message();
        assert_eq!(failure, expected, "{instance}");
    }
    gate.cancelled(1).await;
}
