//! Instances that are cancelled, and told before.

use std::time::Duration;

use duroxide_core::{
    AppErrorKind, CancelOptions, DurableOutput, ErrorDetails, EventKind, OrchestrationContext,
};

use super::stage::{Code, Gate, Handles, Text, World, count};
use crate::support::Cx;

const GRACE: Duration = Duration::from_secs(20);

/// Works until it is told to end, and undoes it then.
async fn tidy(ctx: OrchestrationContext, _: String) -> Text {
    let work = ctx.schedule_activity("Work", "");
    match ctx.select2(work, ctx.cancellation_requested()).await {
        (_, DurableOutput::External(reason)) => {
            ctx.schedule_activity("Undo", "").into_activity().await?;
            Err(format!("canceled: {reason}"))
        }
        (_, output) => Ok(format!("{output:?}")),
    }
}

/// Lives for ever, one execution after another.
async fn stubborn(ctx: OrchestrationContext, round: String) -> Text {
    let round = round.parse::<u64>().unwrap_or(0) + 1;
    ctx.schedule_timer(Duration::from_millis(500)).await;
    ctx.continue_as_new(round.to_string()).await
}

impl World {
    pub(super) async fn cancel_later(&self, instance: &str, grace: Duration) {
        let options = CancelOptions::new().grace(grace);
        let cancelled = self
            .client
            .cancel_instance_with(instance, "enough", options)
            .await;
        cancelled.expect("the instance is there");
    }

    async fn is_cancelled(&self, instance: &str) {
        let details = self.failure(instance).await;
        let is_it = matches!(
            &details,
            ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. }
                if reason == "enough"
        );
        assert!(is_it, "{instance}: {details:?}");
    }
}

fn is_announced(kind: &EventKind) -> bool {
    matches!(kind, EventKind::OrchestrationCancelAnnounced { .. })
}

fn is_forced(kind: &EventKind) -> bool {
    matches!(kind, EventKind::OrchestrationCancelRequested { .. })
}

/// The code that is told ends what it does, undoes it, and is recorded as cancelled, before the grace is
/// over; nothing of the cancellation is left. So on another node, which replays it.
pub(crate) async fn code_that_is_told_cleans_up(cx: &Cx) {
    for handles in Handles::offered_by(cx) {
        let (gate, undone) = (Gate::closed(), Gate::closed());
        let code = Code::of("Tidy", tidy)
            .activity("Work", gate.activity())
            .activity("Undo", undone.activity());
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        world.begin("tidy", "Tidy", "").await;
        gate.begun(1).await;
        node.refuse_turns();
        let other = world.further_node(*handles, |_| {}).await;

        world.cancel_later("tidy", GRACE * 100).await;
        undone.begun(1).await;
        world.cancel_later("tidy", GRACE * 100).await;
        undone.open();

        world.is_cancelled("tidy").await;
        let history = world.history("tidy").await;
        assert_eq!(count(&history, is_announced), 1, "{handles:?}");
        assert_eq!(count(&history, is_forced), 0, "{handles:?}");
        drop((node, other));
    }
}

/// What goes on all the same is cancelled when the grace is over, in whichever execution it is; those
/// know from their start what is to come.
pub(crate) async fn a_grace_ends(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Stubborn", stubborn)).await;
    world.begin("stubborn", "Stubborn", "").await;
    world.is_in_execution("stubborn", 2).await;

    world.cancel_later("stubborn", Duration::from_secs(3)).await;

    world.is_cancelled("stubborn").await;
    let info = world.client.get_instance_info("stubborn").await;
    let last = info.expect("it is there").current_execution_id;
    assert!(last > 3, "it had time for more than {last} executions");
    let history = world.history("stubborn").await;
    assert_eq!(count(&history, is_forced), 1);
    let knows = matches!(
        &history[0].kind,
        EventKind::OrchestrationStarted { announced: Some(it), .. } if it.reason == "enough"
    );
    assert!(knows, "{:?}", history[0]);
}

/// An instance that ends before is not cancelled, and no message of it is left behind.
pub(crate) async fn an_end_within_the_grace_stands(cx: &Cx) {
    async fn calm(ctx: OrchestrationContext, _: String) -> Text {
        let output = ctx.schedule_wait("E").into_event().await;
        Ok(format!("{output} {}", ctx.is_cancellation_requested()))
    }
    let (world, _node) = World::with_node(cx, Code::of("Calm", calm)).await;
    world.begin("calm", "Calm", "").await;
    world.waits_for("calm", "E").await;
    world.cancel_later("calm", GRACE).await;
    world.reaches("calm", is_announced).await;
    world.raise("calm", "E", "done").await;

    assert_eq!(world.output("calm").await, "done true");

    if let Ok(depths) = world.client.get_queue_depths().await {
        let left = depths.orchestrator_queue + depths.timer_queue;
        assert_eq!(left, 0, "{depths:?}");
    }
    world.pass(GRACE).await;
    assert_eq!(world.output("calm").await, "done true");
}

/// Without its code an instance is cancelled all the same; one that has not begun at once, since it has
/// nothing to clean up.
pub(crate) async fn a_grace_needs_no_code(cx: &Cx) {
    let world = World::open(cx, Code::of("Stubborn", stubborn));
    let node = world.node().await;
    world.begin("begun", "Stubborn", "").await;
    world.is_in_execution("begun", 2).await;
    node.stop().await;
    world.begin("not begun", "Stubborn", "").await;
    let _node = world.node_of(Code::new(), |_| {}).await;

    world.cancel_later("begun", Duration::from_secs(3)).await;
    world.cancel_later("not begun", GRACE * 100).await;

    world.is_cancelled("not begun").await;
    world.is_cancelled("begun").await;
}

/// A suspended instance does not hear of the cancellation, and is cancelled all the same when its grace is
/// over.
pub(crate) async fn a_suspended_instance_has_its_grace(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Stubborn", stubborn)).await;
    world.begin("still", "Stubborn", "").await;
    world.is_in_execution("still", 2).await;
    let suspended = world.client.suspend_instance("still").await;
    suspended.expect("the instance is there");
    world.cancel_later("still", GRACE).await;
    world.pass(GRACE + GRACE).await;

    world.is_cancelled("still").await;
}
