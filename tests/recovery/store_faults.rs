//! A store that fails in a way that no trying again mends, such as a password that was changed: no
//! instance answers for it, and the runtime says what is wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use duroxide::providers::ErrorKind;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};

use crate::counted::Counted;
use crate::support::{Text, World, giving_back, until};

/// The store with its faults, which are told to it, around which everything is counted.
struct Store {
    faulty: Arc<Faulty<MemoryProvider>>,
    counted: Arc<Counted<Faulty<MemoryProvider>>>,
    client: Client,
    /// How often the code of an instance was begun.
    runs: Arc<AtomicUsize>,
}

impl Store {
    fn new() -> Self {
        let memory = Arc::new(MemoryProvider::new());
        let client = Client::new(Arc::<MemoryProvider>::clone(&memory));
        let faulty = Arc::new(Faulty::new(memory));
        let counted = Arc::new(Counted::around(Arc::clone(&faulty)));
        Self {
            faulty,
            counted,
            client,
            runs: Arc::default(),
        }
    }

    /// From now on each of these calls fails so. Those of [`client`](Self::client) do not.
    fn fails(&self, operation: Operation, kind: ErrorKind) {
        self.faulty.set_faults([Fault {
            operation,
            when: When::FromNth(1),
            effect: Effect::FailBefore(kind),
        }]);
    }

    fn heals(&self) {
        self.faulty.set_faults([]);
    }

    async fn begin_all(&self, instances: usize) {
        for number in 0..instances {
            let started = self
                .client
                .start_orchestration(number.to_string(), "Main", "")
                .await;
            started.unwrap();
        }
    }

    /// A runtime whose turns all read their histories.
    async fn world(&self, options: RuntimeOptions) -> World {
        let activities = ActivityRegistry::builder()
            .register("Step", |_: ActivityContext, _: String| async move {
                Ok("did".to_owned())
            })
            .build();
        let runs = Arc::clone(&self.runs);
        let orchestrations = OrchestrationRegistry::builder()
            .register("Main", move |ctx, _: String| {
                runs.fetch_add(1, Ordering::SeqCst);
                main(ctx)
            })
            .build();
        let options = RuntimeOptions {
            warm_instances_max: 0,
            ..options
        };
        let store = Arc::<Counted<Faulty<MemoryProvider>>>::clone(&self.counted);
        World::start(store, activities, orchestrations, options).await
    }
}

async fn main(ctx: OrchestrationContext) -> Text {
    let did = ctx.schedule_activity("Step", "").into_activity().await?;
    let event = ctx.schedule_wait("Go").into_event().await;
    Ok(format!("{did} {event}"))
}

/// A node that looks again soon at what it has given back.
fn patient() -> RuntimeOptions {
    RuntimeOptions {
        max_attempts: 2,
        // It reads as well, and would tell of faults that nothing else meets.
        shadow_replay: false,
        ..giving_back(Duration::from_millis(5))
    }
}

/// Waits until this operation has failed so often, and in this way.
async fn is_said_to_fail(world: &World, operation: &str, kind: ErrorKind) {
    until("the fault", async || {
        let faults = world.runtime.health().faults;
        let fault = faults.iter().find(|it| it.operation == operation);
        fault
            .filter(|it| it.count >= 5 && it.kind == kind)
            .map(|_| ())
    })
    .await;
}

async fn is_healthy_again(world: &World) {
    until("health", async || {
        world.runtime.health().is_healthy().then_some(())
    })
    .await;
}

fn given_back(world: &World) -> u64 {
    world.runtime.metrics_snapshot().unwrap().given_back_store
}

async fn assert_all_run(world: &World, instances: usize) {
    for number in 0..instances {
        world.assert_running(&number.to_string()).await;
    }
}

async fn all_complete(world: &World, instances: usize) {
    for number in 0..instances {
        world.raise(&number.to_string(), "Go", "on").await;
    }
    for number in 0..instances {
        assert_eq!(world.output(&number.to_string()).await, "did on");
    }
}

#[tokio::test]
async fn no_instance_answers_for_failing_claims_and_reads() {
    const INSTANCES: usize = 10;
    for kind in [ErrorKind::Config, ErrorKind::Unexpected, ErrorKind::Corrupt] {
        for (operation, name) in [
            (Operation::ClaimTurns, "claim"),
            (Operation::ClaimActivities, "claim"),
            (Operation::ReadHistory, "read_history"),
        ] {
            let store = Store::new();
            store.begin_all(INSTANCES).await;
            store.fails(operation, kind);
            let world = store.world(patient()).await;
            is_said_to_fail(&world, name, kind).await;
            assert_all_run(&world, INSTANCES).await;
            if operation == Operation::ReadHistory {
                until("a turn without its history is given back", async || {
                    (given_back(&world) > 0).then_some(())
                })
                .await;
            } else {
                // What was not claimed cannot be given back.
                assert_eq!(given_back(&world), 0, "{operation:?} {kind:?}");
            }

            store.heals();

            all_complete(&world, INSTANCES).await;
            is_healthy_again(&world).await;
            world.shutdown().await;
        }
    }
}

/// All of them are to be committed when the store fails, and it is well again soon: whoever blamed
/// the instances could end them then.
#[tokio::test]
async fn a_batch_that_cannot_be_committed_ends_none_of_it() {
    const INSTANCES: usize = 512;
    let store = Store::new();
    store.begin_all(INSTANCES).await;
    // The first turn goes alone, and those that wait meanwhile go together.
    store.faulty.set_faults([1, 2].map(|nth| Fault {
        operation: Operation::Commit,
        when: When::Nth(nth),
        effect: Effect::FailBefore(ErrorKind::Config),
    }));
    let held = store.counted.hold_back_commits().await;
    let options = RuntimeOptions {
        orchestration_concurrency: INSTANCES,
        ..patient()
    };
    let world = store.world(options).await;
    until("turns", async || {
        (store.runs.load(Ordering::SeqCst) >= INSTANCES).then_some(())
    })
    .await;

    drop(held);

    until("many were given back", async || {
        (given_back(&world) >= INSTANCES as u64 / 2).then_some(())
    })
    .await;
    all_complete(&world, INSTANCES).await;
    is_healthy_again(&world).await;
    world.shutdown().await;
}

/// A runtime that cannot commit does not work through the queue.
#[tokio::test]
async fn one_turn_at_a_time_is_claimed_while_commits_fail() {
    const INSTANCES: usize = 20;
    let store = Store::new();
    store.begin_all(INSTANCES).await;
    store.fails(Operation::Commit, ErrorKind::Config);
    let world = store.world(patient()).await;
    is_said_to_fail(&world, "commit", ErrorKind::Config).await;
    assert_all_run(&world, INSTANCES).await;
    until("small claims", async || {
        store.counted.claim_sizes().ends_with(&[1; 5]).then_some(())
    })
    .await;

    store.heals();

    all_complete(&world, INSTANCES).await;
    let is_large = |sizes: &[usize]| sizes.last().is_some_and(|size| *size > 1);
    until("a large claim", async || {
        is_large(&store.counted.claim_sizes()).then_some(())
    })
    .await;
    world.shutdown().await;
}
