//! What operators do, through the client. These belong to the profile `management`.

use duroxide_core::OrchestrationContext;
use duroxide_core::providers::{DeleteMode, ErrorKind, InstanceId};
use duroxide_core::{ClientError, DeletionFilter, EventKind, IfExists, StartOptions, StartOutcome};

use super::stage::{Code, Gate, LEASE, Text, World, count};
use crate::support::Cx;

async fn ask(ctx: OrchestrationContext, _: String) -> Text {
    match &*ctx.schedule_wait("Answer").into_event().await {
        "" => Err("no answer".to_owned()),
        answer => Ok(answer.to_owned()),
    }
}

/// A list shows each instance where it stands, and the counts are theirs.
pub(crate) async fn instances_are_listed_where_they_stand(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    for instance in ["a", "b", "c"] {
        world.begin(instance, "Ask", "").await;
        world.waits_for(instance, "Answer").await;
    }
    world.raise("a", "Answer", "yes").await;
    world.raise("b", "Answer", "").await;
    world.output("a").await;
    world.failure("b").await;

    let all = world.client.list_all_instances().await;
    assert_eq!(all.expect("a list"), ["a", "b", "c"]);
    for (status, expected) in [("Completed", "a"), ("Failed", "b"), ("Running", "c")] {
        let listed = world.client.list_instances_by_status(status).await;
        assert_eq!(listed.expect("a list"), [expected], "{status}");
    }
    let metrics = world.client.get_system_metrics().await.expect("metrics");
    let counts = (
        metrics.total_instances,
        metrics.completed_instances,
        metrics.failed_instances,
        metrics.running_instances,
    );
    assert_eq!(counts, (3, 1, 1, 1));
    let depths = world.client.get_queue_depths().await.expect("depths");
    assert_eq!((depths.worker_queue, depths.timer_queue), (0, 0));
}

/// The next life of an id has nothing of the one before, and living instances are not deleted.
pub(crate) async fn a_deleted_instance_begins_again(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    world.begin("ask", "Ask", "").await;
    let refused = world
        .client
        .delete_instance("ask", DeleteMode::TerminalOnly);
    let refused = refused.await.expect_err("it is not terminal");
    let is_expected =
        matches!(&refused, ClientError::Provider(it) if it.kind() == ErrorKind::InvalidInput);
    assert!(is_expected, "{refused:?}");
    world.raise("ask", "Answer", "first").await;
    world.raise("ask", "Answer", "left over").await;
    assert_eq!(world.output("ask").await, "first");

    let deleted = world
        .client
        .delete_instance("ask", DeleteMode::TerminalOnly);
    deleted.await.expect("it is terminal");
    world.begin("ask", "Ask", "").await;
    world.raise("ask", "Answer", "second").await;

    assert_eq!(world.output("ask").await, "second");
}

/// The activity of a deleted instance hears that nobody wants it; its outcome is not taken for that
/// of the next life, which schedules the same.
pub(crate) async fn a_forced_deletion_ends_the_work(cx: &Cx) {
    async fn work(ctx: OrchestrationContext, life: String) -> Text {
        ctx.schedule_activity("Work", life).into_activity().await
    }
    let gate = Gate::closed();
    let code = Code::of("Work", work).activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("works", "Work", "first").await;
    gate.begun(1).await;

    let deleted = world.client.delete_instance("works", DeleteMode::Force);
    deleted.await.expect("any instance can be deleted by force");
    world.begin("works", "Work", "second").await;
    gate.begun(2).await;
    world.pass(LEASE / 2).await;
    gate.cancelled(1).await;

    gate.open();
    assert_eq!(world.output("works").await, "second");
    let failed = |kind: &EventKind| matches!(kind, EventKind::ActivityFailed { .. });
    assert_eq!(count(&world.history("works").await, failed), 0);
}

/// As many generations below as the input says; the last one asks.
async fn generations(ctx: OrchestrationContext, depth: String) -> Text {
    let depth: u32 = depth.parse().map_err(|_| "no number".to_owned())?;
    if depth == 0 {
        return Ok(ctx.schedule_wait("Answer").into_event().await);
    }
    let child = ctx.schedule_sub_orchestration("Generations", (depth - 1).to_string());
    child.into_sub_orchestration().await
}

async fn all_instances(world: &World) -> Vec<String> {
    let listed = world.client.list_all_instances().await;
    listed.expect("a list")
}

/// The grandchild, once it asks.
async fn youngest(world: &World) -> String {
    let youngest = super::stage::until("the grandchild", async || {
        let instances = all_instances(world).await;
        instances
            .into_iter()
            .find(|id| id.matches("::sub::").count() == 2)
    })
    .await;
    world.waits_for(&youngest, "Answer").await;
    youngest
}

/// Children go with their parent, and nobody else does: neither who has such an id, nor who was
/// started detached. If something was left, the same call removes it, also without the parent.
pub(crate) async fn children_are_deleted_with_their_parent(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, depth: String) -> Text {
        ctx.schedule_orchestration("Ask", "parent::sub::detached", "");
        generations(ctx, depth).await
    }
    let code = Code::of("Parent", parent)
        .orchestration("Generations", generations)
        .orchestration("Ask", ask);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("parent", "Parent", "2").await;
    world.begin("parent::sub::named", "Ask", "").await;
    let youngest = youngest(&world).await;
    world.raise(&youngest, "Answer", "42").await;
    assert_eq!(world.output("parent").await, "42");
    assert_eq!(all_instances(&world).await.len(), 5);
    let delete = async || {
        let mode = DeleteMode::TerminalOnly;
        world.client.delete_instance("parent", mode).await
    };

    // The parent alone, as a deletion that was cut might leave it.
    let admin = cx.provider().admin();
    let parent = InstanceId::new("parent").expect("an id");
    let deleted = admin.delete_instance(&parent, DeleteMode::TerminalOnly);
    deleted.await.expect("it has ended");
    let absent = delete().await.expect_err("it is gone");
    let is_expected =
        matches!(&absent, ClientError::Provider(it) if it.kind() == ErrorKind::NotFound);
    assert!(is_expected, "{absent:?}");

    let others = ["parent::sub::detached", "parent::sub::named"];
    assert_eq!(all_instances(&world).await, others);
    for instance in others {
        world.raise(instance, "Answer", "here").await;
        assert_eq!(world.output(instance).await, "here");
    }
    world.begin("parent", "Ask", "").await;
    world.raise("parent", "Answer", "43").await;
    assert_eq!(world.output("parent").await, "43");
    delete().await.expect("it has ended");
    assert_eq!(all_instances(&world).await, others);
}

/// Children at work keep a parent from nothing if it is deleted by force: they are gone with it,
/// and what they did is cancelled.
pub(crate) async fn a_forced_deletion_takes_children_along(cx: &Cx) {
    async fn work(ctx: OrchestrationContext, depth: String) -> Text {
        if depth == "0" {
            return ctx.schedule_activity("Work", "").into_activity().await;
        }
        let child = ctx.schedule_sub_orchestration("Work", "0");
        child.into_sub_orchestration().await
    }
    let gate = Gate::closed();
    let code = Code::of("Work", work).activity("Work", gate.activity());
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("parent", "Work", "1").await;
    gate.begun(1).await;
    assert_eq!(all_instances(&world).await.len(), 2);

    let deleted = world.client.delete_instance("parent", DeleteMode::Force);
    deleted.await.expect("any instance can be deleted by force");

    assert_eq!(all_instances(&world).await, Vec::<String>::new());
    world.pass(LEASE / 2).await;
    gate.cancelled(1).await;
    assert_eq!(all_instances(&world).await, Vec::<String>::new());
}

/// A loop whose past is pruned goes on.
pub(crate) async fn a_pruned_loop_goes_on(cx: &Cx) {
    async fn rounds(ctx: OrchestrationContext, round: String) -> Text {
        let event = ctx.schedule_wait("Go").into_event().await;
        if event == "again" {
            return ctx.continue_as_new(format!("{round}+")).await;
        }
        Ok(round)
    }
    let (world, _node) = World::with_node(cx, Code::of("Rounds", rounds)).await;
    world.begin("loop", "Rounds", "").await;
    for _ in 0..4 {
        world.raise("loop", "Go", "again").await;
    }
    super::stage::until("the fifth execution", async || {
        let info = world.client.get_instance_info("loop").await;
        (info.expect("it is there").current_execution_id == 5).then_some(())
    })
    .await;

    let pruned = world.client.prune_executions("loop", 2).await;

    assert_eq!(pruned.expect("it can be pruned"), 3);
    let left = world.client.list_executions("loop").await;
    assert_eq!(left.expect("a list"), [4, 5]);
    world.raise("loop", "Go", "stop").await;
    assert_eq!(world.output("loop").await, "++++");
}

/// All that have ended and are of one orchestration go, by two at a time, and with their children; the
/// others stay, and so do children whose parent lives.
pub(crate) async fn many_are_deleted_with_their_children(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = ctx
            .schedule_sub_orchestration("Child", "")
            .into_sub_orchestration();
        let output = child.await?;
        Ok(output + &ctx.schedule_wait("Go").into_event().await)
    }
    async fn child(_: OrchestrationContext, _: String) -> Text {
        Ok("child".to_owned())
    }
    let code = Code::of("Parent", parent)
        .orchestration("Child", child)
        .orchestration("Ask", ask);
    let (world, _node) = World::with_node(cx, code).await;
    for parent in ["p1", "p2", "p3", "p4", "p5", "runs"] {
        world.begin(parent, "Parent", "").await;
        if parent != "runs" {
            world.raise(parent, "Go", "!").await;
            assert_eq!(world.output(parent).await, "child!");
        }
    }
    world.begin("other", "Ask", "").await;
    world.raise("other", "Answer", "yes").await;
    world.output("other").await;
    world.waits_for("runs", "Go").await;
    let child = world.child_of("runs").await;
    let mut filter = DeletionFilter {
        orchestration: Some("Parent".to_owned()),
        instances_max: 2,
        ..DeletionFilter::default()
    };

    let mut counts = Vec::new();
    loop {
        let deletion = world.client.delete_instances(&filter).await;
        let deletion = deletion.expect("instances can be listed");
        assert!(deletion.failed.is_empty(), "{deletion:?}");
        counts.push(deletion.deleted);
        filter.after = deletion.next;
        if filter.after.is_none() {
            break;
        }
    }

    assert_eq!(counts, [2, 2, 1]);
    assert_eq!(all_instances(&world).await, ["other", "runs", &child]);
    let rest = DeletionFilter::default();
    let deletion = world.client.delete_instances(&rest).await;
    assert_eq!(deletion.expect("a list").deleted, 1);
    assert_eq!(all_instances(&world).await, ["runs", &child]);
    world.raise("runs", "Go", "!").await;
    assert_eq!(world.output("runs").await, "child!");
}

/// The ended children of what is replaced go with it.
pub(crate) async fn a_replaced_instance_takes_its_children_along(cx: &Cx) {
    let code = Code::of("Generations", generations);
    let (world, _node) = World::with_node(cx, code).await;
    world.begin("oldest", "Generations", "2").await;
    let youngest = youngest(&world).await;
    world.raise(&youngest, "Answer", "42").await;
    assert_eq!(world.output("oldest").await, "42");
    assert_eq!(all_instances(&world).await.len(), 3);

    let options = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
    let client = &world.client;
    let started = client.start_orchestration_with("oldest", "Generations", "0", options);

    let started = started.await.expect("the store takes the start");
    assert_eq!(started, StartOutcome::Started);
    assert_eq!(all_instances(&world).await, ["oldest"]);
    world.raise("oldest", "Answer", "43").await;
    assert_eq!(world.output("oldest").await, "43");
}
