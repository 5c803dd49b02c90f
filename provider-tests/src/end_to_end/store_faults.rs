//! A store that fails for a while. No instance answers for it, and nothing is done twice.

use std::time::Duration;

use duroxide_core::providers::ErrorKind;
use duroxide_core::runtime::Fault;
use duroxide_core::{OrchestrationContext, OrchestrationStatus};

use super::stage::{Code, Gate, Node, Text, World, until, within};
use crate::support::Cx;

/// The errors that say nothing of what is committed.
const FAULTS: [ErrorKind; 5] = [
    ErrorKind::Config,
    ErrorKind::Unexpected,
    ErrorKind::Corrupt,
    ErrorKind::Unsupported,
    ErrorKind::Unavailable,
];

/// Longer than any scenario takes.
const FOR_EVER: Duration = Duration::from_hours(24);

async fn work(ctx: OrchestrationContext, _: String) -> Text {
    ctx.schedule_activity("Work", "done").into_activity().await
}

/// Waits until the node was let down so many more times.
async fn let_down(node: &Node, times: u64) {
    let before = node.let_downs();
    let look = async || (node.let_downs() >= before + times).then_some(());
    until("the store fails", look).await;
}

/// Turns that cannot be committed are given back, and the runtime says what is wrong.
pub(crate) async fn no_instance_answers_for_failing_commits(cx: &Cx) {
    const INSTANCES: usize = 10;
    for fault in FAULTS {
        let gate = Gate::closed();
        gate.open();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        node.fail_commits(fault);
        for number in 0..INSTANCES {
            world.begin(&number.to_string(), "Work", "").await;
        }
        let_down(&node, 5).await;
        let said = async || {
            let faults = node.health().faults;
            let of_commits = |it: &&Fault| it.operation == "commit" && it.kind == fault;
            faults.iter().find(of_commits).map(drop)
        };
        until("the runtime says what fails", said).await;
        for number in 0..INSTANCES {
            let status = world.status(&number.to_string()).await;
            assert_eq!(status, OrchestrationStatus::Running, "{fault:?}");
        }

        node.heal();

        for number in 0..INSTANCES {
            assert_eq!(world.output(&number.to_string()).await, "done", "{fault:?}");
        }
        let look = async || node.health().is_healthy().then_some(());
        until("the runtime is healthy again", look).await;
    }
}

/// What an activity did is kept until it can be recorded, and is not done again.
pub(crate) async fn an_outcome_is_kept_until_it_is_recorded(cx: &Cx) {
    for fault in FAULTS {
        let gate = Gate::closed();
        let code = Code::of("Work", work).activity("Work", gate.activity());
        let (world, node) = World::with_node(&cx.twin().await, code).await;
        world.begin("works", "Work", "").await;
        gate.begun(1).await;
        node.fail_commits(fault);
        gate.open();
        let_down(&node, 3).await;

        node.heal();

        assert_eq!(world.output("works").await, "done", "{fault:?}");
        assert_eq!(gate.runs(), 1, "{fault:?}");
    }
}

/// A history that ends before the head says so is the store's fault: a replica lags behind, or a page
/// was lost. Code is not held to it.
pub(crate) async fn a_short_history_ends_nobody(cx: &Cx) {
    async fn two_events(ctx: OrchestrationContext, _: String) -> Text {
        let first = ctx.schedule_wait("Go").into_event().await;
        let second = ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{first} {second}"))
    }
    let (world, first) = World::with_node(cx, Code::of("Two", two_events)).await;
    world.begin("waits", "Two", "").await;
    world.waits_for("waits", "Go").await;
    first.stop().await;
    let node = world.node().await;
    node.hide_histories();
    world.raise("waits", "Go", "one").await;
    let_down(&node, 3).await;
    assert_eq!(world.status("waits").await, OrchestrationStatus::Running);

    node.heal();
    world.raise("waits", "Go", "two").await;

    assert_eq!(world.output("waits").await, "one two");
}

/// A history whose end is lost for good can still be cancelled, and its parent hears of it.
pub(crate) async fn a_history_that_is_lost_can_be_cancelled(cx: &Cx) {
    async fn wait(ctx: OrchestrationContext, _: String) -> Text {
        Ok(ctx.schedule_wait("Go").into_event().await)
    }
    let (world, first) = World::with_node(cx, Code::of("Wait", wait)).await;
    world.begin("waits", "Wait", "").await;
    world.waits_for("waits", "Go").await;
    first.stop().await;
    let node = world.node().await;
    node.hide_histories();

    world.cancel("waits").await;

    let ended = world.client.wait_for_orchestration("waits", FOR_EVER);
    let ended = within("the end", ended).await.expect("the wait succeeds");
    let OrchestrationStatus::Failed { details } = ended else {
        panic!("{ended:?}")
    };
    assert_eq!(details.display_message(), "canceled: enough");
}
