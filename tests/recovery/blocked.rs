//! User code that blocks the executor it runs on.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::runtime::Builder;
use tokio::sync::{Notify, oneshot};

use crate::counted::Counted;
use crate::support::{World, checked, pause, until, within};

const LEASE: Duration = Duration::from_secs(3);

type Store = Arc<Counted<MemoryProvider>>;

/// An activity that blocks its thread: it waits at a gate first, without blocking.
struct Blocker {
    gate: Arc<Notify>,
    blocked: Arc<Notify>,
    release: Sender<()>,
    ran: Arc<AtomicU32>,
}

impl Blocker {
    fn new() -> (Self, ActivityRegistry) {
        let (gate, ran) = (Arc::new(Notify::new()), Arc::new(AtomicU32::new(0)));
        let blocked = Arc::new(Notify::new());
        let (release, released) = channel();
        let released = Arc::new(Mutex::new(released));
        let (at_gate, count) = (Arc::clone(&gate), Arc::clone(&ran));
        let blocks = Arc::clone(&blocked);
        let activities = ActivityRegistry::builder()
            .register("Block", move |_: ActivityContext, _: String| {
                let (gate, blocks) = (Arc::clone(&at_gate), Arc::clone(&blocks));
                let released = Arc::clone(&released);
                count.fetch_add(1, Ordering::SeqCst);
                async move {
                    gate.notified().await;
                    blocks.notify_one();
                    released.lock().unwrap().recv().unwrap();
                    Ok("released".to_owned())
                }
            })
            .build();
        let blocker = Self {
            gate,
            blocked,
            release,
            ran,
        };
        (blocker, activities)
    }
}

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Blocked",
            |ctx: OrchestrationContext, _: String| async move {
                ctx.schedule_activity("Block", "").into_activity().await
            },
        )
        .register("Quick", |_: OrchestrationContext, _: String| async move {
            Ok("quick".to_owned())
        })
        .build()
}

/// A thread with an executor, which ends the world that it is given.
struct Executor {
    end: oneshot::Sender<World>,
    thread: JoinHandle<()>,
}

impl Executor {
    async fn stop(self, world: World) {
        self.end.send(world).ok().unwrap();
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        within("the end", joined).await.unwrap().unwrap();
    }
}

/// A world on an executor of its own.
async fn start_on(
    mut executor: Builder,
    clock: &ManualClock,
    store: &Store,
    activities: ActivityRegistry,
) -> (World, Executor) {
    let options = RuntimeOptions {
        clock: Arc::new(clock.clone()),
        worker_lock_timeout: LEASE,
        orchestrator_lock_timeout: LEASE,
        ..checked()
    };
    let provider = Arc::<Counted<MemoryProvider>>::clone(store);
    let (give, given) = oneshot::channel();
    let (end, ended) = oneshot::channel::<World>();
    let thread = std::thread::spawn(move || {
        let executor = executor.enable_all().build().unwrap();
        let work = executor.spawn(async move {
            let world = World::start(provider, activities, orchestrations(), options).await;
            give.send(world).ok().unwrap();
            ended.await.unwrap().shutdown().await;
        });
        executor.block_on(work).unwrap();
    });
    let world = within("the start", given).await.unwrap();
    (world, Executor { end, thread })
}

/// What runs on the user's executor waits; leases, claims and commits do not. Nor do turns, where
/// that executor has but one thread.
async fn only_user_code_waits_on(executor: Builder, turns_wait: bool) {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store: Store = Arc::new(Counted::new(MemoryProvider::with_options(options)));
    let (blocker, activities) = Blocker::new();
    let (world, executor) = start_on(executor, &clock, &store, activities).await;
    world.begin("blocked", "Blocked", "").await;
    until("the activity to be started", async || {
        (blocker.ran.load(Ordering::SeqCst) == 1).then_some(())
    })
    .await;

    // A turn is on its way to the store when the executor is blocked.
    let commits = store.hold_back_commits().await;
    world.begin("committed", "Quick", "").await;
    until("a commit", async || {
        (store.held_commits() == 1).then_some(())
    })
    .await;
    blocker.gate.notify_one();
    within("the block", blocker.blocked.notified()).await;
    drop(commits);
    assert_eq!(world.output("committed").await, "quick");

    // Another turn is claimed, and all leases are renewed, much longer than they last.
    let before = store.load().turns_ever;
    world.begin("claimed", "Quick", "").await;
    until("a claim", async || {
        (store.load().turns_ever > before).then_some(())
    })
    .await;
    if !turns_wait {
        assert_eq!(world.output("claimed").await, "quick");
    }
    let leases = if turns_wait { 2 } else { 1 };
    for _ in 0..9 {
        within("the renewal of leases", renewed(&clock, &store, leases)).await;
    }
    assert_eq!(
        store.load().turns_ever,
        before + 1,
        "nobody could take it over"
    );

    blocker.release.send(()).unwrap();
    assert_eq!(world.output("claimed").await, "quick");
    assert_eq!(world.output("blocked").await, "released");
    assert_eq!(blocker.ran.load(Ordering::SeqCst), 1);
    executor.stop(world).await;
}

/// Moves the clock until so many more leases have been renewed.
async fn renewed(clock: &ManualClock, store: &Store, leases: u64) {
    let before = store.renewals();
    loop {
        clock.advance(LEASE / 3);
        for _ in 0..100 {
            if store.renewals() >= before + leases {
                return;
            }
            pause(2).await;
        }
    }
}

#[tokio::test]
async fn a_blocked_executor_of_one_thread_delays_only_user_code() {
    only_user_code_waits_on(Builder::new_current_thread(), false).await;
}

#[tokio::test]
async fn a_blocked_executor_with_one_worker_delays_only_user_code() {
    let mut executor = Builder::new_multi_thread();
    executor.worker_threads(1);
    only_user_code_waits_on(executor, true).await;
}
