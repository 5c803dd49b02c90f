//! Code that does not do what history says it did.

use std::sync::Arc;
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, Client, ConfigErrorKind, ErrorDetails, OrchestrationContext,
    OrchestrationRegistry, StartOutcome,
};

use crate::counted::Counted;
use crate::support::{Text, World, checked, giving_back, no_activities, pause, until};

/// An orchestration that calls this activity first; an empty name calls none.
fn calling(activity: &'static str) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Main",
            move |ctx: OrchestrationContext, _: String| async move {
                let mut output = String::new();
                if !activity.is_empty() {
                    output = ctx
                        .schedule_activity(activity, "input")
                        .into_activity()
                        .await?;
                }
                let event = ctx.schedule_wait("Go").into_event().await;
                Text::Ok(format!("{output} {event}"))
            },
        )
        .build()
}

fn activities() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Reserve", |_: ActivityContext, _: String| async move {
            Ok("did".to_owned())
        })
        .register("Charge", |_: ActivityContext, _: String| async move {
            Ok("did".to_owned())
        })
        .build()
}

/// A store in which an instance has called `Reserve` and waits.
async fn waiting() -> Arc<MemoryProvider> {
    let store = Arc::new(MemoryProvider::new());
    let provider = Arc::<MemoryProvider>::clone(&store);
    let world = World::start(provider, activities(), calling("Reserve"), checked()).await;
    world.begin("i", "Main", "").await;
    world.waits_for("i", "Go").await;
    world.shutdown().await;
    store
}

fn is_nondeterminism(details: &ErrorDetails) -> bool {
    matches!(
        details,
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::Nondeterminism,
            ..
        }
    )
}

#[tokio::test]
async fn a_changed_decision_fails_at_once_and_names_both_sides() {
    let store = waiting().await;
    let world = World::start(store, activities(), calling("Charge"), checked()).await;
    world.raise("i", "Go", "on").await;
    let details = world.failure("i").await;
    assert!(is_nondeterminism(&details), "{details:?}");
    let message = details.display_message();
    assert!(message.starts_with("nondeterministic"), "{message}");
    assert!(
        message.contains("Reserve") && message.contains("Charge"),
        "{message}"
    );
    assert!(
        message.contains("changed_code.rs"),
        "it names the line: {message}"
    );
    world.shutdown().await;
}

#[tokio::test]
async fn a_decision_that_is_no_longer_made_fails_at_once() {
    let store = waiting().await;
    let world = World::start(store, activities(), calling(""), checked()).await;
    world.raise("i", "Go", "on").await;
    let details = world.failure("i").await;
    assert!(is_nondeterminism(&details), "{details:?}");
    assert!(details.display_message().contains("Reserve"), "{details:?}");
    world.shutdown().await;
}

#[tokio::test]
async fn shadow_replay_finds_code_that_is_not_deterministic() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let runs = Arc::new(AtomicU32::new(0));
    let orchestrations = OrchestrationRegistry::builder()
        .register("Moody", move |ctx: OrchestrationContext, _: String| {
            let mood = runs.fetch_add(1, Ordering::SeqCst);
            async move {
                let activity = if mood == 0 { "Reserve" } else { "Charge" };
                ctx.schedule_activity(activity, "").into_activity().await
            }
        })
        .build();
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, activities(), orchestrations, checked()).await;
    let details = world.run_failing("i", "Moody", "").await;
    assert!(is_nondeterminism(&details), "{details:?}");
    world.shutdown().await;
}

/// Options of a node that leaves what it does not know to others.
fn patient() -> RuntimeOptions {
    RuntimeOptions {
        max_attempts: 1_000,
        ..giving_back(Duration::from_millis(20))
    }
}

async fn stays_running(world: &World, instance: &str) {
    for _ in 0..10 {
        world.assert_running(instance).await;
        pause(10).await;
    }
}

#[tokio::test]
async fn the_instance_waits_for_the_right_code() {
    let store = waiting().await;
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let wrong = World::start(provider(), activities(), calling("Charge"), patient()).await;
    wrong.raise("i", "Go", "on").await;
    stays_running(&wrong, "i").await;
    wrong.shutdown().await;

    let right = World::start(provider(), activities(), calling("Reserve"), patient()).await;
    assert_eq!(right.output("i").await, "did on");
    right.shutdown().await;
}

#[tokio::test]
async fn unregistered_names_wait_for_a_node_that_knows_them() {
    let store = Arc::new(MemoryProvider::new());
    let provider = || Arc::<MemoryProvider>::clone(&store);
    let nothing = OrchestrationRegistry::builder().build();
    let old = World::start(provider(), no_activities(), nothing, patient()).await;
    old.begin("i", "Main", "").await;
    stays_running(&old, "i").await;
    // A node that knows the orchestration and not its activity.
    let halfway = World::start(provider(), no_activities(), calling("Reserve"), patient()).await;
    stays_running(&halfway, "i").await;
    let new = World::start(provider(), activities(), calling("Reserve"), patient()).await;
    new.raise("i", "Go", "on").await;
    assert_eq!(new.output("i").await, "did on");
    for world in [old, halfway, new] {
        world.shutdown().await;
    }
}

/// An instance that is given back again and again is not read each time, and one that goes on is read
/// once.
#[tokio::test]
async fn a_history_is_read_once_for_code_that_may_fit() {
    let store = Arc::new(Counted::around(waiting().await));
    let provider = || Arc::<Counted<MemoryProvider>>::clone(&store);
    let options = || RuntimeOptions {
        shadow_replay: false,
        ..patient()
    };
    let given_back_often = async || {
        let before = store.load().turns_ever;
        until("it was given back often", async || {
            (store.load().turns_ever > before + 20).then_some(())
        })
        .await;
    };
    let nothing = || OrchestrationRegistry::builder().build();
    let unknown = World::start(provider(), no_activities(), nothing(), options()).await;
    unknown.raise("i", "Go", "on").await;
    given_back_often().await;
    unknown.shutdown().await;
    assert_eq!(store.history_reads(), 0);

    let wrong = World::start(provider(), activities(), calling("Charge"), options()).await;
    given_back_often().await;
    wrong.shutdown().await;
    // A notice for whoever waits is a commit, and the code may fit what is stored then.
    let reads = store.history_reads();
    assert!((1..=2).contains(&reads), "{reads}");

    let right = World::start(provider(), activities(), calling("Reserve"), options()).await;
    assert_eq!(right.output("i").await, "did on");
    right.shutdown().await;
    assert_eq!(store.history_reads(), reads + 1);

    // A fork has the history of another instance, and no commit.
    let forked = Client::new(provider()).fork("i", "f").await;
    assert_eq!(forked.unwrap(), StartOutcome::Started);
    let before = store.history_reads();
    let unknown = World::start(provider(), no_activities(), nothing(), options()).await;
    given_back_often().await;
    unknown.shutdown().await;
    assert_eq!(store.history_reads(), before);
    let wrong = World::start(provider(), activities(), calling("Charge"), options()).await;
    given_back_often().await;
    wrong.shutdown().await;
    let reads = store.history_reads() - before;
    assert!((1..=2).contains(&reads), "{reads}");
    let right = World::start(provider(), activities(), calling("Reserve"), options()).await;
    assert_eq!(right.output("f").await, "did on");
    right.shutdown().await;
}

/// A cancellation goes by the history, which is read once for it.
#[tokio::test]
async fn a_cancelled_instance_is_read_once() {
    let store = Arc::new(Counted::around(waiting().await));
    let provider = Arc::<Counted<MemoryProvider>>::clone(&store);
    let world = World::start(provider, activities(), calling("Reserve"), patient()).await;
    world.client.cancel_instance("i", "enough").await.unwrap();
    world.failure("i").await;
    world.shutdown().await;
    assert_eq!(store.history_reads(), 1);
}

#[tokio::test]
async fn who_waits_is_told_of_a_changed_decision() {
    let store = waiting().await;
    let wrong = World::start(store, activities(), calling("Charge"), patient()).await;
    wrong.raise("i", "Go", "on").await;
    let why = wrong.reason("i").await;
    let expected = "the code of orchestration \"Main\" does not fit its history: ";
    assert!(why.starts_with(expected), "{why}");
    assert!(why.contains("Reserve") && why.contains("Charge"), "{why}");
    wrong.shutdown().await;
}

#[tokio::test]
async fn who_waits_is_told_of_a_missing_version() {
    let store = Arc::new(MemoryProvider::new());
    let old = World::start(store, activities(), calling(""), patient()).await;
    let started = old
        .client
        .start_orchestration_versioned("i", "Main", "2.0.0", "")
        .await;
    started.unwrap();
    let why = old.reason("i").await;
    let expected = "version 2.0.0 of orchestration \"Main\" is not registered";
    assert!(why.starts_with(expected), "{why}");
    old.shutdown().await;
}
