//! Whether an instance stays in memory between its turns makes no difference.

use std::collections::BTreeMap;
use std::sync::Arc;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::{OrchestrationStatus, ProviderRef};

use crate::counted::Counted;
use crate::shapes::{SHAPES, activities, orchestrations};
use crate::support::{World, checked, counting, no_activities, pause, types, until, waiting_twice};

/// How each shape ended, and of which events its last history is made.
type Results = BTreeMap<&'static str, (OrchestrationStatus, Vec<String>)>;

async fn run_all(options: RuntimeOptions) -> Results {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = World::start(store, activities(), orchestrations(), options).await;
    for shape in SHAPES {
        world.begin(shape, "Shape", shape).await;
        for data in ["one", "two"] {
            world.client.raise_event(shape, "Event", data).await.ok();
        }
    }
    let mut results = Results::new();
    for shape in SHAPES {
        let status = world.ended(shape).await;
        let mut events = types(&world.history(shape).await);
        // Events from outside arrive when they do, and after the end not at all.
        events.retain(|event| event != "ExternalEvent" || shape == "events");
        events.sort();
        results.insert(shape, (status, events));
    }
    assert_eq!(world.output("the detached one").await, "three timers");
    world.shutdown().await;
    results
}

fn expected(shape: &str) -> Option<&'static str> {
    Some(match shape {
        "chain" => "0123456789",
        "join_all" => {
            "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29"
        }
        "select" => "3 Timer after",
        "timers" => "three timers",
        "events" | "again" => "one two",
        "children" => "0123456789 bad, on purpose three timers",
        "detached" => "let go",
        "retry" => "Err(\"no\")",
        "system" => "true",
        _ => return None,
    })
}

#[tokio::test]
async fn warm_cold_and_one_at_a_time_give_the_same() {
    let warm = run_all(checked()).await;
    for shape in SHAPES {
        let (status, _) = &warm[shape];
        if let Some(output) = expected(shape) {
            let output = output.to_owned();
            assert_eq!(
                status,
                &OrchestrationStatus::Completed { output },
                "{shape}"
            );
        }
    }
    assert!(matches!(
        warm["error"].0,
        OrchestrationStatus::Failed { .. }
    ));

    let cold = run_all(RuntimeOptions {
        warm_instances_max: 0,
        ..checked()
    })
    .await;
    assert_eq!(cold, warm);
    let narrow = RuntimeOptions {
        warm_instances_max: 1,
        orchestration_concurrency: 1,
        worker_concurrency: 1,
        shadow_replay: false,
        ..RuntimeOptions::default()
    };
    // `Hang` needs a slot of its own, or nothing else would run until it is cancelled.
    let narrow = RuntimeOptions {
        worker_concurrency: 2,
        ..narrow
    };
    assert_eq!(run_all(narrow).await, warm);
}

/// Every shape is cut off at some point and goes on in another runtime.
#[tokio::test]
async fn a_restart_in_the_middle_gives_the_same() {
    let whole = run_all(checked()).await;
    let store = Arc::new(MemoryProvider::new());
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let first = World::start(provider(), activities(), orchestrations(), checked()).await;
    for shape in SHAPES {
        first.begin(shape, "Shape", shape).await;
    }
    first.shutdown().await;
    let second = World::start(provider(), activities(), orchestrations(), checked()).await;
    for shape in SHAPES {
        for data in ["one", "two"] {
            second.client.raise_event(shape, "Event", data).await.ok();
        }
    }
    for shape in SHAPES {
        assert_eq!(second.ended(shape).await, whole[shape].0, "{shape}");
    }
    second.shutdown().await;
}

/// The store shows a commit to the next claim before the turn hears that it is made: the next turn waits
/// for its code, which is sooner than to read and replay a long history.
#[tokio::test]
async fn a_turn_waits_for_the_code_that_the_one_before_is_about_to_keep() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let options = RuntimeOptions {
        // By it the turn would wait for ever.
        clock: Arc::new(ManualClock::at_ms(1)),
        observability: counting(),
        ..checked()
    };
    let world = World::start(provider, no_activities(), waiting_twice(), options).await;

    let held = store.hold_back_acknowledgements().await;
    world.begin("i", "Main", "").await;
    until("the first turn is stored", async || {
        (store.held_acknowledgements() == 1).then_some(())
    })
    .await;
    world.raise("i", "Go", "one").await;
    until("the second turn is claimed", async || {
        (store.load().turns_ever == 2).then_some(())
    })
    .await;
    // Time enough to read a history, for one that does not wait.
    pause(50).await;
    drop(held);
    world.raise("i", "Go", "two").await;

    assert_eq!(world.output("i").await, "one two");
    let metrics = world.runtime.metrics_snapshot().unwrap();
    assert_eq!((metrics.turns_cold, metrics.turns_caught_up), (0, 0));
    world.shutdown().await;
}
