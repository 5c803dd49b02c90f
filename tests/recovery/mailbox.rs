//! In which order a turn takes what has come, and what it leaves where it is.

use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::{Clock as _, ManualClock};
use duroxide::providers::Provider;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::{Client, DurableOutput, OrchestrationContext, OrchestrationRegistry};

use crate::support::{World, checked, no_activities, types};

/// How many messages a claim brings at most, and one more.
const MORE_THAN_A_CLAIM: u64 = 1_001;

/// Mail of a name that was waited for before stays where it is while nobody waits for it.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_awaited_before_is_not_taken() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Two", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_wait("E").into_event().await;
            ctx.schedule_wait("Next").into_event().await;
            Ok(ctx.schedule_wait("Stop").into_event().await)
        })
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    world.begin("i", "Two", "").await;
    world.raise("i", "E", "1").await;
    world.waits_for("i", "Next").await;
    world.raise("i", "E", "2").await;
    world.raise("i", "Next", "").await;
    world.waits_for("i", "Stop").await;
    world.raise("i", "Stop", "end").await;
    assert_eq!(world.output("i").await, "end");
    let events = types(&world.history("i").await);
    let taken = events.iter().filter(|it| it.contains("ExternalEvent"));
    assert_eq!(taken.count(), 3, "{events:?}");
    world.shutdown().await;
}

/// Waits for an event and for the last of so many timers, each a millisecond later than the one before.
fn event_or_last_timer(timers: u64) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Race",
            move |ctx: OrchestrationContext, _: String| async move {
                let mut last = ctx.schedule_timer(Duration::from_secs(1));
                let mut earlier = Vec::new();
                for number in 1..timers {
                    let later = Duration::from_millis(1_000 + number);
                    earlier.push(std::mem::replace(&mut last, ctx.schedule_timer(later)));
                }
                let event = ctx.schedule_wait("E");
                let first = ctx.select2(event, last).await;
                drop(earlier);
                Ok(match first {
                    (0, DurableOutput::External(event)) => event,
                    _ => "the timer".to_owned(),
                })
            },
        )
        .build()
}

/// Whatever falls due while no node runs is taken in the order in which it did.
async fn who_comes_first(timers: u64, raised_after: Duration) -> String {
    let clock = ManualClock::at_ms(1_767_571_200_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::with_options(options));
    let options = || RuntimeOptions {
        clock: Arc::new(clock.clone()),
        ..checked()
    };
    let world = World::start(
        Arc::clone(&store),
        no_activities(),
        event_or_last_timer(timers),
        options(),
    )
    .await;
    world.begin("i", "Race", "").await;
    world.waits_for("i", "E").await;
    world.shutdown().await;
    clock.set_ms(clock.now_ms() + u64::try_from(raised_after.as_millis()).unwrap());
    Client::new(Arc::clone(&store))
        .raise_event("i", "E", "the event")
        .await
        .unwrap();
    clock.set_ms(clock.now_ms() + 60_000);
    let world = World::start(
        store,
        no_activities(),
        event_or_last_timer(timers),
        options(),
    )
    .await;
    let first = world.output("i").await;
    world.shutdown().await;
    first
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_due_first_comes_first() {
    let before = who_comes_first(1, Duration::from_millis(500)).await;
    assert_eq!(before, "the event");
    let after = who_comes_first(1, Duration::from_millis(1_500)).await;
    assert_eq!(after, "the timer");
}

/// Mail does not overtake what a claim had no room for.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_claim_has_no_room_for_is_not_overtaken() {
    let first = who_comes_first(MORE_THAN_A_CLAIM, Duration::from_secs(30)).await;
    assert_eq!(first, "the timer");
}

/// A mailbox full of what nobody waits for is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn unwanted_events_are_in_nobodys_way() {
    const UNWANTED: usize = 100_000;
    let orchestrations = OrchestrationRegistry::builder()
        .register("One", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Wanted").into_event().await)
        })
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    world.begin("i", "One", "").await;
    world.waits_for("i", "Wanted").await;
    for number in 0..UNWANTED {
        world.raise("i", "Unwanted", &number.to_string()).await;
    }
    world.raise("i", "Wanted", "this one").await;
    assert_eq!(world.output("i").await, "this one");
    assert_eq!(world.history("i").await.len(), 4);
    world.shutdown().await;
}
