//! Orchestrations that wait on what is not durable, or use their context from elsewhere.

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use duroxide::clock::{Clock, SystemClock};
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::{ErrorDetails, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, checked, no_activities, types};

/// Runs each of these wrong orchestrations beside a healthy one, and answers why it failed.
async fn failure_of(
    orchestrations: duroxide::OrchestrationRegistryBuilder,
    wrong: &str,
) -> ErrorDetails {
    let orchestrations = orchestrations
        .register(
            "Healthy",
            |ctx: OrchestrationContext, _: String| async move {
                ctx.schedule_timer(Duration::from_millis(5))
                    .into_timer()
                    .await;
                Ok("fine".to_owned())
            },
        )
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    world.begin("healthy", "Healthy", "").await;
    let details = world.run_failing("wrong", wrong, "").await;
    assert_eq!(world.output("healthy").await, "fine");
    let last = world.history("wrong").await.pop().unwrap();
    assert!(last.is_terminal(), "{last:?}");
    world.shutdown().await;
    details
}

fn says_what_to_do(details: &ErrorDetails) -> bool {
    let message = details.display_message();
    message.contains("durable") || message.contains("outside")
}

#[tokio::test]
async fn a_sleep_of_the_async_runtime() {
    async fn sleeping(_ctx: OrchestrationContext, _input: String) -> Text {
        SystemClock.sleep(Duration::from_millis(1)).await;
        Ok("never".to_owned())
    }
    let registry = OrchestrationRegistry::builder().register("Sleeping", sleeping);
    let details = failure_of(registry, "Sleeping").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

/// It is not suspended until its parent, or somebody else, gives up: it fails, and its parent hears
/// of it.
#[tokio::test]
async fn a_child_that_sleeps_fails_at_once() {
    async fn sleeping(_ctx: OrchestrationContext, _input: String) -> Text {
        SystemClock.sleep(Duration::from_hours(1)).await;
        Ok("never".to_owned())
    }
    async fn parent(ctx: OrchestrationContext, _input: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Sleeping", "");
        child.into_sub_orchestration().await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", parent)
        .register("Sleeping", sleeping)
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    let details = world.run_failing("parent", "Parent", "").await;
    assert!(says_what_to_do(&details), "{details:?}");
    let child = world.child_of("parent").await;
    let of_child = world.failure(&child).await;
    assert_eq!(details.display_message(), of_child.display_message());
    let history = types(&world.history(&child).await);
    assert_eq!(history, ["OrchestrationStarted", "OrchestrationFailed"]);
    world.shutdown().await;
}

#[tokio::test]
async fn a_channel_that_nobody_sends_on() {
    async fn listening(_ctx: OrchestrationContext, _input: String) -> Text {
        let (_sender, receiver) = tokio::sync::oneshot::channel::<String>();
        receiver.await.map_err(|error| error.to_string())
    }
    let registry = OrchestrationRegistry::builder().register("Listening", listening);
    let details = failure_of(registry, "Listening").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

#[tokio::test]
async fn a_task_that_it_waits_for_and_that_uses_the_context() {
    async fn spawning(ctx: OrchestrationContext, _input: String) -> Text {
        let task = tokio::spawn(async move { ctx.schedule_wait("Go").into_event().await });
        task.await.map_err(|error| error.to_string())
    }
    let registry = OrchestrationRegistry::builder().register("Spawning", spawning);
    let details = failure_of(registry, "Spawning").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

#[tokio::test]
async fn the_context_used_in_a_task_while_waiting_for_something_durable() {
    async fn spawning(ctx: OrchestrationContext, _input: String) -> Text {
        let theirs = ctx.clone();
        tokio::spawn(async move { theirs.schedule_wait("Other").into_event().await });
        Ok(ctx.schedule_wait("Never").into_event().await)
    }
    let registry = OrchestrationRegistry::builder().register("Spawning", spawning);
    let details = failure_of(registry, "Spawning").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

#[tokio::test]
async fn a_wake_from_outside_while_waiting_for_something_durable() {
    async fn mixing(ctx: OrchestrationContext, _input: String) -> Text {
        let sleep = SystemClock.sleep(Duration::from_millis(5));
        let never = ctx.schedule_wait("Never").into_event();
        futures_util::future::select(sleep, never).await;
        Ok("the sleep won".to_owned())
    }
    let registry = OrchestrationRegistry::builder().register("Mixing", mixing);
    let details = failure_of(registry, "Mixing").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

/// Such a wake is found out at the next event at the latest.
#[tokio::test]
async fn a_wake_from_outside_is_an_error_when_something_durable_comes() {
    let senders = Arc::new(Mutex::new(Vec::new()));
    let outside = Arc::clone(&senders);
    let mixing = move |ctx: OrchestrationContext, _input: String| {
        let (sender, receiver) = tokio::sync::oneshot::channel::<()>();
        outside.lock().unwrap().push(sender);
        async move {
            let go = ctx.schedule_wait("Go").into_event();
            let (_, go) = futures_util::future::join(receiver, go).await;
            Ok(go)
        }
    };
    let orchestrations = OrchestrationRegistry::builder()
        .register("Mixing", mixing)
        .build();
    for options in [RuntimeOptions::default(), checked()] {
        let store = Arc::new(MemoryProvider::new());
        let world = World::start(store, no_activities(), orchestrations.clone(), options).await;
        world.begin("wrong", "Mixing", "").await;
        world.waits_for("wrong", "Go").await;
        for sender in std::mem::take(&mut *senders.lock().unwrap()) {
            sender.send(()).ok();
        }
        world.client.raise_event("wrong", "Go", "").await.ok();
        let details = world.failure("wrong").await;
        assert!(says_what_to_do(&details), "{details:?}");
        world.shutdown().await;
    }
}

#[tokio::test]
async fn yielding_to_the_async_runtime() {
    async fn yielding(_ctx: OrchestrationContext, _input: String) -> Text {
        loop {
            tokio::task::yield_now().await;
        }
    }
    let registry = OrchestrationRegistry::builder().register("Yielding", yielding);
    let details = failure_of(registry, "Yielding").await;
    assert!(says_what_to_do(&details), "{details:?}");
}

#[tokio::test]
async fn waking_itself_for_ever() {
    async fn spinning(_ctx: OrchestrationContext, _input: String) -> Text {
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await
    }
    let registry = OrchestrationRegistry::builder().register("Spinning", spinning);
    let details = failure_of(registry, "Spinning").await;
    assert!(says_what_to_do(&details), "{details:?}");
}
