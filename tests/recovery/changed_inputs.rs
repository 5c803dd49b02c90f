//! Inputs that the deployed code does not take, since their type has gained a field without a default.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::runtime::{MetricsSnapshot, RuntimeOptions};
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::support::{World, checked, giving_back, no_activities, until};

/// What the first deployment knows of an order.
#[derive(Debug, Deserialize)]
struct Order {
    item: String,
}

/// What a mistaken one asks for.
#[derive(Debug, Deserialize)]
struct GiftOrder {
    item: String,
    wrapping: String,
}

trait Describe: DeserializeOwned + Send + Sync + 'static {
    fn describe(self) -> String;
}

impl Describe for Order {
    fn describe(self) -> String {
        self.item
    }
}

impl Describe for GiftOrder {
    fn describe(self) -> String {
        format!("{} in {}", self.item, self.wrapping)
    }
}

const TEA: &str = r#"{"item":"tea"}"#;

/// All that begins with an order: a whole instance, a child, an execution that continues another one,
/// and an activity.
fn orchestrations<T: Describe>() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register_typed("Order", |ctx: OrchestrationContext, order: T| async move {
            let event = ctx.schedule_wait("Go").into_event().await;
            Ok(format!("{} {event}", order.describe()))
        })
        .register(
            "Parent",
            |ctx: OrchestrationContext, input: String| async move {
                let child = ctx.schedule_sub_orchestration("Order", input);
                child.into_sub_orchestration().await
            },
        )
        .register(
            "Send",
            |ctx: OrchestrationContext, input: String| async move {
                let work = ctx.schedule_activity("Pack", input);
                work.into_activity().await
            },
        )
        .register_typed("Loop", |ctx: OrchestrationContext, order: T| async move {
            if ctx.execution_id() == 1 {
                ctx.schedule_wait("Go").into_event().await;
                return ctx.continue_as_new(TEA.to_owned()).await;
            }
            Ok(order.describe())
        })
        .build()
}

fn activities<T: Describe>() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register_typed("Pack", |_: ActivityContext, order: T| async move {
            Ok(order.describe())
        })
        .build()
}

fn patient() -> RuntimeOptions {
    giving_back(Duration::from_millis(5))
}

async fn deployed<T: Describe>(store: &Arc<MemoryProvider>) -> World {
    let store = Arc::<MemoryProvider>::clone(store);
    World::start(store, activities::<T>(), orchestrations::<T>(), patient()).await
}

/// Waits until a node has given something back for so long that waiting clients are told.
async fn gave_back(world: &World, count: impl Fn(&MetricsSnapshot) -> u64 + Send + Sync) {
    until("work is given back", async || {
        let metrics = world.runtime.metrics_snapshot().unwrap();
        (count(&metrics) >= 20).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_orchestration_waits_for_code_that_takes_its_input() {
    let store = Arc::new(MemoryProvider::new());
    let mistaken = deployed::<GiftOrder>(&store).await;
    mistaken.begin("alone", "Order", TEA).await;
    mistaken.begin("parent", "Parent", TEA).await;
    gave_back(&mistaken, |it| it.given_back_unfit_input).await;
    let child = mistaken.child_of("parent").await;
    for instance in ["alone", "parent", &child] {
        mistaken.assert_running(instance).await;
    }
    let why = mistaken.reason("alone").await;
    assert!(
        why.contains("orchestration Order") && why.contains("missing field `wrapping`"),
        "{why}"
    );
    assert!(mistaken.reason("parent").await.contains(&child));
    mistaken.shutdown().await;

    let fitting = deployed::<Order>(&store).await;
    for instance in ["alone", &child] {
        fitting.raise(instance, "Go", "sent").await;
    }
    assert_eq!(fitting.output("alone").await, "tea sent");
    assert_eq!(fitting.output("parent").await, "tea sent");
    fitting.shutdown().await;
}

#[tokio::test]
async fn an_activity_waits_for_code_that_takes_its_input() {
    let store = Arc::new(MemoryProvider::new());
    let mistaken = deployed::<GiftOrder>(&store).await;
    mistaken.begin("i", "Send", TEA).await;
    gave_back(&mistaken, |it| it.given_back_unfit_input).await;
    mistaken.assert_running("i").await;
    let why = mistaken.reason("i").await;
    assert!(why.contains("activity Pack"), "{why}");
    mistaken.shutdown().await;

    let fitting = deployed::<Order>(&store).await;
    assert_eq!(fitting.output("i").await, "tea");
    fitting.shutdown().await;
}

/// The instance stands where it stood, with its event, until the code is there.
#[tokio::test]
async fn a_next_execution_waits_for_code_that_takes_its_input() {
    let store = Arc::new(MemoryProvider::new());
    let both = r#"{"item":"tea","wrapping":"paper"}"#;
    let mistaken = deployed::<GiftOrder>(&store).await;
    mistaken.begin("i", "Loop", both).await;
    mistaken.waits_for("i", "Go").await;
    mistaken.raise("i", "Go", "").await;
    gave_back(&mistaken, |it| it.given_back_unfit_input).await;
    mistaken.assert_running("i").await;
    mistaken.shutdown().await;

    let fitting = deployed::<Order>(&store).await;
    assert_eq!(fitting.output("i").await, "tea");
    fitting.shutdown().await;
}

/// An instance that has begun is not fitted by code that does not take its input.
#[tokio::test]
async fn an_instance_that_has_begun_waits_for_code_that_takes_its_input() {
    let store = Arc::new(MemoryProvider::new());
    let fitting = deployed::<Order>(&store).await;
    fitting.begin("i", "Order", TEA).await;
    fitting.waits_for("i", "Go").await;
    fitting.shutdown().await;

    let mistaken = deployed::<GiftOrder>(&store).await;
    mistaken.raise("i", "Go", "sent").await;
    gave_back(&mistaken, |it| it.given_back_nondeterminism).await;
    let why = mistaken.reason("i").await;
    assert!(why.contains("missing field `wrapping`"), "{why}");
    mistaken.shutdown().await;

    let fitting = deployed::<Order>(&store).await;
    assert_eq!(fitting.output("i").await, "tea sent");
    fitting.shutdown().await;
}

/// Code that calls other code copes with its error as it likes, and is not run again for it.
#[tokio::test]
async fn code_may_cope_with_what_other_code_does_not_take() {
    let runs = Arc::new(AtomicU32::new(0));
    let (inner_activities, inner) = (activities::<GiftOrder>(), orchestrations::<GiftOrder>());
    let count = Arc::clone(&runs);
    let activities = ActivityRegistry::builder()
        .register("Outer", move |ctx: ActivityContext, input: String| {
            count.fetch_add(1, Ordering::SeqCst);
            let (_, pack) = inner_activities.resolve_handler("Pack").unwrap();
            async move {
                Ok(pack
                    .invoke(ctx, input)
                    .await
                    .unwrap_or_else(|_| "coped".to_owned()))
            }
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", move |ctx: OrchestrationContext, input: String| {
            let (_, order) = inner.resolve_handler("Order").unwrap();
            async move {
                let error = order.invoke(ctx.clone(), input.clone()).await.unwrap_err();
                assert!(error.contains("wrapping"), "{error}");
                ctx.schedule_activity("Outer", input).into_activity().await
            }
        })
        .build();
    let store = Arc::new(MemoryProvider::new());
    let world = World::start(store, activities, orchestrations, patient()).await;
    world.begin("i", "Main", TEA).await;
    assert_eq!(world.output("i").await, "coped");
    assert_eq!(runs.load(Ordering::SeqCst), 1);
    world.shutdown().await;
}

/// Programs that would rather fail at once do, with the words of the decoder.
#[tokio::test]
async fn an_input_can_fail_at_once() {
    let store = Arc::new(MemoryProvider::new());
    let orchestrations = orchestrations::<GiftOrder>();
    let world = World::start(store, no_activities(), orchestrations, checked()).await;
    let message = world.run_failing("i", "Order", TEA).await.display_message();
    assert!(
        message.contains("missing field `wrapping`") && message.contains("serde(default)"),
        "{message}"
    );
    world.shutdown().await;
}

/// `Main` charges this amount, and waits.
fn charging(amount: &'static str) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Main",
            move |ctx: OrchestrationContext, _: String| async move {
                let charged = ctx.schedule_activity("Charge", amount).into_activity();
                let charged = charged.await?;
                let event = ctx.schedule_wait("Go").into_event().await;
                Ok(format!("{charged} {event}"))
            },
        )
        .build()
}

fn charge() -> ActivityRegistry {
    ActivityRegistry::builder()
        .register("Charge", |_: ActivityContext, amount: String| async move {
            Ok(amount)
        })
        .build()
}

/// What was done stays done. A test may ask to hear of it all the same.
#[tokio::test]
async fn inputs_are_compared_only_if_that_is_asked_for() {
    for shadow_replay_inputs in [false, true] {
        let store = Arc::new(MemoryProvider::new());
        let provider = Arc::<MemoryProvider>::clone(&store);
        let before = World::start(provider, charge(), charging("10 EUR"), checked()).await;
        before.begin("i", "Main", "").await;
        before.waits_for("i", "Go").await;
        before.shutdown().await;

        let options = RuntimeOptions {
            shadow_replay_inputs,
            ..checked()
        };
        let after = World::start(store, charge(), charging("20 EUR"), options).await;
        after.raise("i", "Go", "on").await;
        if shadow_replay_inputs {
            let message = after.failure("i").await.display_message();
            assert!(message.starts_with("nondeterministic"), "{message}");
            assert!(message.contains("Charge"), "{message}");
        } else {
            assert_eq!(after.output("i").await, "10 EUR on");
        }
        after.shutdown().await;
    }
}
