//! Rewinds of instances that ended before they had begun, or while something was on its way to them.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use duroxide_core::providers::DeleteMode;
use duroxide_core::runtime::MismatchPolicy;
use duroxide_core::{
    CancelOptions, ClientError, DeletionFilter, EventKind, IfExists, OrchestrationContext,
    OrchestrationStatus, StartOptions, StartOutcome,
};

use super::rewinds::{Broken, call};
use super::stage::{Code, Node, Text, World, within};
use crate::support::Cx;

const GRACE: Duration = Duration::from_secs(20);
const HOUR: Duration = Duration::from_hours(1);

async fn waits(ctx: OrchestrationContext, input: String) -> Text {
    Ok(input + &ctx.schedule_wait("Go").into_event().await)
}

impl World {
    async fn begin_with(&self, instance: &str, orchestration: &str, options: StartOptions) {
        let started = self
            .client
            .start_orchestration_with(instance, orchestration, "in ", options);
        let started = started.await.expect("the store takes the start");
        assert_eq!(started, StartOutcome::Started);
    }

    async fn cancel_after(&self, instance: &str, grace: Duration) {
        let options = CancelOptions::new().grace(grace);
        let cancelled = self
            .client
            .cancel_instance_with(instance, "later", options)
            .await;
        cancelled.expect("the instance is there");
    }

    async fn waits_for_in(&self, instance: &str, event: &str, execution: u64) {
        self.is_in_execution(instance, execution).await;
        self.waits_for(instance, event).await;
    }

    async fn completes_with(&self, instance: &str, execution: u64, output: &str) {
        let ended = self.end_from(instance, execution).await;
        let output = output.to_owned();
        assert_eq!(ended, OrchestrationStatus::Completed { output });
    }
}

/// A node that serves these queues of turns.
async fn serving(world: &World, queues: &[&str]) -> Node {
    let queues = queues.iter().map(|&name| name.to_owned()).collect();
    let node = world.node_with(|habits| habits.options.turn_queues = queues);
    node.await
}

/// It begins then with its input, and in the version that was asked for.
pub(crate) async fn what_was_cancelled_before_it_began_is_rewound(cx: &Cx) {
    async fn says<const VERSION: u32>(_: OrchestrationContext, input: String) -> Text {
        Ok(format!("{input}{VERSION}"))
    }
    let code = Code::new()
        .version("Says", "1.0.0", says::<1>)
        .version("Says", "2.0.0", says::<2>);
    let world = World::open(cx, code);
    let first = StartOptions::new().with_version("1.0.0");
    world.begin_with("first", "Says", first).await;
    world
        .begin_with("latest", "Says", StartOptions::new())
        .await;
    for instance in ["first", "latest"] {
        world.cancel(instance).await;
    }
    let _node = world.node().await;
    for (instance, output, version) in [("first", "in 1", "1.0.0"), ("latest", "in 2", "2.0.0")] {
        world.failure(instance).await;

        assert_eq!(world.second_output(instance).await, output);

        let EventKind::OrchestrationStarted { version: said, .. } =
            &world.history(instance).await[0].kind
        else {
            panic!("an execution begins with its start");
        };
        assert_eq!(said, version, "{instance}");
    }
}

/// A start that was not due is gone with its instance, and the rewind is refused; a new start is not.
pub(crate) async fn what_is_not_known_is_not_rewound(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Waits", waits)).await;
    let later = StartOptions::new().with_delay(GRACE * 100);
    world.begin_with("i", "Waits", later).await;
    world.cancel("i").await;
    world.failure("i").await;

    let refused = world.client.rewind("i").await;

    let Err(ClientError::InvalidInput { message, .. }) = refused else {
        panic!("it is not rewound: {refused:?}");
    };
    assert!(message.contains("ReplaceEnded"), "{message}");
    let anew = StartOptions::new().with_if_exists(IfExists::ReplaceEnded);
    world.begin_with("i", "Waits", anew).await;
    world.raise("i", "Go", "went").await;
    assert_eq!(world.output("i").await, "in went");
}

/// A child that its parent's failure has cancelled before it began begins with what it was given, once the
/// parent is rewound.
pub(crate) async fn a_child_that_never_began_begins_again(cx: &Cx) {
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let later = StartOptions::new().with_delay(GRACE * 100);
        let child = ctx.schedule_sub_orchestration_with_options("Waits", "in ", later);
        let mut child = pin!(child.into_sub_orchestration());
        // It is started by the first look at it.
        let is_ready = poll_fn(|cx| Poll::Ready(child.as_mut().poll(cx).is_ready())).await;
        assert!(!is_ready);
        call(&ctx, "Broken", "work").await?;
        child.await
    }
    let broken = Broken::default();
    let code = Code::of("Parent", parent).orchestration("Waits", waits);
    let (world, _node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "Parent", "").await;
    world.failure("i").await;
    let child = world.child_of("i").await;
    world.failure(&child).await;
    broken.mend();

    let execution = world.rewind("i").await;
    world.is_in_execution(&child, 2).await;
    world.raise(&child, "Go", "went").await;

    world.completes_with("i", execution, "in went").await;
}

/// A parent that was rewound waits for its child, and somebody cancels the child before that has heard so:
/// the child ends, and the parent is told.
pub(crate) async fn a_cancellation_behind_another_start_stands(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Broken", "work").await?;
        waits(ctx, input).await
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let aside = StartOptions::new().with_queue("aside");
        let child = ctx.schedule_sub_orchestration_with_options("Child", "in ", aside);
        child.into_sub_orchestration().await
    }
    let broken = Broken::default();
    let code = Code::of("Parent", parent).orchestration("Child", child);
    let world = World::open(cx, broken.beside(code));
    let node = serving(&world, &["default", "aside"]).await;
    world.begin("i", "Parent", "").await;
    world.failure("i").await;
    let child = world.child_of("i").await;
    broken.mend();
    world.rewind(&child).await;
    world.waits_for(&child, "Go").await;
    node.stop().await;
    let node = serving(&world, &["default"]).await;
    let execution = world.rewind("i").await;
    world.is_in_execution("i", execution).await;
    node.stop().await;

    world.cancel(&child).await;
    let _node = serving(&world, &["default", "aside"]).await;

    let ended = world.end_from("i", execution).await;
    let OrchestrationStatus::Failed { details } = ended else {
        panic!("the child was cancelled: {ended:?}");
    };
    assert_eq!(details.display_message(), "canceled: enough");
    world.pass(Duration::from_secs(5)).await;
    let info = world.client.get_instance_info(&child).await;
    assert_eq!(info.expect("it is there").current_execution_id, 2);
}

/// A suspended instance does not hear that it will be cancelled. It is cancelled at once and rewound, and
/// nothing is left of what was to come.
pub(crate) async fn a_cancellation_that_nobody_heard_is_over(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Waits", waits)).await;
    world.begin("i", "Waits", "in ").await;
    world.waits_for("i", "Go").await;
    let suspended = world.client.suspend_instance("i").await;
    suspended.expect("the instance is there");
    world.cancel_after("i", GRACE).await;
    world.cancel("i").await;
    world.failure("i").await;

    let execution = world.rewind("i").await;
    let resumed = world.client.resume_instance("i").await;
    resumed.expect("the instance is there");

    world.waits_for_in("i", "Go", execution).await;
    world.pass(GRACE * 2).await;
    world.raise("i", "Go", "went").await;
    world.completes_with("i", execution, "in went").await;
}

/// Two have announced that they will cancel an instance, of which the code hears once; neither is left when
/// it has ended and is rewound.
pub(crate) async fn a_second_announcement_is_over_too(cx: &Cx) {
    async fn tidy(ctx: OrchestrationContext, input: String) -> Text {
        let go = ctx.schedule_wait("Go");
        let (which, _) = ctx.select2(go, ctx.cancellation_requested()).await;
        if which == 1 {
            ctx.schedule_wait("Tidied").await;
            return Err("canceled: later".to_owned());
        }
        Ok(input + "went")
    }
    let (world, _node) = World::with_node(cx, Code::of("Tidy", tidy)).await;
    world.begin("i", "Tidy", "in ").await;
    world.waits_for("i", "Go").await;
    world.cancel_after("i", GRACE * 100).await;
    world.waits_for("i", "Tidied").await;
    world.cancel_after("i", GRACE).await;
    world.raise("i", "Tidied", "").await;
    let failure = world.failure("i").await.display_message();
    assert_eq!(failure, "canceled: later");

    let execution = world.rewind("i").await;

    world.waits_for_in("i", "Go", execution).await;
    world.pass(GRACE * 2).await;
    world.raise("i", "Go", "").await;
    world.completes_with("i", execution, "in went").await;
}

/// A parent that was rewound waits for its failed child, which nobody serves for a while: the child stays, though
/// its time has come and somebody tidies up, and goes on in the end.
pub(crate) async fn a_child_that_is_to_go_on_stays(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Broken", &input).await
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let aside = StartOptions::new()
            .with_queue("aside")
            .with_expire_after(HOUR);
        let child = ctx.schedule_sub_orchestration_with_options("Child", "work", aside);
        child.into_sub_orchestration().await
    }
    let broken = Broken::default();
    let code = Code::of("Parent", parent).orchestration("Child", child);
    let world = World::open(cx, broken.beside(code));
    let node = serving(&world, &["default", "aside"]).await;
    world.begin("i", "Parent", "").await;
    world.failure("i").await;
    let child = world.child_of("i").await;
    broken.mend();
    node.stop().await;
    let node = serving(&world, &["default"]).await;
    let execution = world.rewind("i").await;
    world.is_in_execution("i", execution).await;
    node.stop().await;

    world.pass(HOUR * 2).await;
    cx.maintain().await;
    let deleted = world
        .client
        .delete_instance(&child, DeleteMode::TerminalOnly);
    let refused = deleted.await.expect_err("it is about to go on");
    assert!(
        refused.to_string().contains("may have it go on"),
        "{refused}"
    );
    let tidied = world
        .client
        .delete_instances(&DeletionFilter::default())
        .await;
    assert_eq!(tidied.expect("instances can be listed").deleted, 0);
    let _node = serving(&world, &["default", "aside"]).await;

    world.completes_with("i", execution, "work").await;
    let info = world.client.get_instance_info(&child).await;
    assert_eq!(info.expect("it is there").current_execution_id, 2);
}

/// A rewind that a node has given up is over for whoever waits for it, and the instance says why. The next one
/// is waited for again.
pub(crate) async fn a_rewind_that_was_given_up_is_told(cx: &Cx) {
    async fn steps(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Echo", &input).await?;
        call(&ctx, "Broken", &input).await
    }
    async fn other(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Broken", &input).await
    }
    let broken = Broken::default();
    let (world, node) = World::with_node(cx, broken.beside(Code::of("Steps", steps))).await;
    world.begin("i", "Steps", "work").await;
    world.failure("i").await;
    node.stop().await;
    broken.mend();
    let unfit = broken.beside(Code::of("Steps", other));
    let unfit = world
        .node_of(unfit, |habits| {
            habits.options.mismatch_policy = MismatchPolicy::FailAtOnce;
        })
        .await;
    let execution = world.rewind("i").await;

    let waited = world.client.wait_for_execution("i", execution, GRACE * 100);
    let told = within("i", waited).await;

    let Err(ClientError::NotRewound { reason }) = told else {
        panic!("it was given up: {told:?}");
    };
    assert!(reason.contains("Echo"), "{reason}");
    let info = world.client.get_instance_info("i").await;
    let said = info.expect("it is there").blocked;
    assert_eq!(said, Some(format!("it was not rewound: {reason}")));
    unfit.stop().await;
    // One that waits for code that fits is taken back by a cancellation.
    let unfit = broken.beside(Code::of("Steps", other));
    let unfit = world.node_of(unfit, |_| {}).await;
    let execution = world.rewind("i").await;
    world.cancel("i").await;
    let waited = world.client.wait_for_execution("i", execution, GRACE * 100);
    let told = within("i", waited).await;
    let Err(ClientError::NotRewound { reason }) = told else {
        panic!("it was taken back: {told:?}");
    };
    assert!(reason.contains("it was cancelled"), "{reason}");
    unfit.stop().await;
    // The next wish has not been looked at.
    let execution = world.rewind("i").await;
    let waited = world.client.wait_for_execution("i", execution, GRACE);
    let told = within("i", waited).await;
    assert!(
        !matches!(told, Err(ClientError::NotRewound { .. })),
        "{told:?}"
    );
    let _node = world.node().await;
    world.completes_with("i", execution, "work").await;
    let info = world.client.get_instance_info("i").await;
    assert_eq!(info.expect("it is there").blocked, None);
}
