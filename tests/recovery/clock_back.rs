//! Clocks that disagree: one that is set back by an hour while a runtime works, or between two of
//! them, and two machines of which one is behind.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use duroxide::clock::{Clock, ManualClock};
use duroxide::providers::Provider;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::sqlite::{SqliteMode, SqliteOptions, SqliteProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, EventKind, OrchestrationContext, OrchestrationRegistry};

use crate::support::{World, checked, until, within};

const HOUR_MS: u64 = 3_600_000;
const NOON_MS: u64 = 1_700_000_000_000;

async fn world(clock: &ManualClock, store: Arc<dyn Provider>) -> World {
    let activities = ActivityRegistry::builder()
        .register("Echo", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Sleep",
            |ctx: OrchestrationContext, seconds: String| async move {
                let seconds = seconds.parse().map_err(|_| "no number".to_owned())?;
                ctx.schedule_timer(Duration::from_secs(seconds)).await;
                ctx.schedule_activity("Echo", "slept").into_activity().await
            },
        )
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

/// The time that the code sees, in milliseconds.
async fn now_ms(ctx: &OrchestrationContext) -> Result<u64, String> {
    let now = ctx.utcnow().await?.duration_since(UNIX_EPOCH);
    let now = now.map_err(|error| error.to_string())?;
    u64::try_from(now.as_millis()).map_err(|error| error.to_string())
}

/// Two machines that disagree: a store with its node, each with a clock of its own.
struct Apart {
    of_store: ManualClock,
    of_node: ManualClock,
    world: World,
}

impl Apart {
    async fn start(node_ms: u64) -> Self {
        let of_store = ManualClock::at_ms(NOON_MS);
        let of_node = ManualClock::at_ms(node_ms);
        let options = MemoryOptions::default().clock(Arc::new(of_store.clone()));
        let store = Arc::new(MemoryProvider::with_options(options));
        let orchestrations = OrchestrationRegistry::builder()
            .register("Sleep", |ctx: OrchestrationContext, _: String| async move {
                ctx.schedule_timer(Duration::from_mins(1)).await;
                let woken_ms = now_ms(&ctx).await?;
                ctx.schedule_activity("Echo", "").into_activity().await?;
                Ok(format!("{woken_ms} {}", now_ms(&ctx).await?))
            })
            .register(
                "Tick",
                |ctx: OrchestrationContext, due: String| async move {
                    let now_ms = now_ms(&ctx).await?;
                    if ctx.execution_id() == 1 {
                        ctx.schedule_timer(Duration::from_mins(1)).await;
                        return ctx.continue_as_new((now_ms + 60_000).to_string()).await;
                    }
                    Ok(format!("{due} {now_ms}"))
                },
            )
            .build();
        let activities = ActivityRegistry::builder()
            .register("Echo", |_: ActivityContext, input: String| async move {
                Ok(input)
            })
            .build();
        let options = RuntimeOptions {
            clock: Arc::new(of_node.clone()),
            ..checked()
        };
        let world = World::start(store, activities, orchestrations, options).await;
        Self {
            of_store,
            of_node,
            world,
        }
    }

    /// Runs an orchestration while a minute passes for the store, and so much for the node.
    async fn run(self, orchestration: &str, node_ms: u64) -> String {
        let Self {
            of_store,
            of_node,
            world,
        } = self;
        world.begin("i", orchestration, "").await;
        let is_timer = |kind: &EventKind| matches!(kind, EventKind::TimerCreated { .. });
        world.event("i", is_timer).await;
        of_node.set_ms(node_ms);
        of_store.advance(Duration::from_mins(1));
        let output = world.output("i").await;
        world.shutdown().await;
        output
    }
}

const BEHIND_MS: u64 = NOON_MS + 59_980;
const DUE_MS: u64 = NOON_MS + 60_000;

/// A timer fires by the store's clock, which may be ahead of the node's.
#[tokio::test]
async fn code_that_a_timer_has_woken_sees_no_time_before_it() {
    let output = Apart::start(NOON_MS).await.run("Sleep", BEHIND_MS).await;
    assert_eq!(output, format!("{DUE_MS} {DUE_MS}"));
}

#[tokio::test]
async fn the_next_execution_sees_no_time_before_it_either() {
    let output = Apart::start(NOON_MS).await.run("Tick", BEHIND_MS).await;
    assert_eq!(output, format!("{DUE_MS} {DUE_MS}"));
}

/// A clock that was a day ahead when the timer was set was wrong, and is forgotten.
#[tokio::test]
async fn a_clock_that_was_wrong_once_is_not_believed_for_ever() {
    let tomorrow_ms = NOON_MS + 24 * HOUR_MS;
    let output = Apart::start(tomorrow_ms).await.run("Sleep", DUE_MS).await;
    assert_eq!(output, format!("{DUE_MS} {DUE_MS}"));
}

/// Nothing that was waiting is lost, work goes on at once, and what waits for a time waits as long as
/// it would have without the change, neither longer nor shorter.
async fn nothing_is_lost_on(clock: &ManualClock, store: Arc<dyn Provider>) {
    let world = world(clock, store).await;
    world.begin("asleep", "Sleep", "60").await;
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
    world.begin("asleep too", "Sleep", "10").await;
    until("another timer", async || {
        (world.history("asleep too").await.len() == 2).then_some(())
    })
    .await;

    clock.advance(Duration::from_millis(9_999));
    assert_eq!(timers(&world).await, 2);
    clock.advance(Duration::from_millis(1));
    assert_eq!(world.output("asleep too").await, "slept");
    clock.advance(Duration::from_millis(49_999));
    assert_eq!(timers(&world).await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(world.output("asleep").await, "slept");
    assert_eq!(clock.now_ms(), NOON_MS - HOUR_MS + 60_000);
    world.shutdown().await;
}

/// How many messages are not due yet, by the store's clock.
async fn timers(world: &World) -> usize {
    world.client.get_queue_depths().await.unwrap().timer_queue
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

async fn open(path: &Path, clock: &ManualClock, mode: SqliteMode) -> Arc<dyn Provider> {
    let options = SqliteOptions::default()
        .mode(mode)
        .clock(Arc::new(clock.clone()));
    let store = SqliteProvider::new(path.to_str().unwrap(), Some(options)).await;
    Arc::new(store.unwrap())
}

/// The clock is set back while nobody has the store open: whoever opens it goes on where it stood.
async fn a_store_that_is_opened_later_goes_on(mode: SqliteMode) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let clock = ManualClock::at_ms(NOON_MS);
    let first = world(&clock, open(&path, &clock, mode).await).await;
    first.begin("asleep", "Sleep", "10").await;
    first.begin("asking", "Ask", "before").await;
    first.waits_for("asking", "Go").await;
    until("a timer", async || {
        (first.history("asleep").await.len() == 2).then_some(())
    })
    .await;
    let store = Arc::clone(&first.store);
    first.shutdown().await;
    let client = Client::new(Arc::clone(&store));
    // What waits for a node is due, and was a moment ago.
    client.raise_event("asking", "Go", "after").await.unwrap();
    store.close().await;
    drop((client, store));

    clock.set_ms(NOON_MS - HOUR_MS);
    let second = world(&clock, open(&path, &clock, mode).await).await;

    assert_eq!(second.output("asking").await, "before after");
    clock.advance(Duration::from_millis(9_999));
    assert_eq!(timers(&second).await, 1);
    clock.advance(Duration::from_millis(1));
    assert_eq!(second.output("asleep").await, "slept");
    let store = Arc::clone(&second.store);
    second.shutdown().await;
    store.close().await;
}

#[tokio::test]
async fn a_store_of_one_process_goes_on_where_it_stood() {
    a_store_that_is_opened_later_goes_on(SqliteMode::SingleProcess).await;
}

#[tokio::test]
async fn a_store_of_several_processes_goes_on_where_it_stood() {
    a_store_that_is_opened_later_goes_on(SqliteMode::MultiProcess).await;
}

/// What nobody awaits yet is due however the clock is set back, as what is awaited is.
#[tokio::test]
async fn mail_that_was_due_stays_due_over_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("data.db");
    let clock = ManualClock::at_ms(NOON_MS);
    let mode = SqliteMode::SingleProcess;
    let orchestrations = || {
        OrchestrationRegistry::builder()
            .register("Two", |ctx: OrchestrationContext, _: String| async move {
                let first = ctx.schedule_wait("First").into_event().await;
                Ok(first + &ctx.schedule_wait("Go").into_event().await)
            })
            .build()
    };
    let options = || RuntimeOptions {
        clock: Arc::new(clock.clone()),
        ..checked()
    };
    let store = open(&path, &clock, mode).await;
    let none = || ActivityRegistry::builder().build();
    let first = World::start(Arc::clone(&store), none(), orchestrations(), options()).await;
    first.begin("i", "Two", "").await;
    first.waits_for("i", "First").await;
    first.raise("i", "Go", "b").await;
    first.shutdown().await;
    store.close().await;

    clock.set_ms(NOON_MS - HOUR_MS);
    let store = open(&path, &clock, mode).await;
    let second = World::start(Arc::clone(&store), none(), orchestrations(), options()).await;
    second.raise("i", "First", "a").await;
    let ended = second
        .client
        .wait_for_orchestration("i", Duration::from_hours(9));
    let ended = within("what was due before the restart", ended).await;
    assert!(ended.is_ok(), "{ended:?}");
    second.shutdown().await;
}
