//! Work that kills whoever does it.

use duroxide_core::{ErrorDetails, EventKind, OrchestrationContext};

use super::stage::{Code, Fuse, Gate, LEASE, Text, World};
use crate::support::{Cx, id};

/// How often the cases let something be tried alone, and how often it is tried by then: the first
/// two deaths may have been anybody's.
const ATTEMPTS: u32 = 2;
const RUNS: u32 = ATTEMPTS + 2;

async fn work(ctx: OrchestrationContext, activity: String) -> Text {
    ctx.schedule_activity(activity, "done")
        .into_activity()
        .await
}

#[track_caller]
fn check(failure: &ErrorDetails) {
    let ErrorDetails::Poison {
        attempt_count,
        max_attempts,
        ..
    } = failure
    else {
        panic!("it failed for another reason: {failure:?}");
    };
    assert_eq!((*attempt_count, *max_attempts), (ATTEMPTS + 1, ATTEMPTS));
}

/// Its claims are counted, so that it is given up; what else there is goes on.
pub(crate) async fn a_deadly_activity_is_given_up(cx: &Cx) {
    let gate = Gate::closed();
    let code = Code::of("Work", work).activity("Deadly", gate.activity());
    let mut world = World::open(&cx.twin().await, code);
    world.begin("deadly", "Work", "Deadly").await;
    for run in 1..=RUNS {
        let node = world
            .node_with(|it| it.options.max_attempts = ATTEMPTS)
            .await;
        gate.begun(run).await;
        node.kill().await;
        world = world.after_a_crash().await;
        world.pass(LEASE).await;
        world
            .begin(&format!("harmless {run}"), "Work", "Echo")
            .await;
    }

    let _node = world
        .node_with(|it| it.options.max_attempts = ATTEMPTS)
        .await;

    world.failure("deadly").await;
    let history = world.history("deadly").await;
    let reason = history.iter().find_map(|event| {
        let EventKind::ActivityFailed { details } = &event.kind else {
            return None;
        };
        Some(details)
    });
    check(reason.expect("the activity has failed"));
    assert_eq!(gate.runs(), RUNS);
    for run in 1..=RUNS {
        let output = world.output(&format!("harmless {run}")).await;
        assert_eq!(output, "done");
    }
}

/// The same for a turn that its process does not survive.
pub(crate) async fn a_deadly_orchestration_is_given_up(cx: &Cx) {
    let mut world = World::open(&cx.twin().await, Code::of("Work", work));
    world.begin("deadly", "Work", "Echo").await;
    for run in 1..=RUNS {
        let node = world
            .node_with(|it| it.fuse = Some(Fuse::Death(id("deadly"))))
            .await;
        node.dies().await;
        world = world.after_a_crash().await;
        world.pass(LEASE).await;
        world
            .begin(&format!("harmless {run}"), "Work", "Echo")
            .await;
    }

    let _node = world
        .node_with(|it| it.options.max_attempts = ATTEMPTS)
        .await;

    check(&world.failure("deadly").await);
    for run in 1..=RUNS {
        let output = world.output(&format!("harmless {run}")).await;
        assert_eq!(output, "done");
    }
}

/// Nodes that are shut down are no sign of poison, however many.
pub(crate) async fn shutdowns_are_not_counted(cx: &Cx) {
    let gate = Gate::closed();
    let code = Code::of("Work", work).activity("Work", gate.activity());
    let world = World::open(cx, code);
    world.begin("works", "Work", "Work").await;
    for run in 1..=RUNS + 1 {
        let node = world
            .node_with(|it| it.options.max_attempts = ATTEMPTS)
            .await;
        gate.begun(run).await;
        node.stop().await;
    }

    gate.open();
    let _node = world
        .node_with(|it| it.options.max_attempts = ATTEMPTS)
        .await;

    assert_eq!(world.output("works").await, "done");
}
