//! Outcomes that are committed together with the turns they bring, and those that cannot be.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use tokio::sync::Semaphore;

use crate::counted::Counted;
use crate::support::{World, checked, pause, types, until, within};

/// So many steps, one after another; each counts on from the last one's result.
async fn sequence(ctx: OrchestrationContext, steps: String) -> Result<String, String> {
    let steps: usize = steps.parse().unwrap();
    let mut count = "0".to_owned();
    for _ in 0..steps {
        count = ctx.schedule_activity("Step", count).into_activity().await?;
    }
    Ok(count)
}

fn sequences() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Sequence", sequence)
        .build()
}

fn next(count: &str) -> String {
    (count.parse::<u64>().unwrap() + 1).to_string()
}

/// Steps that count how often they are run.
fn steps(runs: &Arc<AtomicU64>) -> ActivityRegistry {
    let runs = Arc::clone(runs);
    ActivityRegistry::builder()
        .register("Step", move |_: ActivityContext, count: String| {
            runs.fetch_add(1, Ordering::SeqCst);
            async move { Ok(next(&count)) }
        })
        .build()
}

/// Steps that wait at a gate.
fn gated(gate: &Arc<Semaphore>) -> ActivityRegistry {
    let gate = Arc::clone(gate);
    ActivityRegistry::builder()
        .register("Step", move |_: ActivityContext, count: String| {
            let gate = Arc::clone(&gate);
            async move {
                gate.acquire().await.unwrap().forget();
                Ok(next(&count))
            }
        })
        .build()
}

/// The start, the first turn, and one commit for each step. Even one slot is enough: the step that
/// ends gives it to the next one.
#[tokio::test]
async fn a_sequence_takes_one_durable_commit_a_step() {
    const STEPS: u64 = 20;
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("sequence.db").display());
    let store = Arc::new(SqliteProvider::new(&url, None).await.unwrap());
    let runs = Arc::new(AtomicU64::new(0));
    let options = duroxide::runtime::RuntimeOptions {
        worker_concurrency: 1,
        ..checked()
    };
    let provider = Arc::<SqliteProvider>::clone(&store);
    let world = World::start(provider, steps(&runs), sequences(), options).await;
    assert_eq!(world.run("first", "Sequence", "1").await, "1");
    let before = store.stats();
    assert_eq!(
        world.run("i", "Sequence", &STEPS.to_string()).await,
        STEPS.to_string()
    );
    let after = store.stats();
    assert_eq!(after.durable_commits - before.durable_commits, STEPS + 2);
    assert_eq!(runs.load(Ordering::SeqCst), STEPS + 1);
    world.shutdown().await;
}

/// A claim takes all the free slots while it is under way. The turn that was claimed beside it
/// finds them again, however late the other answer is: its activity is born leased, and cannot be
/// claimed and end before the turn has kept the engine that waits for it.
#[tokio::test]
async fn a_turn_reserves_the_slot_that_a_slow_claim_of_activities_had() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let options = duroxide::runtime::RuntimeOptions {
        worker_concurrency: 1,
        ..checked()
    };
    let runs = Arc::new(AtomicU64::new(0));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, steps(&runs), sequences(), options).await;
    let held = store.hold_back_activity_claims().await;
    world.begin("i", "Sequence", "3").await;
    until("a claimed turn", async || {
        (store.load().turns_ever == 1).then_some(())
    })
    .await;
    // Enough for a turn that does not wait for the slot.
    pause(20).await;
    drop(held);
    assert_eq!(world.output("i").await, "3");
    assert_eq!(store.load().unreserved_ever, 0);
    world.shutdown().await;
}

/// Whoever has claimed the instance meanwhile comes first; the outcome waits in the inbox.
#[tokio::test]
async fn a_claimed_instance_gets_its_outcome_as_a_message() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let gate = Arc::new(Semaphore::new(0));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, gated(&gate), sequences(), checked()).await;
    world.begin("i", "Sequence", "2").await;
    until("the first turn", async || {
        (store.load().activities == 1).then_some(())
    })
    .await;
    // It is not suspended: it is claimed for nothing, and the claim does not reach the runtime.
    let claims = store.hold_back_claims().await;
    let held_back = store.held_back();
    world.client.resume_instance("i").await.unwrap();
    until("a claim", async || {
        (store.held_back() > held_back).then_some(())
    })
    .await;
    gate.add_permits(1);
    until("the end of the first step", async || {
        (store.load().activities == 0).then_some(())
    })
    .await;
    drop(claims);
    gate.add_permits(1);
    assert_eq!(world.output("i").await, "2");
    let history = types(&world.history("i").await);
    let completed = history.iter().filter(|it| *it == "ActivityCompleted");
    assert_eq!(completed.count(), 2, "{history:?}");
    world.shutdown().await;
}

/// An instance that waits for several things is left to claims: a turn takes in all of them.
#[tokio::test]
async fn joined_activities_are_taken_in_together() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Joined",
            |ctx: OrchestrationContext, _: String| async move {
                let steps: Vec<_> = (0..8)
                    .map(|count| ctx.schedule_activity("Step", count.to_string()))
                    .map(|step| step.into_activity())
                    .collect();
                let mut counts = Vec::new();
                for step in steps {
                    counts.push(step.await?);
                }
                Ok(counts.join(","))
            },
        )
        .build();
    let gate = Arc::new(Semaphore::new(0));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, gated(&gate), orchestrations, checked()).await;
    world.begin("i", "Joined", "").await;
    gate.add_permits(8);
    assert_eq!(world.output("i").await, "1,2,3,4,5,6,7,8");
    world.shutdown().await;
}

/// A runtime that leaves ends the step it is at, and takes up no further one.
#[tokio::test]
async fn a_sequence_does_not_hold_up_a_shutdown() {
    let store = Arc::new(MemoryProvider::new());
    let is_slow = Arc::new(AtomicBool::new(true));
    let slow = Arc::clone(&is_slow);
    let activities = move || {
        let slow = Arc::clone(&slow);
        ActivityRegistry::builder()
            .register("Step", move |_: ActivityContext, count: String| {
                let is_slow = slow.load(Ordering::SeqCst);
                async move {
                    if is_slow {
                        pause(20).await;
                    }
                    Ok(next(&count))
                }
            })
            .build()
    };
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = World::start(provider, activities(), sequences(), checked()).await;
    world.begin("i", "Sequence", "200").await;
    until("some steps", async || {
        (world.history("i").await.len() > 10).then_some(())
    })
    .await;
    within("shutdown", world.runtime.shutdown(Some(5_000))).await;
    let left_at = world.client.get_orchestration_status("i").await.unwrap();
    assert!(
        matches!(left_at, duroxide::OrchestrationStatus::Running),
        "{left_at:?}"
    );

    is_slow.store(false, Ordering::SeqCst);
    let next = World::start(store, activities(), sequences(), checked()).await;
    assert_eq!(next.output("i").await, "200");
    next.shutdown().await;
}
