//! Work that kills its process, beside work that does not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::clock::{Clock as _, ManualClock};
use duroxide::limits::{ISOLATION_DRAIN_MAX, ISOLATION_MAX, ISOLATION_MIN, ISOLATION_TRIES_MAX};
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
use crate::support::{PATIENCE, Text, World, checked, pause, until, within};

/// Longer than anything that a process lives to see.
const LEASE: Duration = Duration::from_hours(24);
const LONG_ONES: usize = 20;

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
}

/// What the store would be like after the death of this process, and the process cleared away.
async fn killed(store: &MemoryProvider, world: World) -> Arc<MemoryProvider> {
    let left = Arc::new(store.fork());
    within("an abort", world.runtime.shutdown(Some(0))).await;
    left
}

/// Each death is one of the long ones' processes, too. Only the deadly one becomes poison, and from
/// the third death on hardly anything is run beside it.
#[tokio::test]
async fn a_deadly_activity_poisons_nothing_but_itself() {
    let scene = Scene::new();
    let mut store = scene.store();
    let mut runs = Vec::new();
    for death in 1..=12 {
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, LEASE).await;
        if death == 1 {
            for number in 0..LONG_ONES {
                world.begin(&format!("long {number}"), "Main", "Long").await;
            }
            until("the long ones to begin", async || {
                (scene.long_runs() == 20).then_some(())
            })
            .await;
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

    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    let status = world.client.wait_for_orchestration("deadly", LEASE);
    let status = scene.passing("the end of the deadly one", status).await;
    let OrchestrationStatus::Failed { details } = status.unwrap() else {
        panic!("the deadly one did not fail");
    };
    let message = details.display_message();
    assert!(
        message.contains("exceeded 11 attempts (max 10)"),
        "{message}"
    );
    scene.gate.add_permits(1);
    for number in 0..LONG_ONES {
        let instance = format!("long {number}");
        let status = world.client.wait_for_orchestration(&instance, LEASE);
        let status = scene.passing(&instance, status).await.unwrap();
        let done = OrchestrationStatus::Completed {
            output: "done".to_owned(),
        };
        assert_eq!(status, done, "{instance}");
    }
    // From the fifth death on it is known which one it is, and it runs first.
    assert!(runs[4..].iter().all(|runs| *runs == 0), "{runs:?}");
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// A store with a suspect, whose lease has passed: its process has died twice.
async fn with_a_suspect(scene: &Scene) -> Arc<MemoryProvider> {
    let lease = Duration::from_secs(60);
    let mut store = scene.store();
    for death in 1..=2 {
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, lease).await;
        if death == 1 {
            world.begin("suspect", "Main", "Deadly").await;
        }
        within("the suspect", scene.deadly.notified()).await;
        store = killed(&store, world).await;
        if death == 1 {
            scene.clock.advance(2 * lease);
        }
    }
    store
}

/// A suspect that is as good as anything else does not keep its node from working for long.
#[tokio::test]
async fn a_lasting_suspect_does_not_idle_its_node() {
    let scene = Scene::new();
    let store = with_a_suspect(&scene).await;
    scene.clock.advance(LEASE);
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    within("the suspect", scene.deadly.notified()).await;

    world.begin("other", "Main", "Quick").await;
    pause(50).await;
    let status = world
        .client
        .get_orchestration_status("other")
        .await
        .unwrap();
    assert_eq!(status, OrchestrationStatus::Running, "the suspect is alone");
    let status = world.client.wait_for_orchestration("other", LEASE);
    let status = scene.passing("the other one", status).await.unwrap();
    assert!(matches!(status, OrchestrationStatus::Completed { .. }));
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// On a node that never drains a suspect runs beside others in the end, and the node works all the
/// while but for some pauses.
#[tokio::test]
async fn a_suspect_does_not_starve_on_a_busy_node() {
    let scene = Scene::new();
    let store = with_a_suspect(&scene).await;
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    world.begin("long", "Main", "Long").await;
    until("the long one to begin", async || {
        (scene.long_runs() == 1).then_some(())
    })
    .await;

    // From now on the suspect can be claimed.
    scene.clock.advance(Duration::from_secs(60));
    let before = scene.clock.now_ms();
    let others = async {
        for number in 0_u32.. {
            let instance = format!("other {number}");
            world.begin(&instance, "Main", "Quick").await;
            let status = world.client.wait_for_orchestration(&instance, LEASE).await;
            assert!(matches!(status, Ok(OrchestrationStatus::Completed { .. })));
        }
    };
    let suspect = async {
        tokio::select! {
            biased;
            () = scene.deadly.notified() => {}
            () = others => {}
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
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, LEASE).await;
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
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    // The innocent one is strictly alone now; nothing else goes on until it has ended.
    scene.gate.add_permits(1);
    let status = world.client.wait_for_orchestration("killer", LEASE);
    let status = scene.passing("the end of the killer", status).await;
    let OrchestrationStatus::Failed { details } = status.unwrap() else {
        panic!("the killer did not fail");
    };
    let message = details.display_message();
    assert!(message.contains("exceeded 4 attempts (max 3)"), "{message}");
    let status = world.client.wait_for_orchestration("innocent", LEASE);
    let status = scene.passing("the innocent one", status).await.unwrap();
    let done = OrchestrationStatus::Completed {
        output: "done".to_owned(),
    };
    assert_eq!(status, done);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// However long the last attempt takes, nothing runs beside it; and then all goes on.
#[tokio::test]
async fn a_last_attempt_is_strictly_alone() {
    let scene = Scene::with_max_attempts(2);
    let mut store = scene.store();
    for death in 1..=2 {
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, LEASE).await;
        if death == 1 {
            world.begin("long", "Main", "Long").await;
        }
        until("the long one to begin", async || {
            (scene.long_runs() == death).then_some(())
        })
        .await;
        store = killed(&store, world).await;
        scene.clock.advance(2 * LEASE);
    }
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    until("the last attempt to begin", async || {
        (scene.long_runs() == 3).then_some(())
    })
    .await;

    world.begin("turn", "Turn", "").await;
    world.begin("activity", "Main", "Quick").await;
    scene.let_pass(ISOLATION_MAX * 4).await;
    for instance in ["turn", "activity"] {
        let status = world.client.get_orchestration_status(instance).await;
        assert_eq!(status.unwrap(), OrchestrationStatus::Running, "{instance}");
    }
    scene.gate.add_permits(1);
    for instance in ["long", "turn", "activity"] {
        let status = world.client.wait_for_orchestration(instance, LEASE);
        let status = scene.passing(instance, status).await.unwrap();
        assert!(
            matches!(status, OrchestrationStatus::Completed { .. }),
            "{instance}: {status:?}"
        );
    }
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// What may not run beside others any more waits until its node has nothing else to do.
#[tokio::test]
async fn a_last_attempt_waits_for_a_node_that_drains() {
    let scene = Scene::with_max_attempts(2);
    let store = with_a_suspect(&scene).await;
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    world.begin("long", "Main", "Long").await;
    until("the long one to begin", async || {
        (scene.long_runs() == 1).then_some(())
    })
    .await;

    // From now on the suspect can be claimed.
    scene.clock.advance(Duration::from_secs(120));
    let waits = (ISOLATION_DRAIN_MAX + ISOLATION_MAX) * (ISOLATION_TRIES_MAX + 5);
    scene.let_pass(waits).await;
    let ran = scene.deadly.notified().now_or_never();
    assert!(ran.is_none(), "it ran beside another one");
    scene.gate.add_permits(1);
    scene.passing("the suspect", scene.deadly.notified()).await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// While it waits, it is in nobody's hands: the death of a node that is busy with other things does
/// not count against it.
#[tokio::test]
async fn a_last_attempt_that_waits_is_not_counted() {
    let scene = Scene::with_max_attempts(2);
    let store = with_a_suspect(&scene).await;
    let counted = Arc::new(Counted::around(Arc::clone(&store)));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&counted);
    let world = scene.process(provider, LEASE).await;
    world.begin("long", "Main", "Long").await;
    until("the long one to begin", async || {
        (scene.long_runs() == 1).then_some(())
    })
    .await;
    scene.clock.advance(Duration::from_secs(120));
    until("the claim of the suspect", async || {
        (counted.load().activities_max == 2).then_some(())
    })
    .await;
    // The node drains now, for ten seconds that do not pass.
    let request = ClaimActivities {
        queues: vec![TaskQueue::default()],
        activities_max: 10,
        lease: LEASE,
    };
    let attempt = until("its return", async || {
        let claimed = store.fork().claim_activities(&request).await.unwrap();
        claimed.items.first().map(|it| it.attempt)
    });
    assert_eq!(attempt.await, 3);
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// Where a node has always something to do that ends soon, it makes room.
#[tokio::test]
async fn a_last_attempt_does_not_starve_beside_quick_work() {
    let scene = Scene::with_max_attempts(2);
    let store = with_a_suspect(&scene).await;
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    scene.clock.advance(Duration::from_secs(120));
    let client = &world.client;
    let others = async |name: &'static str| {
        for number in 0_u32.. {
            let instance = format!("{name} {number}");
            world.begin(&instance, "Main", "Quick").await;
            let status = client.wait_for_orchestration(&instance, LEASE).await;
            assert!(matches!(status, Ok(OrchestrationStatus::Completed { .. })));
        }
    };
    let suspect = async {
        tokio::select! {
            biased;
            () = scene.deadly.notified() => {}
            () = others("a") => {}
            () = others("b") => {}
            () = others("c") => {}
        }
    };
    scene.passing("the suspect", suspect).await;
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}

/// Turns go on beside an activity that may be deadly, though not in its first moments.
#[tokio::test]
async fn turns_run_beside_an_activity_that_is_a_suspect() {
    let scene = Scene::new();
    let store = with_a_suspect(&scene).await;
    scene.clock.advance(LEASE);
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
    within("the suspect", scene.deadly.notified()).await;

    world.begin("turn", "Turn", "").await;
    world.begin("activity", "Main", "Quick").await;
    let status = async |instance| {
        let status = world.client.get_orchestration_status(instance).await;
        status.unwrap()
    };
    pause(50).await;
    assert_eq!(status("turn").await, OrchestrationStatus::Running);
    let has_run = scene.within_steps(ISOLATION_MIN, 5, async || {
        matches!(status("turn").await, OrchestrationStatus::Completed { .. })
    });
    assert!(has_run.await, "turns are held back");
    assert_eq!(status("activity").await, OrchestrationStatus::Running);
    let has_run = scene.within_steps(ISOLATION_MAX, 2, async || {
        matches!(
            status("activity").await,
            OrchestrationStatus::Completed { .. }
        )
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
    let mut store = scene.store();
    for death in 1..=2 {
        let provider = Arc::<MemoryProvider>::clone(&store);
        let world = scene.process(provider, LEASE).await;
        if death == 1 {
            for number in 0..CROWD {
                world.begin(&format!("long {number}"), "Main", "Long").await;
            }
        }
        until("the long ones to begin", async || {
            (scene.long_runs() == death * CROWD).then_some(())
        })
        .await;
        store = killed(&store, world).await;
        scene.clock.advance(2 * LEASE);
    }
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = scene.process(provider, LEASE).await;
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
    let store = with_a_suspect(&scene).await;
    let counted = Arc::new(Counted::around(Arc::clone(&store)));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&counted);
    let world = scene.process(provider, LEASE).await;
    world.begin("long", "Main", "Long").await;
    until("the long one to begin", async || {
        (scene.long_runs() == 1).then_some(())
    })
    .await;
    scene.clock.advance(Duration::from_secs(120));
    until("the claim of the suspect", async || {
        (counted.load().activities_max == 2).then_some(())
    })
    .await;

    within("shutdown", world.runtime.shutdown(Some(0))).await;

    let request = ClaimActivities {
        queues: vec![TaskQueue::default()],
        activities_max: 10,
        lease: LEASE,
    };
    let claimed = store.claim_activities(&request).await.unwrap().items;
    let mut attempts: Vec<u32> = claimed.iter().map(|it| it.attempt).collect();
    attempts.sort_unstable();
    // The long one was begun and cut off; the suspect was not.
    assert_eq!(attempts, [2, 3]);
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
    let status = tokio::time::timeout(PATIENCE, async {
        let ended = world.client.wait_for_orchestration("long", LEASE);
        scene.passing("the end", ended).await
    });
    let status = status.await.unwrap().unwrap();
    assert!(
        matches!(status, OrchestrationStatus::Completed { .. }),
        "{status:?}"
    );
    within("shutdown", world.runtime.shutdown(Some(0))).await;
}
