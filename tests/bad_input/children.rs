//! Children that cannot be started.

use duroxide::providers::DeleteMode;
use duroxide::{OrchestrationContext, OrchestrationRegistry};

use crate::support::{Text, World, no_activities};

async fn parent(ctx: OrchestrationContext, child: String) -> Text {
    ctx.schedule_sub_orchestration(child, "")
        .into_sub_orchestration()
        .await
}

/// Starts two children, and waits for an event in between.
async fn patient(ctx: OrchestrationContext, _input: String) -> Text {
    let first = ctx.schedule_sub_orchestration("Wait", "");
    let event = ctx.schedule_wait("On");
    ctx.join(vec![first, event]).await;
    ctx.schedule_sub_orchestration("Wait", "")
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
        .register("Patient", patient)
        .register("Detaching", detaching)
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build();
    World::on_memory(no_activities(), orchestrations).await
}

/// Lets an instance of `Patient` wait before it starts its second child, and answers that one's id:
/// it names the event that schedules the child, and the life of its parent.
async fn next_child(world: &World, parent: &str) -> String {
    world.begin(parent, "Patient", "").await;
    world.waits_for(parent, "On").await;
    let first = world.child_of(parent).await;
    world.raise(&first, "Go", "").await;
    let second = first.replace("::sub::2-", "::sub::6-");
    assert_ne!(first, second);
    second
}

#[tokio::test]
async fn a_child_whose_id_is_taken_is_a_failure_for_its_parent() {
    let world = world().await;
    let child = next_child(&world, "p").await;
    world.begin(&child, "Wait", "").await;
    world.waits_for(&child, "Go").await;
    world.raise("p", "On", "").await;
    let message = world.failure("p").await.display_message();
    assert!(message.contains(&child), "{message}");

    // The one that was there first is not disturbed.
    world.raise(&child, "Go", "on").await;
    assert_eq!(world.output(&child).await, "on");
    world.shutdown().await;
}

#[tokio::test]
async fn a_child_whose_id_was_taken_and_has_ended_is_one_too() {
    let world = world().await;
    let child = next_child(&world, "p").await;
    world.begin(&child, "Wait", "").await;
    world.raise(&child, "Go", "on").await;
    assert_eq!(world.output(&child).await, "on");
    world.raise("p", "On", "").await;
    let message = world.failure("p").await.display_message();
    assert!(message.contains(&child), "{message}");
    assert_eq!(world.output(&child).await, "on");
    world.shutdown().await;
}

/// The children of its first life may still be there, and are in nobody's way.
#[tokio::test]
async fn an_id_that_was_deleted_can_be_used_again_children_and_all() {
    let world = world().await;
    for life in ["first", "second"] {
        world.begin("p", "Parent", "Wait").await;
        let child = world.child_of("p").await;
        world.raise(&child, "Go", life).await;
        assert_eq!(world.output("p").await, life);
        let deleted = world
            .client
            .delete_instance("p", DeleteMode::TerminalOnly)
            .await;
        deleted.unwrap();
    }
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
