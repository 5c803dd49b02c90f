//! Old and new code side by side.

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::runtime::VersionPolicy;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, checked, no_activities};

async fn billing_one(_ctx: OrchestrationContext, input: String) -> Text {
    std::future::ready(Ok(format!("one: {input}"))).await
}

async fn billing_two(_ctx: OrchestrationContext, input: String) -> Text {
    std::future::ready(Ok(format!("two: {input}"))).await
}

/// Teaches: several versions under one name; new instances get the latest unless they ask.
#[tokio::test]
async fn sample_versioned_registry() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Billing", billing_one)
        .register_versioned("Billing", "2.1.0", billing_two)
        .build();
    let versions: Vec<String> = orchestrations
        .list_versions("Billing")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(versions, ["1.0.0", "2.1.0"]);
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    assert_eq!(world.run("latest", "Billing", "x").await, "two: x");
    let client = &world.client;
    client
        .start_orchestration_versioned("old", "Billing", "1.0.0", "x")
        .await
        .unwrap();
    assert_eq!(world.output("old").await, "one: x");
    world.shutdown().await;
}

/// Teaches: a policy holds new instances at a version until the new one is trusted.
#[tokio::test]
async fn sample_version_policy() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Billing", billing_one)
        .register_versioned("Billing", "2.0.0", billing_two)
        .set_policy("Billing", VersionPolicy::Exact("1.0.0".parse().unwrap()))
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations.clone()).await;

    assert_eq!(world.run("held", "Billing", "x").await, "one: x");
    orchestrations.set_version_policy("Billing", VersionPolicy::Latest);
    assert_eq!(world.run("released", "Billing", "x").await, "two: x");
    world.shutdown().await;
}

/// Teaches: an instance stays with the version it was started in, even if a newer one is deployed
/// while it runs.
#[tokio::test]
async fn sample_running_instances_keep_their_version() {
    async fn patient(ctx: OrchestrationContext, _input: String) -> Text {
        let event = ctx.schedule_wait("Go").into_event().await;
        Ok(format!("{} {event}", ctx.orchestration_version()))
    }
    let store: Arc<dyn Provider> = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    let old = OrchestrationRegistry::builder()
        .register("Patient", patient)
        .build();
    let new = OrchestrationRegistry::builder_from(&old)
        .register_versioned("Patient", "2.0.0", patient)
        .build();

    let world = World::start(Arc::clone(&store), no_activities(), old, checked()).await;
    world.begin("before", "Patient", "").await;
    world.waits_for("before", "Go").await;
    world.shutdown().await;

    let world = World::start(store, no_activities(), new, checked()).await;
    world.begin("after", "Patient", "").await;
    world.raise("before", "Go", "go").await;
    world.raise("after", "Go", "go").await;
    assert_eq!(world.output("before").await, "1.0.0 go");
    assert_eq!(world.output("after").await, "2.0.0 go");
    world.shutdown().await;
}

/// Teaches: libraries bring their registries, and a program puts them together.
#[tokio::test]
async fn sample_registry_composition() {
    // What a library offers.
    fn mail_activities() -> ActivityRegistry {
        ActivityRegistry::builder()
            .register("mail::Send", |_: ActivityContext, to: String| async move {
                Ok(format!("mailed {to}"))
            })
            .build()
    }
    fn mail_orchestrations() -> OrchestrationRegistry {
        OrchestrationRegistry::builder()
            .register(
                "mail::Welcome",
                |ctx: OrchestrationContext, to: String| async move {
                    ctx.schedule_activity("mail::Send", to)
                        .into_activity()
                        .await
                },
            )
            .build()
    }
    // What the program adds.
    let activities = ActivityRegistry::builder_from(&mail_activities())
        .register("Create", |_: ActivityContext, name: String| async move {
            Ok(format!("{name}@example.com"))
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .merge(mail_orchestrations())
        .register(
            "SignUp",
            |ctx: OrchestrationContext, name: String| async move {
                let address = ctx
                    .schedule_activity("Create", name)
                    .into_activity()
                    .await?;
                ctx.schedule_sub_orchestration("mail::Welcome", address)
                    .into_sub_orchestration()
                    .await
            },
        )
        .build();
    assert!(activities.has("mail::Send") && orchestrations.has("mail::Welcome"));
    let world = World::on_sqlite(activities, orchestrations).await;

    assert_eq!(
        world.run("ann", "SignUp", "ann").await,
        "mailed ann@example.com"
    );
    world.shutdown().await;
}
