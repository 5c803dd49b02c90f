//! Stopping what is under way.

use std::sync::Arc;
use std::time::Duration;

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, AppErrorKind, CancelOptions, DurableOutput, ErrorDetails,
    OrchestrationContext, OrchestrationRegistry,
};
use tokio::sync::Notify;

use crate::support::{Text, World, no_activities, within};

fn was_cancelled(details: &ErrorDetails, why: &str) -> bool {
    matches!(
        details,
        ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. } if reason == why
    )
}

/// Teaches: a cancelled instance fails with the reason, whatever it was waiting for.
#[tokio::test]
async fn sample_cancel_a_waiting_instance() {
    async fn wait(ctx: OrchestrationContext, _input: String) -> Text {
        Ok(ctx.schedule_wait("Never").into_event().await)
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Wait", wait)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world.begin("wait", "Wait", "").await;
    world.waits_for("wait", "Never").await;
    world
        .client
        .cancel_instance("wait", "changed my mind")
        .await
        .unwrap();
    let details = world.failure("wait").await;
    assert!(was_cancelled(&details, "changed my mind"), "{details:?}");
    assert_eq!(details.display_message(), "canceled: changed my mind");
    world.shutdown().await;
}

/// Teaches: a cancellation with grace lets the code give back what it holds, and end as cancelled.
#[tokio::test]
async fn sample_clean_up_before_the_end() {
    async fn rent(ctx: OrchestrationContext, car: String) -> Text {
        ctx.schedule_activity("Reserve", car.as_str())
            .into_activity()
            .await?;
        let returned = ctx.schedule_wait("Returned");
        match ctx.select2(returned, ctx.cancellation_requested()).await {
            (1, DurableOutput::External(reason)) => {
                ctx.schedule_activity("Release", car)
                    .into_activity()
                    .await?;
                Err(format!("canceled: {reason}"))
            }
            _ => Ok(format!("{car} is back")),
        }
    }
    let released = Arc::new(Notify::new());
    let tell = Arc::clone(&released);
    let activities = ActivityRegistry::builder()
        .register("Reserve", |_: ActivityContext, car: String| async move {
            Ok(car)
        })
        .register("Release", move |_: ActivityContext, car: String| {
            let tell = Arc::clone(&tell);
            async move {
                tell.notify_one();
                Ok(car)
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Rent", rent)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    world.begin("rent", "Rent", "red").await;
    world.waits_for("rent", "Returned").await;
    let options = CancelOptions::new().grace(Duration::from_secs(3_600));
    world
        .client
        .cancel_instance_with("rent", "no licence", options)
        .await
        .unwrap();
    let details = world.failure("rent").await;
    assert!(was_cancelled(&details, "no licence"), "{details:?}");
    within("the release", released.notified()).await;
    world.shutdown().await;
}

/// Teaches: cancelling what has ended is no error and changes nothing; the status tells.
#[tokio::test]
async fn sample_cancel_an_instance_that_has_ended() {
    async fn greet(_ctx: OrchestrationContext, name: String) -> Text {
        Ok(format!("Hello, {name}!"))
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Greet", greet)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("greet", "Greet", "Ada").await, "Hello, Ada!");
    world
        .client
        .cancel_instance("greet", "too late")
        .await
        .unwrap();
    assert_eq!(world.output("greet").await, "Hello, Ada!");
    world.shutdown().await;
}

/// Teaches: cancellation reaches children, and activities that are running, which can then stop
/// early and tidy up.
#[tokio::test]
async fn sample_cancellation_reaches_children_and_activities() {
    let (started, stopped) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (tell_start, tell_stop) = (Arc::clone(&started), Arc::clone(&stopped));
    let activities = ActivityRegistry::builder()
        .register("Download", move |ctx: ActivityContext, _input: String| {
            let (tell_start, tell_stop) = (Arc::clone(&tell_start), Arc::clone(&tell_stop));
            async move {
                tell_start.notify_one();
                ctx.cancelled().await;
                assert!(ctx.is_cancelled());
                tell_stop.notify_one();
                Err("stopped early".to_owned())
            }
        })
        .build();
    async fn child(ctx: OrchestrationContext, url: String) -> Text {
        ctx.schedule_activity("Download", url).into_activity().await
    }
    async fn parent(ctx: OrchestrationContext, url: String) -> Text {
        ctx.schedule_sub_orchestration("Child", url)
            .into_sub_orchestration()
            .await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Child", child)
        .register("Parent", parent)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    world.begin("parent", "Parent", "big.iso").await;
    within("the start of the activity", started.notified()).await;
    world
        .client
        .cancel_instance("parent", "disk full")
        .await
        .unwrap();
    assert!(was_cancelled(&world.failure("parent").await, "disk full"));
    let child = world.failure(&world.child_of("parent").await).await;
    assert!(matches!(
        child,
        ErrorDetails::Application {
            kind: AppErrorKind::Cancelled { .. },
            ..
        }
    ));
    within("the end of the activity", stopped.notified()).await;
    world.shutdown().await;
}

/// Teaches: the losers of a `select` are cancelled, children too.
#[tokio::test]
async fn sample_select_cancels_the_losing_child() {
    async fn patient(ctx: OrchestrationContext, _input: String) -> Text {
        Ok(ctx.schedule_wait("Never").into_event().await)
    }
    async fn impatient(ctx: OrchestrationContext, _input: String) -> Text {
        let child = ctx.schedule_sub_orchestration("Patient", "");
        let timer = ctx.schedule_timer(Duration::from_millis(10));
        match ctx.select2(child, timer).await {
            (1, DurableOutput::Timer) => Ok("went on".to_owned()),
            other => Err(format!("unexpected: {other:?}")),
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Patient", patient)
        .register("Impatient", impatient)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("parent", "Impatient", "").await, "went on");
    let child = world.failure(&world.child_of("parent").await).await;
    assert_eq!(child.category(), "application");
    world.shutdown().await;
}
