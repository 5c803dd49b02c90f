//! When things go wrong: recover, compensate, tell one kind of failure from another.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use duroxide::clock::ManualClock;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::{ClaimTurns, Provider, TaskQueue};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, AppErrorKind, Client, ConfigErrorKind, ErrorDetails, OrchestrationContext,
    OrchestrationRegistry, PoisonMessageType,
};

use crate::support::{Text, World, checked, no_activities};

/// Teaches: an activity's error is an ordinary `Err`, to handle or to return.
#[tokio::test]
async fn sample_error_handling() {
    let activities = ActivityRegistry::builder()
        .register("Fragile", |_: ActivityContext, input: String| async move {
            if input == "bad" {
                Err("it broke".to_owned())
            } else {
                Ok(input)
            }
        })
        .register("Recover", |_: ActivityContext, why: String| async move {
            Ok(format!("recovered, since {why}"))
        })
        .build();
    async fn careful(ctx: OrchestrationContext, input: String) -> Text {
        match ctx
            .schedule_activity("Fragile", input)
            .into_activity()
            .await
        {
            Ok(output) => Ok(output),
            Err(error) => {
                ctx.schedule_activity("Recover", error)
                    .into_activity()
                    .await
            }
        }
    }
    async fn careless(ctx: OrchestrationContext, input: String) -> Text {
        ctx.schedule_activity("Fragile", input)
            .into_activity()
            .await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Careful", careful)
        .register("Careless", careless)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(world.run("good", "Careful", "good").await, "good");
    assert_eq!(
        world.run("bad", "Careful", "bad").await,
        "recovered, since it broke"
    );
    let details = world.run_failing("careless", "Careless", "bad").await;
    assert_eq!(details.display_message(), "it broke");
    world.shutdown().await;
}

/// Teaches: a saga. Each step that succeeded is undone, the latest first, when a later one fails.
#[tokio::test]
async fn sample_saga_compensation() {
    let log = Arc::new(Mutex::new(Vec::new()));
    let diary = Arc::clone(&log);
    let activities = ActivityRegistry::builder()
        .register("Do", move |_: ActivityContext, step: String| {
            let diary = Arc::clone(&diary);
            async move {
                if step == "hotel" {
                    return Err("no room".to_owned());
                }
                diary.lock().unwrap().push(step.clone());
                Ok(step)
            }
        })
        .build();
    async fn trip(ctx: OrchestrationContext, steps: String) -> Text {
        let mut undo = Vec::new();
        for step in steps.split(' ') {
            match ctx.schedule_activity("Do", step).into_activity().await {
                Ok(done) => undo.push(format!("cancel {done}")),
                Err(error) => {
                    for action in undo.into_iter().rev() {
                        ctx.schedule_activity("Do", action).into_activity().await?;
                    }
                    return Err(format!("{step}: {error}; everything was undone"));
                }
            }
        }
        Ok("booked".to_owned())
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Trip", trip)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    let details = world.run_failing("trip", "Trip", "flight car hotel").await;
    assert_eq!(
        details.display_message(),
        "hotel: no room; everything was undone"
    );
    assert_eq!(
        *log.lock().unwrap(),
        ["flight", "car", "cancel car", "cancel flight"]
    );
    world.shutdown().await;
}

/// Teaches: failures are told apart by type and by category, never by their text.
#[tokio::test]
async fn sample_error_classification() {
    async fn refuse(_ctx: OrchestrationContext, input: String) -> Text {
        std::future::ready(Err(input)).await
    }
    async fn misspelt(ctx: OrchestrationContext, _input: String) -> Text {
        ctx.schedule_activity("Wrok", "").into_activity().await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Refuse", refuse)
        .register("Misspelt", misspelt)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    let application = world.run_failing("application", "Refuse", "no").await;
    assert!(matches!(
        application,
        ErrorDetails::Application {
            kind: AppErrorKind::OrchestrationFailed,
            ..
        }
    ));
    assert_eq!(
        (application.category(), &*application.display_message()),
        ("application", "no")
    );

    let orchestration = world.run_failing("orchestration", "Refused", "").await;
    assert!(matches!(
        orchestration,
        ErrorDetails::Configuration {
            kind: ConfigErrorKind::UnregisteredOrchestration,
            ..
        }
    ));
    assert_eq!(orchestration.display_message(), "unregistered:Refused");

    // The activity is what the deployment lacks; the orchestration could have made it good.
    let activity = world.run_failing("activity", "Misspelt", "").await;
    assert_eq!(
        (activity.category(), activity.is_retryable()),
        ("application", false)
    );
    assert_eq!(activity.display_message(), "unregistered:Wrok");
    world.shutdown().await;
}

/// Teaches: an instance whose turns never get done, since each node that tries dies of it, is
/// poison: after `max_attempts` it fails instead of taking the next node down.
#[tokio::test]
async fn sample_poison_after_max_attempts() {
    let clock = ManualClock::at_ms(1_700_000_000_000);
    let options = MemoryOptions::default().clock(Arc::new(clock.clone()));
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::with_options(options));
    let client = Client::new(Arc::clone(&store));
    client
        .start_orchestration("deadly", "Deadly", "")
        .await
        .unwrap();
    // The first two deaths may have been anybody's; from the third on it is alone when it dies.
    for _ in 0..5 {
        // A node takes the turn, dies of it, and its lease passes.
        let lease = Duration::from_secs(5);
        let request = ClaimTurns {
            messages_max: 10,
            bytes_max: 1_000_000,
            ..ClaimTurns::new(vec![TaskQueue::default()], 1, lease)
        };
        assert_eq!(store.claim_turns(&request).await.unwrap().items.len(), 1);
        clock.advance(lease);
    }

    async fn deadly(_ctx: OrchestrationContext, _input: String) -> Text {
        std::process::abort()
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Deadly", deadly)
        .build();
    let clock: Arc<dyn duroxide::clock::Clock> = Arc::new(clock);
    let options = RuntimeOptions {
        max_attempts: 3,
        clock,
        ..checked()
    };
    let world = World::start(store, no_activities(), orchestrations, options).await;
    let details = world.failure("deadly").await;
    assert!(
        matches!(
            &details,
            ErrorDetails::Poison {
                attempt_count: 4,
                max_attempts: 3,
                message_type: PoisonMessageType::Orchestration { instance, execution_id: 1 },
                ..
            } if instance == "deadly"
        ),
        "{details:?}"
    );
    assert_eq!(
        details.display_message(),
        "poison: orchestration deadly exceeded 4 attempts (max 3)"
    );
    world.shutdown().await;
}
