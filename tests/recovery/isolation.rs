//! Work that kills its process, beside work that does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::{Clock as _, ManualClock};
use duroxide::limits::{
    ISOLATION_DRAIN_MAX, ISOLATION_MAX, ISOLATION_MIN, ISOLATION_STRICT_MAX, ISOLATION_TRIES_MAX,
};
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::{ClaimActivities, Provider as _, TaskQueue};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus,
};
use futures_util::FutureExt as _;
use tokio::sync::{Notify, Semaphore};

use crate::counted::Counted;
use crate::support::{Text, World, checked, pause, until, within};

/// Longer than anything that a process lives to see.
const LEASE: Duration = Duration::from_hours(24);
/// That of the processes that a suspect has killed.
const SUSPECT_LEASE: Duration = Duration::from_secs(60);
const LONG_ONES: u32 = 20;

/// What the processes share, and the activities tell.
#[derive(Clone)]
struct Scene {
    clock: ManualClock,
    deadly: Arc<Notify>,
    long: Arc<AtomicU32>,
    gate: Arc<Semaphore>,
    max_attempts: u32,
}

impl Scene {
    fn new() -> Self {
        Self::with_max_attempts(10)
    }

    fn with_max_attempts(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            clock: ManualClock::at_ms(1_700_000_000_000),
            deadly: Arc::default(),
            long: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn store(&self) -> Arc<MemoryProvider> {
        let options = MemoryOptions::default().clock(Arc::new(self.clock.clone()));
        Arc::new(MemoryProvider::with_options(options))
    }

    fn activities(&self) -> ActivityRegistry {
        let (deadly, long) = (Arc::clone(&self.deadly), Arc::clone(&self.long));
        let gate = Arc::clone(&self.gate);
        ActivityRegistry::builder()
            .register("Deadly", move |_: ActivityContext, _: String| {
                let deadly = Arc::clone(&deadly);
                async move {
                    // The test kills the process when it hears this.
                    deadly.notify_one();
                    std::future::pending::<Text>().await
                }
            })
            .register("Long", move |_: ActivityContext, _: String| {
                long.fetch_add(1, Ordering::SeqCst);
                let gate = Arc::clone(&gate);
                async move {
                    drop(gate.acquire().await.unwrap());
                    Ok("done".to_owned())
                }
            })
            .register("Quick", |_: ActivityContext, input: String| async move {
                Ok(input)
            })
            .build()
    }

    /// A process: a runtime whose leases last for so long.
    async fn process(
        &self,
        store: Arc<dyn duroxide::providers::Provider>,
        lease: Duration,
    ) -> World {
        let orchestrations = OrchestrationRegistry::builder()
            .register(
                "Main",
                |ctx: OrchestrationContext, name: String| async move {
                    ctx.schedule_activity(name, "quick").into_activity().await
                },
            )
            .register(
                "Turn",
                |_: OrchestrationContext, input: String| async move { Ok(input) },
            )
            .build();
        let options = RuntimeOptions {
            clock: Arc::new(self.clock.clone()),
            worker_lock_timeout: lease,
            orchestrator_lock_timeout: lease,
            max_attempts: self.max_attempts,
            ..checked()
        };
        let client = Client::with_clock(Arc::clone(&store), Arc::new(self.clock.clone()));
        let world = World::start(store, self.activities(), orchestrations, options).await;
        World { client, ..world }
    }

    /// Lets time pass while something is waited for.
    async fn passing<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        let time = async {
            loop {
                pause(1).await;
                self.clock.advance(Duration::from_millis(500));
            }
        };
        tokio::select! {
            biased;
            done = within(what, work) => done,
            () = time => unreachable!("time passes for ever"),
        }
    }

    async fn let_pass(&self, time: Duration) {
        let sleep = self.clock.sleep(time);
        self.passing("some time", sleep).await;
    }

    /// Lets `step` pass, and again each time that something has not come about a while after it, at
    /// most so often. Answers whether it has.
    async fn within_steps(
        &self,
        step: Duration,
        steps_max: u32,
        has_come: impl AsyncFn() -> bool,
    ) -> bool {
        for _ in 0..steps_max {
            self.clock.advance(step);
            for _ in 0..100 {
                if has_come().await {
                    return true;
                }
                pause(5).await;
            }
        }
        false
    }

    fn long_runs(&self) -> u32 {
        self.long.load(Ordering::SeqCst)
    }

    /// Waits until so many long ones have begun.
    async fn long_ones_run(&self, count: u32) {
        let run = until("the long ones to begin", async || {
            (self.long_runs() >= count).then_some(())
        });
        run.await;
        assert_eq!(self.long_runs(), count);
    }

    /// A process that goes on with what this store holds, and keeps what it claims.
    async fn goes_on(&self, store: &Arc<MemoryProvider>) -> World {
        let provider = Arc::<MemoryProvider>::clone(store);
        self.process(provider, LEASE).await
    }

    /// A process that is busy with a long one while the suspect of this store waits, and then claims
    /// that.
    async fn busy(&self, store: Arc<dyn duroxide::providers::Provider>) -> World {
        let world = self.process(store, LEASE).await;
        world.begin("long", "Main", "Long").await;
        self.long_ones_run(1).await;
        self.clock.advance(2 * SUSPECT_LEASE);
        world
    }

    /// The store of a process that has died as often as this; in each of its lives so many long ones
    /// ran.
    async fn with_long_ones(&self, count: u32, deaths: u32) -> Arc<MemoryProvider> {
        let mut store = self.store();
        for death in 1..=deaths {
            let world = self.goes_on(&store).await;
            if death == 1 {
                for number in 0..count {
                    world.begin(&format!("long {number}"), "Main", "Long").await;
                }
            }
            self.long_ones_run(death * count).await;
            store = killed(&store, world).await;
            self.clock.advance(2 * LEASE);
        }
        store
    }

    /// What the instance comes to, while time passes.
    async fn end_of(&self, world: &World, instance: &str) -> OrchestrationStatus {
        let status = world.client.wait_for_orchestration(instance, LEASE);
        self.passing(instance, status).await.unwrap()
    }
}

/// Runs quick work, one after the other, for ever.
async fn quick_work(world: &World, name: &str) {
    for number in 0_u32.. {
        let instance = format!("{name} {number}");
        world.begin(&instance, "Main", "Quick").await;
        let status = world.client.wait_for_orchestration(&instance, LEASE).await;
        assert!(matches!(status, Ok(OrchestrationStatus::Completed { .. })));
    }
}

fn is_completed(status: &OrchestrationStatus) -> bool {
    matches!(status, OrchestrationStatus::Completed { .. })
}

async fn status_of(world: &World, instance: &str) -> OrchestrationStatus {
    let status = world.client.get_orchestration_status(instance).await;
    status.unwrap()
}

/// The attempts of the activities that can be claimed.
async fn claimable_attempts(store: &MemoryProvider) -> Vec<u32> {
    let request = ClaimActivities::new(vec![TaskQueue::default()], 10, LEASE);
    let claimed = store.claim_activities(&request).await.unwrap().items;
    let mut attempts: Vec<u32> = claimed.iter().map(|it| it.attempt).collect();
    attempts.sort_unstable();
    attempts
}

/// What the store would be like after the death of this process, and the process cleared away.
async fn killed(store: &MemoryProvider, world: World) -> Arc<MemoryProvider> {
    let left = Arc::new(store.fork());
    within("an abort", world.runtime.shutdown(Some(0))).await;
    left
}

/// A store with a suspect, whose lease has not passed yet: its process has died twice.
async fn with_a_suspect(scene: &Scene) -> Arc<MemoryProvider> {
    let mut store = scene.store();
    for death in 1..=2 {
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, SUSPECT_LEASE).await;
        if death == 1 {
            world.begin("suspect", "Main", "Deadly").await;
        } else {
            scene.clock.advance(2 * SUSPECT_LEASE);
        }
        within("the suspect", scene.deadly.notified()).await;
        store = killed(&store, world).await;
    }
    store
}

/// The same, and a process in which the suspect runs.
async fn with_a_running_suspect(scene: &Scene) -> World {
    let store = with_a_suspect(scene).await;
    scene.clock.advance(LEASE);
    let world = scene.goes_on(&store).await;
    within("the suspect", scene.deadly.notified()).await;
    world
}

/// Each death is one of the long ones' processes, too. Only the deadly one becomes poison, and from
/// the third death on hardly anything is run beside it.
#[tokio::test]
async fn a_deadly_activity_poisons_nothing_but_itself() {
    let scene = Scene::new();
    let mut store = scene.store();
    let mut runs = Vec::new();
    for death in 1..=12 {
        let world = scene.goes_on(&store).await;
        if death == 1 {
            for number in 0..LONG_ONES {
                world.begin(&format!("long {number}"), "Main", "Long").await;
            }
            scene.long_ones_run(LONG_ONES).await;
            world.begin("deadly", "Main", "Deadly").await;
        }
        let before = scene.long_runs();
        scene
            .passing("the deadly one", scene.deadly.notified())
            .await;
        runs.push(scene.long_runs() - before);
        store = killed(&store, world).await;
        scene.clock.advance(2 * LEASE);
    }

    let world = scene.goes_on(&store).await;
    assert_poison(
        &scene.end_of(&world, "deadly").await,
        "exceeded 11 attempts (max 10)",
    );
    scene.gate.add_permits(1);
    for number in 0..LONG_ONES {
        let status = scene.end_of(&world, &format!("long {number}")).await;
        assert!(is_completed(&status), "{number}: {status:?}");
    }
    // From the fifth death on it is known which one it is, and it runs first.
    assert!(runs[4..].iter().all(|runs| *runs == 0), "{runs:?}");
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

fn assert_poison(status: &OrchestrationStatus, expected: &str) {
    let OrchestrationStatus::Failed { details } = status else {
        panic!("{status:?}");
    };
    let message = details.display_message();
    assert!(message.contains(expected), "{message}");
}

/// A suspect that is as good as anything else does not keep its node from working for long.
#[tokio::test]
async fn a_lasting_suspect_does_not_idle_its_node() {
    let scene = Scene::new();
    let world = with_a_running_suspect(&scene).await;
    world.begin("other", "Main", "Quick").await;
    pause(50).await;
    let status = status_of(&world, "other").await;
    assert_eq!(status, OrchestrationStatus::Running, "the suspect is alone");
    assert!(is_completed(&scene.end_of(&world, "other").await));
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// On a node that never drains a suspect runs beside others in the end, and the node works all the
/// while but for some pauses.
#[tokio::test]
async fn a_suspect_does_not_starve_on_a_busy_node() {
    let scene = Scene::new();
    let store = with_a_suspect(&scene).await;
    let world = scene.busy(store).await;
    let before = scene.clock.now_ms();
    let suspect = async {
        tokio::select! {
            biased;
            () = scene.deadly.notified() => {}
            () = quick_work(&world, "other") => {}
        }
    };
    scene.passing("the suspect", suspect).await;

    let waited = Duration::from_millis(scene.clock.now_ms() - before);
    assert!(
        waited >= ISOLATION_DRAIN_MAX * ISOLATION_TRIES_MAX,
        "{waited:?}"
    );
    assert_eq!(scene.long_runs(), 1);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// The killer takes longer than a node idles for a suspect, so that it kills the innocent one with
/// it. The last attempts of both are made with nothing beside them.
#[tokio::test]
async fn what_takes_long_to_kill_poisons_nothing_but_itself() {
    let scene = Scene::with_max_attempts(3);
    let mut store = scene.store();
    let mut runs = Vec::new();
    for death in 1..=5 {
        let world = scene.goes_on(&store).await;
        let before = scene.long_runs();
        if death == 1 {
            world.begin("innocent", "Main", "Long").await;
            world.begin("killer", "Main", "Deadly").await;
        }
        scene.passing("the killer", scene.deadly.notified()).await;
        scene.let_pass(Duration::from_secs(40)).await;
        runs.push(scene.long_runs() - before);
        store = killed(&store, world).await;
        scene.clock.advance(2 * LEASE);
    }

    // Beside others twice, alone for a while once, and then strictly.
    assert_eq!(runs, [1, 1, 1, 0, 0]);
    let world = scene.goes_on(&store).await;
    // The innocent one is strictly alone now; nothing else goes on until it has ended.
    scene.gate.add_permits(1);
    assert_poison(
        &scene.end_of(&world, "killer").await,
        "exceeded 4 attempts (max 3)",
    );
    assert!(is_completed(&scene.end_of(&world, "innocent").await));
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// A process whose only long activity makes its last attempt, with a turn and an activity that wait
/// beside it.
async fn in_a_last_attempt(scene: &Scene) -> World {
    let store = scene.with_long_ones(1, 2).await;
    let world = scene.goes_on(&store).await;
    scene.long_ones_run(3).await;
    world.begin("turn", "Turn", "").await;
    world.begin("activity", "Main", "Quick").await;
    world
}

/// However long it takes a process to die, nothing runs beside a last attempt, and whoever looks is
/// told; and then all goes on.
#[tokio::test]
async fn a_last_attempt_is_strictly_alone() {
    let scene = Scene::with_max_attempts(2);
    let world = in_a_last_attempt(&scene).await;
    scene.let_pass(ISOLATION_MAX * 4).await;
    for instance in ["turn", "activity"] {
        let status = status_of(&world, instance).await;
        assert_eq!(status, OrchestrationStatus::Running, "{instance}");
    }
    let held_back = world.runtime.health().held_back.unwrap();
    assert!(held_back.with_turns);
    let [item] = &held_back.items[..] else {
        panic!("{held_back:?}")
    };
    assert!(item.starts_with("activity long 0"), "{item}");
    scene.gate.add_permits(1);
    for instance in ["long 0", "turn", "activity"] {
        let status = scene.end_of(&world, instance).await;
        assert!(is_completed(&status), "{instance}: {status:?}");
    }
    assert_eq!(world.runtime.health().held_back, None);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// What a last attempt waits for may be for its own node to do, which goes on with it in the end.
#[tokio::test]
async fn a_last_attempt_does_not_stop_its_node_for_ever() {
    let scene = Scene::with_max_attempts(2);
    let world = in_a_last_attempt(&scene).await;
    let before = scene.clock.now_ms();
    for instance in ["turn", "activity"] {
        let status = scene.end_of(&world, instance).await;
        assert!(is_completed(&status), "{instance}: {status:?}");
    }
    let waited = Duration::from_millis(scene.clock.now_ms() - before);
    assert!(waited >= ISOLATION_STRICT_MAX, "{waited:?}");
    scene.gate.add_permits(1);
    assert!(is_completed(&scene.end_of(&world, "long 0").await));
    assert_eq!(scene.long_runs(), 3);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// What may not run beside others any more waits until its node has nothing else to do.
#[tokio::test]
async fn a_last_attempt_waits_for_a_node_that_drains() {
    let scene = Scene::with_max_attempts(2);
    let store = with_a_suspect(&scene).await;
    let world = scene.busy(store).await;
    let waits = (ISOLATION_DRAIN_MAX + ISOLATION_MAX) * (ISOLATION_TRIES_MAX + 5);
    scene.let_pass(waits).await;
    let ran = scene.deadly.notified().now_or_never();
    assert!(ran.is_none(), "it ran beside another one");
    scene.gate.add_permits(1);
    scene.passing("the suspect", scene.deadly.notified()).await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// A process that is busy with a long one and has claimed the suspect as well.
async fn with_a_claimed_suspect(scene: &Scene) -> (Arc<MemoryProvider>, World) {
    let store = with_a_suspect(scene).await;
    let counted = Arc::new(Counted::around(Arc::clone(&store)));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&counted);
    let world = scene.busy(provider).await;
    until("the claim of the suspect", async || {
        (counted.load().activities_max == 2).then_some(())
    })
    .await;
    (store, world)
}

/// While it waits, it is in nobody's hands: the death of a node that is busy with other things does
/// not count against it.
#[tokio::test]
async fn a_last_attempt_that_waits_is_not_counted() {
    let scene = Scene::with_max_attempts(2);
    let (store, world) = with_a_claimed_suspect(&scene).await;
    // The node drains now, for ten seconds that do not pass.
    let attempt = until("its return", async || {
        claimable_attempts(&store.fork()).await.first().copied()
    });
    assert_eq!(attempt.await, 3);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// Where a node has always something to do that ends soon, it makes room.
#[tokio::test]
async fn a_last_attempt_does_not_starve_beside_quick_work() {
    let scene = Scene::with_max_attempts(2);
    let store = with_a_suspect(&scene).await;
    let world = scene.goes_on(&store).await;
    scene.clock.advance(2 * SUSPECT_LEASE);
    let suspect = async {
        tokio::select! {
            biased;
            () = scene.deadly.notified() => {}
            () = quick_work(&world, "a") => {}
            () = quick_work(&world, "b") => {}
            () = quick_work(&world, "c") => {}
        }
    };
    scene.passing("the suspect", suspect).await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// Turns go on beside an activity that may be deadly, though not in its first moments.
#[tokio::test]
async fn turns_run_beside_an_activity_that_is_a_suspect() {
    let scene = Scene::new();
    let world = with_a_running_suspect(&scene).await;
    world.begin("turn", "Turn", "").await;
    world.begin("activity", "Main", "Quick").await;
    pause(50).await;
    let status = status_of(&world, "turn").await;
    assert_eq!(status, OrchestrationStatus::Running);
    let has_run = scene.within_steps(ISOLATION_MIN, 5, async || {
        is_completed(&status_of(&world, "turn").await)
    });
    assert!(has_run.await, "turns are held back");
    let status = status_of(&world, "activity").await;
    assert_eq!(status, OrchestrationStatus::Running);
    assert!(!world.runtime.health().held_back.unwrap().with_turns);
    let has_run = scene.within_steps(ISOLATION_MAX, 2, async || {
        is_completed(&status_of(&world, "activity").await)
    });
    assert!(has_run.await, "activities are held back");
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// Once one has lasted, the others are soon through.
#[tokio::test]
async fn a_crowd_of_innocent_suspects_is_soon_through() {
    // In rounds of 1, 2, 4 and 8.
    const CROWD: u32 = 15;
    let scene = Scene::new();
    let store = scene.with_long_ones(CROWD, 2).await;
    let world = scene.goes_on(&store).await;
    until("the first one", async || {
        (scene.long_runs() > 2 * CROWD).then_some(())
    })
    .await;
    // Three rounds of half a minute each would be 18 steps.
    let all_run = scene.within_steps(ISOLATION_MIN, 15, async || scene.long_runs() == 3 * CROWD);
    assert!(all_run.await, "{} run", scene.long_runs() - 2 * CROWD);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// A shutdown gives back what waits to run alone, and its attempt does not count.
#[tokio::test]
async fn a_suspect_that_waits_is_given_back() {
    let scene = Scene::new();
    let (store, world) = with_a_claimed_suspect(&scene).await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
    // The long one was begun and cut off; the suspect was not.
    assert_eq!(claimable_attempts(&store).await, [2, 3]);
}

/// A lease that passes while its process lives is no sign of poison.
#[tokio::test]
async fn lost_leases_are_excused() {
    const LOST: u32 = 20;
    let scene = Scene::new();
    let store = Arc::new(Counted::around(scene.store()));
    let lease = Duration::from_secs(60);
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = scene.process(provider, lease).await;
    world.begin("long", "Main", "Long").await;
    for lost in 1..=LOST {
        let look = until("the next run", async || {
            (scene.long_runs() >= lost).then_some(())
        });
        look.await;
        // At once more than a lease, as after a machine's sleep.
        scene.clock.advance(2 * lease);
        let run = until("the loss of the lease", async || {
            scene.clock.advance(Duration::from_secs(1));
            (scene.long_runs() > lost).then_some(())
        });
        run.await;
    }
    scene.gate.add_permits(1);
    let status = scene.end_of(&world, "long").await;
    assert!(is_completed(&status), "{status:?}");
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}
