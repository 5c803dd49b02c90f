//! Instances that have failed, and go on from before their last failed step.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;
use std::time::Duration;

use duroxide_core::providers::DeleteMode;
use duroxide_core::{
    ActivityContext, ClientError, DurableOutput, EventKind, OrchestrationContext,
    OrchestrationStatus, RewindOptions,
};

use super::stage::{Code, Gate, Node, Text, World, count, types, until, within};
use crate::support::Cx;

/// Longer than the store's time that any scenario takes.
const FOR_EVER: Duration = Duration::from_hours(24);

/// Something that is broken until somebody mends it.
#[derive(Clone, Default)]
pub(super) struct Broken {
    is_mended: Arc<AtomicBool>,
    runs: Arc<AtomicU32>,
}

impl Broken {
    pub(super) fn mend(&self) {
        self.is_mended.store(true, Ordering::SeqCst);
    }

    pub(super) fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }

    fn work(&self, input: String) -> Text {
        self.runs.fetch_add(1, Ordering::SeqCst);
        if self.is_mended.load(Ordering::SeqCst) {
            return Ok(input);
        }
        Err(format!("{input} is broken"))
    }

    /// Code with the activity `Broken`, which fails until it is mended.
    pub(super) fn beside(&self, code: Code) -> Code {
        let broken = self.clone();
        code.activity("Broken", move |_: ActivityContext, input: String| {
            let broken = broken.clone();
            async move { broken.work(input) }
        })
    }
}

impl World {
    pub(super) async fn rewind(&self, instance: &str) -> u64 {
        let rewound = self.client.rewind(instance).await;
        rewound.expect("the instance has failed")
    }

    /// How an instance ended in this execution or a later one.
    pub(super) async fn end_from(&self, instance: &str, execution: u64) -> OrchestrationStatus {
        let ended = self
            .client
            .wait_for_execution(instance, execution, FOR_EVER);
        let ended = within(instance, ended).await.expect("the wait succeeds");
        self.history(instance).await;
        ended
    }

    /// Rewinds an instance, and answers what it returned then.
    pub(super) async fn second_output(&self, instance: &str) -> String {
        let execution = self.rewind(instance).await;
        let ended = self.end_from(instance, execution).await;
        if let OrchestrationStatus::Completed { output } = ended {
            return output;
        }
        panic!("{instance} did not complete: {ended:?}")
    }
}

pub(super) async fn call(ctx: &OrchestrationContext, activity: &str, input: &str) -> Text {
    ctx.schedule_activity(activity, input).into_activity().await
}

/// What comes before the failed activity is not done again, and the history says where it comes from.
pub(crate) async fn a_failed_activity_is_done_again(cx: &Cx) {
    async fn steps(ctx: OrchestrationContext, input: String) -> Text {
        let first = call(&ctx, "Counted", &input).await?;
        let second = call(&ctx, "Broken", &first).await?;
        let third = call(&ctx, "Echo", "three").await?;
        Ok(format!("{first} {second} {third}"))
    }
    let (broken, gate) = (Broken::default(), Gate::closed());
    gate.open();
    let code = Code::of("Steps", steps).activity("Counted", gate.activity());
    let (world, _node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "Steps", "one").await;
    let first_end = world.failure("i").await.display_message();
    assert_eq!(first_end, "one is broken");
    let before = world.history("i").await;
    broken.mend();

    assert_eq!(world.second_output("i").await, "one one three");

    assert_eq!(gate.runs(), 1);
    assert_eq!(broken.runs(), 2);
    assert_eq!(world.history_of("i", 1).await, before);
    let history = world.history("i").await;
    let expected = [
        "started",
        "activity",
        "activity done",
        "activity",
        "activity done",
        "activity",
        "activity done",
        "completed",
    ];
    assert_eq!(types(&history), expected);
    for (again, first) in history.iter().zip(&before).skip(1).take(3) {
        assert_eq!(again.kind, first.kind);
        assert_eq!(again.timestamp_ms, first.timestamp_ms);
    }
    let EventKind::OrchestrationStarted { rewound, .. } = &history[0].kind else {
        panic!("an execution begins with its start");
    };
    let rewound = rewound.as_ref().expect("the start says so");
    assert_eq!((rewound.execution, rewound.event_id), (1, 5));
}

/// The parent failed since its third child did. It is rewound, and the child with it: the child's failed
/// step is done again, and the first two children are left alone.
pub(crate) async fn a_parent_takes_its_failed_child_along(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        let counted = call(&ctx, "Counted", &input).await?;
        if counted == "3" {
            return call(&ctx, "Broken", &counted).await;
        }
        Ok(counted)
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let mut said = String::new();
        for number in ["1", "2", "3", "4"] {
            let child = ctx.schedule_sub_orchestration("Child", number);
            said += &child.into_sub_orchestration().await?;
        }
        Ok(said)
    }
    let (broken, gate) = (Broken::default(), Gate::closed());
    gate.open();
    let code = Code::of("Parent", parent)
        .orchestration("Child", child)
        .activity("Counted", gate.activity());
    let (world, _node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "Parent", "").await;
    assert_eq!(world.failure("i").await.display_message(), "3 is broken");
    let third = world
        .history("i")
        .await
        .into_iter()
        .rev()
        .find_map(|event| {
            let EventKind::SubOrchestrationScheduled { instance, .. } = event.kind else {
                return None;
            };
            Some(instance)
        });
    let third = third.expect("the third child was started");
    broken.mend();

    assert_eq!(world.second_output("i").await, "1234");

    assert_eq!(gate.runs(), 4, "each child has begun once");
    assert_eq!(broken.runs(), 2);
    assert_eq!(world.output(&third).await, "3");
    let info = world.client.get_instance_info(&third).await;
    assert_eq!(info.expect("it is there").current_execution_id, 2);
}

/// What succeeded after the failure is kept, in the order in which it came, and events are taken again.
pub(crate) async fn what_came_after_the_failure_is_kept(cx: &Cx) {
    async fn all(ctx: OrchestrationContext, _: String) -> Text {
        let broken = ctx.schedule_activity("Broken", "work");
        let gated = ctx.schedule_activity("Gated", "gated");
        let event = ctx.schedule_wait("E");
        let mut outputs = Vec::new();
        for output in ctx.join(vec![broken, gated, event]).await {
            let text = format!("{output:?}");
            outputs.push(if let DurableOutput::Activity(output) = output {
                output?
            } else {
                text
            });
        }
        outputs.sort();
        outputs.push(ctx.schedule_wait("E").into_event().await);
        Ok(outputs.join(" "))
    }
    let (broken, gate) = (Broken::default(), Gate::closed());
    let code = Code::of("All", all).activity("Gated", gate.activity());
    let (world, _node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "All", "").await;
    world
        .reaches("i", |kind| matches!(kind, EventKind::ActivityFailed { .. }))
        .await;
    world.raise("i", "E", "first").await;
    world.raise("i", "E", "second").await;
    // It ends with this, and takes no event from then on.
    gate.open();
    world.failure("i").await;
    broken.mend();

    let output = world.second_output("i").await;

    assert_eq!(output, r#"External("first") gated work second"#);
    assert_eq!(gate.runs(), 1);
    let events = |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { .. });
    assert_eq!(count(&world.history("i").await, events), 2);
}

/// What is open at the cut is begun anew: an activity, a timer and a child that were given up when the
/// instance failed. What the code had given up before is not.
pub(crate) async fn what_is_open_is_begun_anew(cx: &Cx) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        let waited = ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{input} {waited}"))
    }
    async fn all(ctx: OrchestrationContext, _: String) -> Text {
        drop(ctx.schedule_activity("Unwanted", ""));
        let unwanted = ctx.schedule_activity("Unwanted", "");
        ctx.select2(ctx.schedule_activity("Echo", ""), unwanted)
            .await;
        let gated = ctx.schedule_activity("Gated", "gated");
        let timer = ctx.schedule_timer(Duration::from_secs(5));
        let child = ctx.schedule_sub_orchestration("Child", "child");
        let all = ctx.join(vec![gated, timer, child]);
        let broken = async {
            ctx.schedule_wait("Break").into_event().await;
            call(&ctx, "Broken", "work").await
        };
        let (all, broken) = unless_it_fails(all, broken).await?;
        Ok(format!("{} {broken}", all.len()))
    }
    /// Both, or the error of the second one.
    async fn unless_it_fails<T>(
        all: impl Future<Output = T>,
        step: impl Future<Output = Text>,
    ) -> Result<(T, String), String> {
        let (mut all, mut step) = (pin!(all), pin!(step));
        let (mut first, mut second) = (None, None);
        poll_fn(|cx| {
            if first.is_none()
                && let Poll::Ready(output) = all.as_mut().poll(cx)
            {
                first = Some(output);
            }
            if second.is_none()
                && let Poll::Ready(output) = step.as_mut().poll(cx)
            {
                match output {
                    Ok(output) => second = Some(output),
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            match (first.take(), second.take()) {
                (Some(first), Some(second)) => Poll::Ready(Ok((first, second))),
                (one, other) => {
                    (first, second) = (one, other);
                    Poll::Pending
                }
            }
        })
        .await
    }
    let (broken, gate, unwanted) = (Broken::default(), Gate::closed(), Gate::closed());
    let code = Code::of("All", all)
        .orchestration("Child", child)
        .activity("Unwanted", unwanted.activity())
        .activity("Gated", gate.activity());
    let (world, _node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "All", "").await;
    gate.begun(1).await;
    world.raise("i", "Break", "").await;
    world.failure("i").await;
    gate.cancelled(1).await;
    let child = world.child_of("i").await;
    assert_eq!(
        world.failure(&child).await.display_message(),
        "canceled: the parent does not wait for it any more"
    );
    let was_unwanted = unwanted.runs();
    broken.mend();

    let execution = world.rewind("i").await;
    gate.begun(2).await;
    gate.open();
    world.is_in_execution(&child, 2).await;
    world.raise(&child, "Go", "went").await;

    let ended = world.end_from("i", execution).await;
    let output = "3 work".to_owned();
    assert_eq!(ended, OrchestrationStatus::Completed { output });
    assert_eq!(unwanted.runs(), was_unwanted);
}

/// A cancelled instance goes on where it was when it heard of that, with or without a grace.
pub(crate) async fn a_cancellation_is_taken_back(cx: &Cx) {
    async fn patient(ctx: OrchestrationContext, _: String) -> Text {
        let go = ctx.schedule_wait("Go");
        let (which, _) = ctx.select2(go, ctx.cancellation_requested()).await;
        if which == 1 {
            call(&ctx, "Echo", "cleaned up").await?;
            return Err("canceled: enough".to_owned());
        }
        Ok("went".to_owned())
    }
    let (world, _node) = World::with_node(cx, Code::of("Patient", patient)).await;
    for grace in [Duration::ZERO, Duration::from_hours(1)] {
        let instance = format!("after {grace:?}");
        world.begin(&instance, "Patient", "").await;
        world.waits_for(&instance, "Go").await;
        world.cancel_later(&instance, grace).await;
        let failure = world.failure(&instance).await.display_message();
        assert_eq!(failure, "canceled: enough");

        let execution = world.rewind(&instance).await;
        world.is_in_execution(&instance, execution).await;
        world.raise(&instance, "Go", "").await;

        let ended = world.end_from(&instance, execution).await;
        let output = "went".to_owned();
        assert_eq!(
            ended,
            OrchestrationStatus::Completed { output },
            "{instance}"
        );
    }
}

/// An instance may fail again and be rewound again; a request that is repeated rewinds it once.
pub(crate) async fn a_rewind_may_be_repeated(cx: &Cx) {
    async fn two(ctx: OrchestrationContext, _: String) -> Text {
        let first = call(&ctx, "Broken", "first").await?;
        call(&ctx, "Broken", &first).await
    }
    let broken = Broken::default();
    let (world, node) = World::with_node(cx, broken.beside(Code::of("Two", two))).await;
    world.begin("i", "Two", "").await;
    world.failure("i").await;
    node.stop().await;

    let ticket = || RewindOptions::new().request_id("ticket 7");
    for _ in 0..2 {
        let execution = world.client.rewind_with("i", ticket()).await;
        assert_eq!(execution.expect("it has failed"), 2);
    }
    // Another request for the same failure is none any more when it is looked at.
    assert_eq!(world.rewind("i").await, 2);
    let _node = world.node().await;

    let ended = world.end_from("i", 2).await;
    assert!(
        matches!(ended, OrchestrationStatus::Failed { .. }),
        "{ended:?}"
    );
    assert_eq!(broken.runs(), 2);
    let again = world.client.rewind_with("i", ticket()).await;
    assert_eq!(again.expect("it is known"), 2);
    world.pass(Duration::from_secs(5)).await;
    assert_eq!(broken.runs(), 2);
    broken.mend();
    assert_eq!(world.second_output("i").await, "first");
    let again = world.client.rewind_with("i", ticket()).await;
    assert_eq!(again.expect("it is known"), 2);
    let info = world.client.get_instance_info("i").await;
    assert_eq!(info.expect("it is there").current_execution_id, 3);
}

/// What runs or has completed is not rewound.
pub(crate) async fn only_failures_are_rewound(cx: &Cx) {
    async fn patient(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("Go").into_event().await)
    }
    let (world, _node) = World::with_node(cx, Code::of("Patient", patient)).await;
    world.begin("i", "Patient", "").await;
    world.waits_for("i", "Go").await;
    let running = world.client.rewind("i").await;
    assert!(
        matches!(running, Err(ClientError::InvalidInput { .. })),
        "{running:?}"
    );
    world.raise("i", "Go", "went").await;
    assert_eq!(world.output("i").await, "went");
    let completed = world.client.rewind("i").await;
    assert!(
        matches!(completed, Err(ClientError::InvalidInput { .. })),
        "{completed:?}"
    );
}

/// What comes after the rewind is for the execution that goes on: it is suspended at once, and waits.
pub(crate) async fn a_suspension_follows_a_rewind(cx: &Cx) {
    // What goes on may be done with its work before the suspension comes, and waits for an event then.
    async fn one(ctx: OrchestrationContext, _: String) -> Text {
        let work = call(&ctx, "Broken", "work").await?;
        ctx.schedule_wait("go").await;
        Ok(work)
    }
    let broken = Broken::default();
    let (world, node) = World::with_node(cx, broken.beside(Code::of("One", one))).await;
    world.begin("i", "One", "").await;
    world.failure("i").await;
    node.stop().await;
    broken.mend();
    let execution = world.rewind("i").await;
    let suspended = world.client.suspend_instance("i").await;
    suspended.expect("the instance is there");
    let _node = world.node().await;
    until("the instance is suspended", async || {
        let info = world.client.get_instance_info("i").await;
        info.expect("it is there").suspended.then_some(())
    })
    .await;
    let raised = world.client.raise_event("i", "go", "").await;
    raised.expect("the instance is there");
    world.pass(Duration::from_secs(5)).await;
    assert!(matches!(
        world.status("i").await,
        OrchestrationStatus::Running
    ));

    let resumed = world.client.resume_instance("i").await;
    resumed.expect("the instance is there");

    let output = "work".to_owned();
    let ended = world.end_from("i", execution).await;
    assert_eq!(ended, OrchestrationStatus::Completed { output });
}

/// A parent `i` that has failed since its child has, which calls what is broken; and the child.
pub(super) async fn failed_with_its_child(cx: &Cx, broken: &Broken) -> (World, Node, String) {
    async fn child(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Broken", &input).await
    }
    async fn parent(ctx: OrchestrationContext, _: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Child", "work");
        child.into_sub_orchestration().await
    }
    let code = Code::of("Parent", parent).orchestration("Child", child);
    let (world, node) = World::with_node(cx, broken.beside(code)).await;
    world.begin("i", "Parent", "").await;
    world.failure("i").await;
    let child = world.child_of("i").await;
    (world, node, child)
}

/// A parent that has heard of its child's failure is not told of its success; when the parent is rewound it
/// hears of that, and the child does not run again.
pub(crate) async fn a_parent_hears_of_its_child_when_it_is_rewound(cx: &Cx) {
    let broken = Broken::default();
    let (world, _node, child) = failed_with_its_child(cx, &broken).await;
    broken.mend();
    assert_eq!(world.second_output(&child).await, "work");
    world.pass(Duration::from_secs(5)).await;
    world.failure("i").await;

    assert_eq!(world.second_output("i").await, "work");

    assert_eq!(broken.runs(), 2);
    let info = world.client.get_instance_info(&child).await;
    assert_eq!(info.expect("it is there").current_execution_id, 2);
}

/// A child that is gone begins anew.
pub(crate) async fn a_child_that_is_gone_begins_anew(cx: &Cx) {
    let broken = Broken::default();
    let (world, _node, child) = failed_with_its_child(cx, &broken).await;
    let deleted = world
        .client
        .delete_instance(&child, DeleteMode::Force)
        .await;
    deleted.expect("a child can be deleted");
    broken.mend();
    assert_eq!(world.second_output("i").await, "work");
    let info = world.client.get_instance_info(&child).await;
    assert_eq!(info.expect("it is there").current_execution_id, 1);
}

/// An instance that has continued as new is rewound in its last execution, and may continue again: its events
/// go along.
pub(crate) async fn a_loop_is_rewound(cx: &Cx) {
    async fn looping(ctx: OrchestrationContext, input: String) -> Text {
        let event = ctx.schedule_wait("E").into_event().await;
        let said = call(&ctx, "Broken", &format!("{input}{event}")).await?;
        if said.len() < 3 {
            return ctx.continue_as_new(said).await;
        }
        Ok(said)
    }
    let broken = Broken::default();
    broken.mend();
    let (world, _node) = World::with_node(cx, broken.beside(Code::of("Loop", looping))).await;
    world.begin("i", "Loop", "").await;
    world.raise("i", "E", "a").await;
    world.is_in_execution("i", 2).await;
    broken.is_mended.store(false, Ordering::SeqCst);
    world.raise("i", "E", "b").await;
    world.failure("i").await;
    broken.mend();
    let execution = world.rewind("i").await;
    assert_eq!(execution, 3);
    world.is_in_execution("i", 4).await;
    world.raise("i", "E", "c").await;
    let output = "abc".to_owned();
    let ended = world.end_from("i", execution).await;
    assert_eq!(ended, OrchestrationStatus::Completed { output });
}

/// Code that fails by itself, the same as it was mended, and code that does not fit either.
pub(super) mod mended {
    use super::{OrchestrationContext, Text, call};

    pub(in crate::end_to_end) async fn wrong(ctx: OrchestrationContext, input: String) -> Text {
        let input = call(&ctx, "Counted", &input).await?;
        ctx.trace_info("about to fail");
        Err(format!("{input} is not understood"))
    }

    pub(in crate::end_to_end) async fn right(ctx: OrchestrationContext, input: String) -> Text {
        let input = call(&ctx, "Counted", &input).await?;
        call(&ctx, "Echo", &input).await
    }

    pub(in crate::end_to_end) async fn other(ctx: OrchestrationContext, input: String) -> Text {
        call(&ctx, "Echo", &input).await
    }
}

/// Code that fails by itself is mended by a deployment of other code, which does what it did up to there: the
/// instance waits for it as it ended, and goes on within its last step.
pub(crate) async fn code_that_was_mended_goes_on(cx: &Cx) {
    let gate = Gate::closed();
    gate.open();
    let counted = |code: Code| code.activity("Counted", gate.activity());
    let (world, node) = World::with_node(cx, counted(Code::of("Steps", mended::wrong))).await;
    world.begin("i", "Steps", "one").await;
    let failure = world.failure("i").await.display_message();
    assert_eq!(failure, "one is not understood");
    node.stop().await;
    let unfit = world
        .node_of(counted(Code::of("Steps", mended::other)), |_| {})
        .await;
    let execution = world.rewind("i").await;
    world.pass(Duration::from_secs(5)).await;
    assert!(matches!(
        world.status("i").await,
        OrchestrationStatus::Failed { .. }
    ));
    unfit.stop().await;

    let _fit = world
        .node_of(counted(Code::of("Steps", mended::right)), |_| {})
        .await;

    let output = "one".to_owned();
    let ended = world.end_from("i", execution).await;
    assert_eq!(ended, OrchestrationStatus::Completed { output });
    assert_eq!(gate.runs(), 1);
}
