//! Children that cannot be started.

use duroxide::{OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, no_activities};

async fn parent(ctx: OrchestrationContext, child: String) -> Text {
    ctx.schedule_sub_orchestration(child, "")
        .into_sub_orchestration()
        .await
}

async fn detaching(ctx: OrchestrationContext, instance: String) -> Text {
    ctx.schedule_orchestration("Wait", instance, "");
    Ok("started".to_owned())
}

async fn world() -> World {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Parent", parent)
        .register("Detaching", detaching)
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build();
    World::on_memory(no_activities(), orchestrations).await
}

#[tokio::test]
async fn a_child_whose_id_is_taken_is_a_failure_for_its_parent() {
    let world = world().await;
    world.begin("p::sub::2", "Wait", "").await;
    world.waits_for("p::sub::2", "Go").await;
    let message = world
        .run_failing("p", "Parent", "Wait")
        .await
        .display_message();
    assert!(message.contains("p::sub::2"), "{message}");

    // The one that was there first is not disturbed.
    world.raise("p::sub::2", "Go", "on").await;
    assert_eq!(world.output("p::sub::2").await, "on");
    world.shutdown().await;
}

#[tokio::test]
async fn a_child_whose_id_was_taken_and_has_ended_is_one_too() {
    let world = world().await;
    world.begin("p::sub::2", "Wait", "").await;
    world.raise("p::sub::2", "Go", "on").await;
    assert_eq!(world.output("p::sub::2").await, "on");
    let message = world
        .run_failing("p", "Parent", "Wait")
        .await
        .display_message();
    assert!(message.contains("p::sub::2"), "{message}");
    assert_eq!(world.output("p::sub::2").await, "on");
    world.shutdown().await;
}

#[tokio::test]
async fn a_child_whose_id_would_be_too_long_is_a_failure() {
    let world = world().await;
    let id = "p".repeat(1_020);
    let details = world.run_failing(&id, "Parent", "Wait").await;
    assert!(details.display_message().contains("id"), "{details:?}");
    assert!(details.display_message().len() < 3_000, "{details:?}");
    world.shutdown().await;
}

#[tokio::test]
async fn a_child_of_an_unknown_name_is_a_failure_for_its_parent() {
    let world = world().await;
    let details = world.run_failing("p", "Parent", "Nobody").await;
    assert_eq!(details.display_message(), "unregistered:Nobody");
    world.shutdown().await;
}

#[tokio::test]
async fn a_detached_start_of_an_id_that_is_none_fails_the_one_who_starts() {
    let world = world().await;
    for (number, id) in ["", "new\nline"].into_iter().enumerate() {
        let details = world
            .run_failing(&format!("d{number}"), "Detaching", id)
            .await;
        assert!(
            details.display_message().contains("instance id"),
            "{details:?}"
        );
    }
    world.shutdown().await;
}

#[tokio::test]
async fn a_detached_start_of_an_id_that_is_taken_changes_nothing() {
    let world = world().await;
    world.begin("taken", "Wait", "").await;
    assert_eq!(world.run("d", "Detaching", "taken").await, "started");
    world.raise("taken", "Go", "on").await;
    assert_eq!(world.output("taken").await, "on");
    world.shutdown().await;
}
