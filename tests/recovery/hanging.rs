//! Orchestrations whose code does not yield.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::{Clock as _, SystemClock};
use duroxide::limits::{BLOCKED_THREADS_MAX, HEALTH_ITEMS_MAX};
use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, AppErrorKind, Client, ErrorDetails, OrchestrationContext,
    OrchestrationRegistry, OrchestrationStatus,
};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use crate::counted::Counted;
use crate::support::{World, checked, counting, pause, types, until, within};

/// Code that stays within itself until the test ends.
#[derive(Default)]
struct Trap {
    is_open: Arc<AtomicBool>,
    entered: Arc<AtomicU32>,
}

impl Trap {
    /// What gets in. It does not burn the processor that the rest of the test needs.
    fn code(&self) -> impl Fn() + Clone + Send + Sync + 'static {
        let (is_open, entered) = (Arc::clone(&self.is_open), Arc::clone(&self.entered));
        move || {
            entered.fetch_add(1, Ordering::SeqCst);
            while !is_open.load(Ordering::SeqCst) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
    }

    fn entered(&self) -> u32 {
        self.entered.load(Ordering::SeqCst)
    }

    async fn holds(&self, instances: u32) {
        until("code that does not yield", async || {
            (self.entered() >= instances).then_some(())
        })
        .await;
    }
}

/// A process that ends need not wait for it, but a test's executor does.
impl Drop for Trap {
    fn drop(&mut self) {
        self.is_open.store(true, Ordering::SeqCst);
    }
}

/// The executor that a runtime is started on: the test's own thread, or one of two threads.
struct User(Option<Runtime>);

impl User {
    fn with_one_thread() -> Self {
        Self(None)
    }

    fn with_two_threads() -> Self {
        let mut executor = Builder::new_multi_thread();
        Self(Some(
            executor.worker_threads(2).enable_all().build().unwrap(),
        ))
    }

    async fn start(
        &self,
        store: Arc<dyn Provider>,
        activities: ActivityRegistry,
        orchestrations: OrchestrationRegistry,
        options: RuntimeOptions,
    ) -> World {
        let start = World::start(store, activities, orchestrations, options);
        match &self.0 {
            Some(executor) => executor.spawn(start).await.unwrap(),
            None => start.await,
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(executor) = self.0.take() {
            executor.shutdown_background();
        }
    }
}

fn steps() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Step", |_: ActivityContext, input: String| async move {
            Ok(input)
        })
        .build()
}

async fn three_steps(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let mut output = input;
    for _ in 0..3 {
        output = ctx
            .schedule_activity("Step", output)
            .into_activity()
            .await?;
    }
    Ok(output)
}

/// "Hang" never yields in its first turn; "Late" in the turn that the outcome of its step brings.
fn trapped(trap: &Trap) -> OrchestrationRegistry {
    let (at_once, late) = (trap.code(), trap.code());
    OrchestrationRegistry::builder()
        .register("Steps", three_steps)
        .register("Hang", move |_: OrchestrationContext, _: String| {
            let hang = at_once.clone();
            async move {
                hang();
                Ok("too late".to_owned())
            }
        })
        .register("Late", move |ctx: OrchestrationContext, _: String| {
            let hang = late.clone();
            async move {
                let step = ctx.schedule_activity("Step", "step").into_activity().await;
                hang();
                step
            }
        })
        .build()
}

fn mended() -> OrchestrationRegistry {
    let fine = |_: OrchestrationContext, _: String| async { Ok("mended".to_owned()) };
    OrchestrationRegistry::builder()
        .register("Hang", fine)
        .register("Late", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Step", "step").into_activity().await
        })
        .build()
}

fn hasty() -> RuntimeOptions {
    RuntimeOptions {
        max_attempts: 1,
        turn_deadline: Duration::from_millis(200),
        orchestrator_lock_timeout: Duration::from_millis(300),
        ..checked()
    }
}

/// Starts so many of an orchestration, each with its own id as input.
async fn begin_all(client: &Client, name: &str, count: u32) {
    for number in 0..count {
        let id = format!("{name}-{number}");
        client.start_orchestration(&id, name, &id).await.unwrap();
    }
}

async fn others_complete(world: &World, round: &str) {
    for number in 0..5 {
        let id = format!("{round}-{number}");
        assert_eq!(world.run(&id, "Steps", &id).await, id);
    }
}

fn is_poison(details: &ErrorDetails) -> bool {
    matches!(details, ErrorDetails::Poison { .. })
}

/// Whoever ends as poison takes its children along.
#[tokio::test]
async fn the_children_of_a_poisoned_instance_end_with_it() {
    let trap = Trap::default();
    let hang = trap.code();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", move |ctx: OrchestrationContext, _: String| {
            let hang = hang.clone();
            async move {
                let child = ctx.schedule_sub_orchestration("Child", "");
                let go = ctx.schedule_wait("Go");
                let first = ctx.select2(child, go).await;
                hang();
                Ok(format!("{first:?}"))
            }
        })
        .register("Child", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Never").into_event().await)
        })
        .build();
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, steps(), orchestrations, hasty()).await;
    world.begin("parent", "Parent", "").await;
    let child = world.child_of("parent").await;
    world.waits_for(&child, "Never").await;
    world.raise("parent", "Go", "").await;
    let details = world.failure("parent").await;
    assert!(is_poison(&details), "{details:?}");
    let details = world.failure(&child).await;
    assert_eq!(details.display_message(), "canceled: parent failed");
    world.shutdown().await;
}

/// Three instances hang: more than there are threads. Everything else goes on.
async fn hanging_instances_cost_the_others_nothing(user: User) {
    let trap = Trap::default();
    let store = Arc::new(MemoryProvider::new());
    let world = user.start(store, steps(), trapped(&trap), hasty()).await;
    for instance in ["poisoned-1", "poisoned-2", "cancelled"] {
        world.begin(instance, "Hang", "").await;
    }
    others_complete(&world, "meanwhile").await;
    trap.holds(3).await;
    others_complete(&world, "afterwards").await;

    world
        .client
        .cancel_instance("cancelled", "it hangs")
        .await
        .unwrap();
    let details = world.failure("cancelled").await;
    assert!(
        matches!(
            &details,
            ErrorDetails::Application { kind: AppErrorKind::Cancelled { reason }, .. }
                if reason == "it hangs"
        ),
        "{details:?}"
    );
    for instance in ["poisoned-1", "poisoned-2"] {
        let details = world.failure(instance).await;
        assert!(is_poison(&details), "{details:?}");
    }
    others_complete(&world, "in the end").await;
    assert_eq!(
        trap.entered(),
        3,
        "an instance that hangs is not entered again"
    );
    world.shutdown().await;
}

#[tokio::test]
async fn more_hanging_instances_than_threads_cost_the_others_nothing() {
    hanging_instances_cost_the_others_nothing(User::with_two_threads()).await;
}

#[tokio::test]
async fn hanging_instances_do_not_block_the_users_only_thread() {
    hanging_instances_cost_the_others_nothing(User::with_one_thread()).await;
}

/// Whatever hangs, and however much of it at once: the threads of the user, their timers and their
/// connections are not touched by it, nor is a program that ends with them.
#[test]
fn hanging_instances_never_block_a_thread_of_the_user() {
    let trap = Trap::default();
    let executor = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    executor.block_on(async {
        let store = Arc::new(MemoryProvider::new());
        let client = Client::new(Arc::<MemoryProvider>::clone(&store));
        begin_all(&client, "Hang", 8).await;
        let activities = ActivityRegistry::builder()
            .register("Step", |_: ActivityContext, input: String| async move {
                pause(200).await;
                Ok(input)
            })
            .build();
        let start = World::start(store, activities, trapped(&trap), checked());
        let world = tokio::spawn(start).await.unwrap();
        trap.holds(8).await;
        let others = async move {
            others_complete(&world, "beside").await;
            world.shutdown().await;
        };
        within("the others", tokio::spawn(others)).await.unwrap();
    });
    // Waits for its threads.
    drop(executor);
    assert_eq!(trap.entered(), 8);
}

/// Turns that wait to commit again while all threads around them get blocked go on all the same:
/// nothing that they wait for rests on these threads.
#[tokio::test]
async fn turns_that_wait_outlive_the_threads_around_them() {
    let trap = Trap::default();
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider = || Arc::<Counted<MemoryProvider>>::clone(&store);
    let client = Client::new(provider());
    store.set_fails_to_commit(true);
    begin_all(&client, "Steps", 8).await;
    begin_all(&client, "Hang", 8).await;
    let world = World::start(provider(), steps(), trapped(&trap), checked()).await;
    trap.holds(8).await;
    let failed = store.failed_commits();
    until("turns that commit again", async || {
        (store.failed_commits() >= failed + 8).then_some(())
    })
    .await;
    store.set_fails_to_commit(false);
    for number in 0..8 {
        let id = format!("Steps-{number}");
        assert_eq!(world.output(&id).await, id);
    }
    world.shutdown().await;
}

/// Whoever looks at a node sees what hangs there, and since when.
#[tokio::test]
async fn code_that_hangs_can_be_seen_from_outside() {
    let trap = Trap::default();
    let store = Arc::new(MemoryProvider::new());
    let options = RuntimeOptions {
        observability: counting(),
        turn_deadline: Duration::from_millis(1_500),
        ..hasty()
    };
    let world = World::start(store, steps(), trapped(&trap), options).await;
    let before_ms = SystemClock.now_ms();
    world.begin("i", "Hang", "").await;
    let hanging = || {
        let blocking = world.runtime.health().blocking;
        blocking.into_iter().find(|turn| turn.instance_id == "i")
    };
    let seen = until("its name", async || hanging()).await;
    assert_eq!(seen.orchestration_name, "Hang");
    // Both clocks are rounded to milliseconds.
    assert!(seen.since_ms + 5 >= before_ms);
    assert!(seen.since_ms + 1_000 <= SystemClock.now_ms());
    until("its deadline", async || {
        hanging().filter(|turn| turn.is_overdue)
    })
    .await;
    let metrics = world.runtime.metrics_snapshot().unwrap();
    assert!(metrics.turns_blocking >= 1 && metrics.turns_overdue >= 1);
    assert!(world.runtime.health().is_healthy());
    trap.is_open.store(true, Ordering::SeqCst);
    until("its end", async || hanging().is_none().then_some(())).await;
    world.shutdown().await;
}

/// The turn that hangs is fused with the outcome of an activity.
async fn late_hangs_cost_the_others_nothing(user: User) {
    let trap = Trap::default();
    let store = Arc::new(MemoryProvider::new());
    let world = user.start(store, steps(), trapped(&trap), hasty()).await;
    for instance in ["1", "2", "3"] {
        world.begin(instance, "Late", "").await;
    }
    trap.holds(3).await;
    others_complete(&world, "others").await;
    for instance in ["1", "2", "3"] {
        let details = world.failure(instance).await;
        assert!(is_poison(&details), "{details:?}");
    }
    assert_eq!(trap.entered(), 3);
    world.shutdown().await;
}

#[tokio::test]
async fn fused_turns_that_hang_cost_the_others_nothing() {
    late_hangs_cost_the_others_nothing(User::with_two_threads()).await;
}

#[tokio::test]
async fn fused_turns_that_hang_do_not_block_the_users_only_thread() {
    late_hangs_cost_the_others_nothing(User::with_one_thread()).await;
}

/// What hangs here goes on where the code works.
#[tokio::test]
async fn a_node_with_mended_code_goes_on_with_what_hangs_elsewhere() {
    let trap = Trap::default();
    let store = Arc::new(MemoryProvider::new());
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let options = || RuntimeOptions {
        max_attempts: 1_000,
        ..hasty()
    };
    let user = User::with_two_threads();
    let broken = user
        .start(provider(), steps(), trapped(&trap), options())
        .await;
    broken.begin("at once", "Hang", "").await;
    broken.begin("late", "Late", "").await;
    trap.holds(2).await;
    let other = World::start(provider(), steps(), mended(), options()).await;
    assert_eq!(other.output("at once").await, "mended");
    assert_eq!(other.output("late").await, "step");

    assert_eq!(trap.entered(), 2);

    // The old code yields at last, and what it comes to is thrown away.
    trap.is_open.store(true, Ordering::SeqCst);
    other.shutdown().await;
    broken.shutdown().await;
    let client = Client::new(provider());
    for (instance, expected) in [("at once", "mended"), ("late", "step")] {
        assert_eq!(
            client.get_orchestration_status(instance).await.unwrap(),
            OrchestrationStatus::Completed {
                output: expected.to_owned()
            }
        );
    }
}

/// Code that yields after its deadline has lost its turn; the next attempt may be in time.
#[tokio::test]
async fn a_turn_that_yields_too_late_is_run_again() {
    let trap = Trap::default();
    let hang = trap.code();
    let is_slow = Arc::new(AtomicBool::new(true));
    let orchestrations = OrchestrationRegistry::builder()
        .register("Slow", move |_: OrchestrationContext, _: String| {
            let hang = hang.clone();
            let is_slow = is_slow.swap(false, Ordering::SeqCst);
            async move {
                if is_slow {
                    hang();
                    Ok("first".to_owned())
                } else {
                    Ok("second".to_owned())
                }
            }
        })
        .build();
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let options = RuntimeOptions {
        max_attempts: 100,
        shadow_replay: false,
        ..hasty()
    };
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, steps(), orchestrations, options).await;
    world.begin("i", "Slow", "").await;
    trap.holds(1).await;
    until("a claim of what was given up", async || {
        (store.load().turns_ever >= 2).then_some(())
    })
    .await;
    trap.is_open.store(true, Ordering::SeqCst);
    assert_eq!(world.output("i").await, "second");
    assert_eq!(trap.entered(), 1);
    world.shutdown().await;
}

/// A runtime leaves though a thread of its own is blocked for good.
#[tokio::test]
async fn a_thread_that_is_blocked_for_good_does_not_hold_up_the_shutdown() {
    let trap = Trap::default();
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, steps(), trapped(&trap), hasty()).await;
    world.begin("i", "Hang", "").await;
    trap.holds(1).await;
    within("shutdown", world.runtime.shutdown(Some(100))).await;
    assert_eq!(trap.entered(), 1);
}

/// The outcome of an activity is recorded though the code that it wakes takes its time, and that
/// code goes on with it afterwards.
async fn an_outcome_is_not_held_back(user: User) {
    let trap = Trap::default();
    let hang = trap.code();
    let runs = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&runs);
    let activities = ActivityRegistry::builder()
        .register("Step", move |_: ActivityContext, input: String| {
            count.fetch_add(1, Ordering::SeqCst);
            async move { Ok(input) }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Slow", move |ctx: OrchestrationContext, _: String| {
            let hang = hang.clone();
            async move {
                let first = ctx
                    .schedule_activity("Step", "first")
                    .into_activity()
                    .await?;
                hang();
                let second = ctx
                    .schedule_activity("Step", "second")
                    .into_activity()
                    .await?;
                Ok(format!("{first},{second}"))
            }
        })
        .build();
    let store = Arc::new(MemoryProvider::new());
    // Neither the deadline nor the one second comes into it: only the outcome's own limit.
    let options = RuntimeOptions::default();
    let world = user.start(store, activities, orchestrations, options).await;
    world.begin("i", "Slow", "").await;
    trap.holds(1).await;
    until("the outcome in the inbox", async || {
        let depths = world.client.get_queue_depths().await.unwrap();
        (depths.worker_queue == 0 && depths.orchestrator_queue > 0).then_some(())
    })
    .await;
    trap.is_open.store(true, Ordering::SeqCst);
    assert_eq!(world.output("i").await, "first,second");
    assert_eq!(runs.load(Ordering::SeqCst), 2, "no step is run twice");
    let history = types(&world.history("i").await);
    assert_eq!(
        history,
        [
            "OrchestrationStarted",
            "ActivityScheduled",
            "ActivityCompleted",
            "ActivityScheduled",
            "ActivityCompleted",
            "OrchestrationCompleted"
        ]
    );
    world.shutdown().await;
}

#[tokio::test]
async fn code_that_takes_its_time_does_not_hold_back_the_outcome_that_it_goes_on_with() {
    an_outcome_is_not_held_back(User::with_two_threads()).await;
}

#[tokio::test]
async fn code_that_takes_its_time_does_not_hold_back_the_outcome_on_a_single_thread() {
    an_outcome_is_not_held_back(User::with_one_thread()).await;
}

/// While so many threads are blocked that no turns are claimed, the store is not asked for them all
/// the time; and they are claimed again as soon as the code yields, though nothing else happens.
#[tokio::test]
async fn a_node_that_claims_no_turns_rests() {
    let trap = Trap::default();
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider = || Arc::<Counted<MemoryProvider>>::clone(&store);
    let client = Client::new(provider());
    let hanging = u32::try_from(BLOCKED_THREADS_MAX + 1).unwrap();
    let options = RuntimeOptions {
        max_attempts: 1,
        worker_concurrency: 1,
        turn_deadline: Duration::from_millis(200),
        ..checked()
    };
    let world = World::start(provider(), steps(), trapped(&trap), options).await;
    begin_all(&client, "Hang", hanging).await;
    trap.holds(hanging).await;
    until("all of them to be seen", async || {
        let seen = world.runtime.health().blocking.len();
        (seen == HEALTH_ITEMS_MAX.min(hanging as usize)).then_some(())
    })
    .await;
    pause(500).await;
    world.begin("ready", "Steps", "through").await;
    let before = store.calls();
    pause(500).await;
    let calls = store.calls() - before;
    assert!(calls < 500, "{calls} calls in half a second");
    trap.is_open.store(true, Ordering::SeqCst);
    assert_eq!(world.output("ready").await, "through");
    world.shutdown().await;
}

/// An activity hands something on as it ends, and the code that it wakes hangs: whoever waited for
/// what was handed on is not taken along.
#[tokio::test]
async fn code_that_hangs_takes_nobody_along_whom_its_activity_has_woken() {
    let trap = Trap::default();
    let hang = trap.code();
    let pool = Arc::new(Semaphore::new(1));
    let is_waiting = Arc::new(AtomicBool::new(false));
    let (firsts, waits) = (Arc::clone(&pool), Arc::clone(&is_waiting));
    let activities = ActivityRegistry::builder()
        .register("First", move |_: ActivityContext, input: String| {
            let (pool, is_waiting) = (Arc::clone(&firsts), Arc::clone(&waits));
            async move {
                let connection = pool.acquire().await.unwrap();
                while !is_waiting.load(Ordering::SeqCst) {
                    pause(1).await;
                }
                pause(100).await;
                drop(connection);
                Ok(input)
            }
        })
        .register("Second", move |_: ActivityContext, input: String| {
            let (pool, is_waiting) = (Arc::clone(&pool), Arc::clone(&is_waiting));
            async move {
                is_waiting.store(true, Ordering::SeqCst);
                drop(pool.acquire().await.unwrap());
                Ok(input)
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Late", move |ctx: OrchestrationContext, _: String| {
            let hang = hang.clone();
            async move {
                let step = ctx.schedule_activity("First", "1").into_activity().await;
                hang();
                step
            }
        })
        .register(
            "Innocent",
            |ctx: OrchestrationContext, _: String| async move {
                ctx.schedule_activity("Second", "2").into_activity().await
            },
        )
        .build();
    let user = User::with_two_threads();
    let store = Arc::new(MemoryProvider::new());
    let world = user
        .start(store, activities, orchestrations, checked())
        .await;
    world.begin("late", "Late", "").await;
    world.begin("innocent", "Innocent", "").await;
    trap.holds(1).await;
    assert_eq!(world.output("innocent").await, "2");
    world.shutdown().await;
}

/// Turns that compute for long are not taken for turns that hang: they get no more threads than the
/// machine can serve, and all of them end.
#[tokio::test]
async fn a_backlog_of_heavy_turns_is_worked_off() {
    const HEAVY: u32 = 40;
    let (now, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (in_now, in_most) = (Arc::clone(&now), Arc::clone(&most));
    let rounds = rounds_in(Duration::from_millis(200));
    let orchestrations = OrchestrationRegistry::builder()
        .register("Heavy", move |_: OrchestrationContext, _: String| {
            let (now, most) = (Arc::clone(&in_now), Arc::clone(&in_most));
            async move {
                let beside = now.fetch_add(1, Ordering::SeqCst) + 1;
                most.fetch_max(beside, Ordering::SeqCst);
                compute(rounds);
                now.fetch_sub(1, Ordering::SeqCst);
                Ok("done".to_owned())
            }
        })
        .build();
    let store = Arc::new(MemoryProvider::new());
    let client = Client::new(Arc::<MemoryProvider>::clone(&store));
    begin_all(&client, "Heavy", HEAVY).await;
    let user = User::with_two_threads();
    let options = RuntimeOptions {
        shadow_replay: false,
        ..checked()
    };
    let world = user.start(store, steps(), orchestrations, options).await;
    for number in 0..HEAVY {
        assert_eq!(world.output(&format!("Heavy-{number}")).await, "done");
    }
    let threads = std::thread::available_parallelism().unwrap().get();
    let most = most.load(Ordering::SeqCst) as usize;
    assert!(
        most <= 12 * threads.max(2),
        "{most} at once on {threads} processors"
    );
    world.shutdown().await;
}

/// How many rounds of [`compute`] take so long here.
fn rounds_in(time: Duration) -> u64 {
    let clock = SystemClock;
    let began = clock.elapsed();
    compute(2_000);
    let taken = (clock.elapsed() - began).max(Duration::from_micros(1));
    u64::try_from(2_000 * time.as_nanos() / taken.as_nanos()).unwrap()
}

fn compute(rounds: u64) {
    for _ in 0..rounds {
        for number in 0..1_000_u64 {
            std::hint::black_box(number);
        }
    }
}
