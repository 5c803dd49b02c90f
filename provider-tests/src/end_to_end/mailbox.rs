//! Actors: orchestrations that live on their mail.

use std::time::Duration;

use duroxide_core::providers::ErrorKind;
use duroxide_core::{
    ClientError, EventKind, OrchestrationContext, OrchestrationStatus, RaiseOptions, RaiseOutcome,
};

use super::events::schedule;
use super::stage::{Code, Text, World};
use crate::support::Cx;

/// Takes one event after each timer, and goes on as the next execution until it has three.
async fn slow(ctx: OrchestrationContext, mut taken: String) -> Text {
    ctx.schedule_timer(Duration::from_millis(300)).await;
    taken.push_str(&ctx.schedule_wait("E").into_event().await);
    if taken.len() < 3 {
        return ctx.continue_as_new(taken).await;
    }
    Ok(taken)
}

/// What comes while an execution waits for something else is there for the executions after it.
pub(crate) async fn no_event_is_lost_between_executions(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Slow", slow)).await;
    world.begin("slow", "Slow", "").await;
    for data in ["a", "b", "c"] {
        world.raise("slow", "E", data).await;
    }

    assert_eq!(world.output("slow").await, "abc");
}

/// Counts its events, so many in each execution, until it is told to stop.
async fn count(ctx: OrchestrationContext, input: String) -> Text {
    let (mut counted, each): (u64, u64) =
        serde_json::from_str(&input).map_err(|it| it.to_string())?;
    for _ in 0..each {
        if ctx
            .schedule_wait("E")
            .into_event()
            .await
            .starts_with("stop")
        {
            return Ok(counted.to_string());
        }
        counted += 1;
    }
    let next = serde_json::to_string(&(counted, each)).map_err(|it| it.to_string())?;
    ctx.continue_as_new(next).await
}

/// A backlog is taken over many executions, however large its events.
pub(crate) async fn an_actor_works_off_its_backlog(cx: &Cx) {
    let world = World::open(cx, Code::of("Count", count));
    for (instance, input, events, bytes) in [
        ("each", "[0,1]", 1_100_u64, 1),
        ("twenty", "[0,20]", 60, 1),
        ("large", "[0,1]", 30, 600 * 1024),
    ] {
        world.begin(instance, "Count", input).await;
        let data = "x".repeat(bytes);
        for _ in 0..events {
            world.raise(instance, "E", &data).await;
        }
        world.raise(instance, "E", "stop").await;
    }

    let _node = world.node().await;

    assert_eq!(world.output("each").await, "1100");
    assert_eq!(world.output("twenty").await, "60");
    assert_eq!(world.output("large").await, "30");
}

/// Events that nobody waits for are no part of the history, and in nobody's way.
pub(crate) async fn unwanted_events_cost_nothing(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Count", count)).await;
    world.begin("actor", "Count", "[0,2]").await;
    world.waits_for("actor", "E").await;
    let unwanted = cx.limits().topic_messages_max.min(2_000);
    for _ in 0..unwanted {
        world.raise("actor", "Unwanted", "noise").await;
    }
    for data in ["1", "2", "3", "stop"] {
        world.raise("actor", "E", data).await;
    }

    assert_eq!(world.output("actor").await, "3");
    assert_eq!(world.history_of("actor", 2).await.len(), 6);
}

/// A sender hears that there is no room, and what manages the instance finds some.
pub(crate) async fn a_full_mailbox_keeps_no_cancellation_out(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Count", count)).await;
    world.begin("actor", "Count", "[0,1]").await;
    world.waits_for("actor", "E").await;
    cx.fill("actor", "Unwanted").await;
    let refused = world.client.raise_event("actor", "Unwanted", "noise").await;
    let Err(ClientError::Provider(error)) = refused else {
        panic!("the store refuses: {refused:?}");
    };
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    world.raise("actor", "E", "1").await;

    world.cancel("actor").await;

    let ended = world.end("actor").await;
    assert!(
        matches!(ended, OrchestrationStatus::Failed { .. }),
        "{ended:?}"
    );
}

/// An event that is sent again after it was taken is the same event, over `continue_as_new` too.
pub(crate) async fn a_repeated_event_is_taken_once(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Count", count)).await;
    world.begin("actor", "Count", "[0,1]").await;
    for round in 0..3_u64 {
        for event in 0..=round {
            let options = RaiseOptions::new().event_id(format!("{event}"));
            let raised = world.client.raise_event_with("actor", "E", "1", options);
            let outcome = raised.await.expect("the store takes it");
            assert_eq!(outcome, RaiseOutcome::Delivered);
        }
        world.is_in_execution("actor", round + 2).await;
    }
    world.raise("actor", "E", "stop").await;

    assert_eq!(world.output("actor").await, "3");
}

/// Events that were taken by waits, and that nobody looked at, are there for the executions after it, one
/// for each.
pub(crate) async fn an_event_that_nobody_saw_goes_along(cx: &Cx) {
    async fn distracted(ctx: OrchestrationContext, seen: String) -> Text {
        if seen.is_empty() {
            let mut unseen = [ctx.schedule_wait("E"), ctx.schedule_wait("E")];
            for wait in &mut unseen {
                schedule(wait).await;
            }
            ctx.schedule_wait("Go").into_event().await;
            drop(unseen);
            return ctx.continue_as_new("saw ").await;
        }
        let seen = seen + &ctx.schedule_wait("E").into_event().await;
        if seen.ends_with('2') {
            return Ok(seen);
        }
        ctx.continue_as_new(seen).await
    }
    let (world, _node) = World::with_node(cx, Code::of("Distracted", distracted)).await;
    world.begin("actor", "Distracted", "").await;
    world.waits_for("actor", "Go").await;
    world.raise("actor", "E", "1").await;
    world.raise("actor", "E", "2").await;
    let is_second =
        |kind: &EventKind| matches!(kind, EventKind::ExternalEvent { data, .. } if data == "2");
    world.reaches("actor", is_second).await;

    world.raise("actor", "Go", "").await;

    assert_eq!(world.output("actor").await, "saw 12");
}

/// Hands out so many permits to whoever asks, one event for each request and each return.
async fn semaphore(ctx: OrchestrationContext, state: String) -> Text {
    let (mut free, mut left): (u32, u32) =
        serde_json::from_str(&state).map_err(|it| it.to_string())?;
    while left > 0 {
        let is_request = if free > 0 {
            let (first, _) = ctx
                .select2(ctx.schedule_wait("acquire"), ctx.schedule_wait("release"))
                .await;
            first == 0
        } else {
            ctx.schedule_wait("release").into_event().await;
            false
        };
        if is_request {
            free -= 1;
        } else {
            free += 1;
            left -= 1;
        }
        if ctx.should_continue_as_new() || left % 7 == 0 {
            let next = serde_json::to_string(&(free, left)).map_err(|it| it.to_string())?;
            if left > 0 {
                return ctx.continue_as_new(next).await;
            }
        }
    }
    Ok(free.to_string())
}

/// A semaphore that lives for ever serves all who come.
pub(crate) async fn a_semaphore_serves_everybody(cx: &Cx) {
    const JOBS: u32 = 60;
    let (world, _node) = World::with_node(cx, Code::of("Semaphore", semaphore)).await;
    world
        .begin("semaphore", "Semaphore", &format!("[3,{JOBS}]"))
        .await;
    for _ in 0..JOBS {
        world.raise("semaphore", "acquire", "").await;
    }
    for _ in 0..JOBS {
        world.raise("semaphore", "release", "").await;
    }

    assert_eq!(world.output("semaphore").await, "3");
}
