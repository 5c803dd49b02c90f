//! Trying again, with pauses that grow as one likes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, BackoffStrategy, EventKind, OrchestrationContext, OrchestrationRegistry,
    RetryPolicy,
};

use crate::support::{World, until};

/// An activity that fails so many times before it succeeds.
fn flaky(failures: u32) -> ActivityRegistry {
    let tried = Arc::new(AtomicU32::new(0));
    ActivityRegistry::builder()
        .register("Flaky", move |_: ActivityContext, input: String| {
            let attempt = tried.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                if attempt <= failures {
                    Err(format!("attempt {attempt} failed"))
                } else {
                    Ok(format!("{input} at attempt {attempt}"))
                }
            }
        })
        .build()
}

/// An orchestration that calls it with this policy.
fn retrying(policy: RetryPolicy) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Retry", move |ctx: OrchestrationContext, input: String| {
            let policy = policy.clone();
            async move {
                ctx.schedule_activity_with_retry("Flaky", input, policy)
                    .await
            }
        })
        .build()
}

/// The pauses that such a policy makes, in milliseconds, while `Flaky` fails four times.
async fn pauses(backoff: BackoffStrategy) -> Vec<u128> {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let policy = RetryPolicy::new(5).with_backoff(backoff);
    let world = World::on_manual_time(&clock, flaky(4), retrying(policy)).await;
    world.begin("retry", "Retry", "done").await;
    let mut pauses = Vec::new();
    for _ in 0..4 {
        pauses.push(world.fire_timer(&clock, "retry").await.as_millis());
    }
    assert_eq!(world.output("retry").await, "done at attempt 5");
    world.shutdown().await;
    pauses
}

/// Teaches: without a backoff the next attempt follows at once; after the last one its error is
/// returned.
#[tokio::test]
async fn sample_retry_without_backoff() {
    let policy = RetryPolicy::new(3).with_backoff(BackoffStrategy::None);
    let world = World::on_sqlite(flaky(2), retrying(policy.clone())).await;
    assert_eq!(
        world.run("succeeds", "Retry", "done").await,
        "done at attempt 3"
    );
    world.shutdown().await;

    let world = World::on_sqlite(flaky(9), retrying(policy)).await;
    let details = world.run_failing("fails", "Retry", "done").await;
    assert_eq!(details.display_message(), "attempt 3 failed");
    world.shutdown().await;
}

/// Teaches: a pause that is always the same.
#[tokio::test]
async fn sample_retry_with_fixed_backoff() {
    let delay = Duration::from_secs(10);
    assert_eq!(pauses(BackoffStrategy::Fixed { delay }).await, [10_000; 4]);
}

/// Teaches: a pause that grows by the same amount, up to a maximum.
#[tokio::test]
async fn sample_retry_with_linear_backoff() {
    let backoff = BackoffStrategy::Linear {
        base: Duration::from_secs(1),
        max: Duration::from_secs(3),
    };
    assert_eq!(pauses(backoff).await, [1_000, 2_000, 3_000, 3_000]);
}

/// Teaches: a pause that doubles, which is the default.
#[tokio::test]
async fn sample_retry_with_exponential_backoff() {
    assert_eq!(
        pauses(BackoffStrategy::default()).await,
        [100, 200, 400, 800]
    );
    let backoff = BackoffStrategy::Exponential {
        base: Duration::from_secs(1),
        multiplier: 3.0,
        max: Duration::from_secs(20),
    };
    assert_eq!(pauses(backoff).await, [1_000, 3_000, 9_000, 20_000]);
}

/// An activity that never ends by itself, and counts how often it was told to.
fn endless() -> (ActivityRegistry, Arc<AtomicU32>) {
    let told = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&told);
    let activities = ActivityRegistry::builder()
        .register("Flaky", move |ctx: ActivityContext, _input: String| {
            let told = Arc::clone(&counted);
            async move {
                ctx.cancelled().await;
                told.fetch_add(1, Ordering::SeqCst);
                Err("given up".to_owned())
            }
        })
        .build();
    (activities, told)
}

async fn attempts(world: &World, instance: &str) -> usize {
    let history = world.history(instance).await;
    let scheduled = history
        .iter()
        .filter(|event| matches!(event.kind, EventKind::ActivityScheduled { .. }));
    scheduled.count()
}

/// Teaches: each attempt may have a time limit, which counts from its start. The activity is told,
/// and tried again like any that fails.
#[tokio::test]
async fn sample_retry_with_timeout_per_attempt() {
    let (activities, told) = endless();
    let policy = RetryPolicy::new(3)
        .with_timeout(Duration::from_millis(20))
        .with_backoff(BackoffStrategy::None);
    let world = World::on_sqlite(activities, retrying(policy)).await;

    let details = world.run_failing("slow", "Retry", "").await;
    assert_eq!(details.display_message(), "timeout: activity timed out");
    assert_eq!(attempts(&world, "slow").await, 3);
    until("the end of the activities", async || {
        (told.load(Ordering::SeqCst) == 3).then_some(())
    })
    .await;
    world.shutdown().await;
}

/// Teaches: all attempts and pauses together may have a limit as well. It counts from the scheduling
/// on, and what is under way then is cancelled.
#[tokio::test]
async fn sample_retry_with_a_total_time_limit() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let (activities, _told) = endless();
    let policy = RetryPolicy::new(3).with_schedule_to_close(Duration::from_secs(60));
    let world = World::on_manual_time(&clock, activities, retrying(policy)).await;

    world.begin("slow", "Retry", "").await;
    assert_eq!(world.fire_timer(&clock, "slow").await.as_secs(), 60);
    let message = world.failure("slow").await.display_message();
    assert!(
        message.starts_with("timeout: activity timed out"),
        "{message}"
    );
    assert_eq!(attempts(&world, "slow").await, 1);
    world.shutdown().await;
}
