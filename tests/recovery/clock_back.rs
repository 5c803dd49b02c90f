//! A clock that is set back by an hour while a runtime works.

use std::sync::Arc;
use std::time::Duration;

use duroxide::clock::{Clock, ManualClock};
use duroxide::providers::Provider;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::sqlite::{SqliteOptions, SqliteProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};

use crate::support::{World, checked, until};

const HOUR_MS: u64 = 3_600_000;
const NOON_MS: u64 = 1_700_000_000_000;

async fn world(clock: &ManualClock, store: Arc<dyn Provider>) -> World {
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Sleep", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_timer(Duration::from_secs(60)).await;
            ctx.schedule_activity("Echo", "slept").into_activity().await
        })
        .register(
            "Ask",
            |ctx: OrchestrationContext, input: String| async move {
                let event = ctx.schedule_wait("Go").into_event().await;
                let echo = ctx.schedule_activity("Echo", input).into_activity().await?;
                Ok(format!("{echo} {event}"))
            },
        )
        .build();
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        ..checked()
    };
    let client = Client::with_clock(Arc::clone(&store), Arc::new(clock.clone()));
    World {
        client,
        ..World::start(store, activities, orchestrations, options).await
    }
}

/// Nothing that was waiting is lost, work goes on at once, and what waits for a time comes when
/// the clock is there: at the latest once it has caught up with the time it has shown before.
async fn nothing_is_lost_on(clock: &ManualClock, store: Arc<dyn Provider>) {
    let world = world(clock, store).await;
    world.begin("asleep", "Sleep", "").await;
    world.begin("asking", "Ask", "before").await;
    until("both to wait", async || {
        let (asleep, asking) = (world.history("asleep").await, world.history("asking").await);
        (asleep.len() == 2 && asking.len() == 2).then_some(())
    })
    .await;

    clock.set_ms(NOON_MS - HOUR_MS);
    world.raise("asking", "Go", "after").await;
    assert_eq!(world.output("asking").await, "before after");
    world.begin("new", "Ask", "started").await;
    world.raise("new", "Go", "later").await;
    assert_eq!(world.output("new").await, "started later");
    world.begin("asleep too", "Sleep", "").await;
    until("another timer", async || {
        (world.history("asleep too").await.len() == 2).then_some(())
    })
    .await;
    for instance in ["asleep", "asleep too"] {
        assert_eq!(world.history(instance).await.len(), 2, "{instance}");
    }

    clock.set_ms(NOON_MS + 61_000);
    assert_eq!(world.output("asleep").await, "slept");
    assert_eq!(world.output("asleep too").await, "slept");
    assert_eq!(clock.now_ms(), NOON_MS + 61_000);
    world.shutdown().await;
}

#[tokio::test]
async fn in_memory_nothing_is_lost() {
    let clock = ManualClock::at_ms(NOON_MS);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store = MemoryProvider::with_options(options);
    nothing_is_lost_on(&clock, Arc::new(store)).await;
}

#[tokio::test]
async fn on_sqlite_nothing_is_lost() {
    let clock = ManualClock::at_ms(NOON_MS);
    let options = SqliteOptions::default().clock(Arc::new(clock.clone()));
    let store = SqliteProvider::new_in_memory_with_options(Some(options));
    let store = store.await.unwrap();
    nothing_is_lost_on(&clock, Arc::new(store)).await;
}
