//! Names and versions that nobody registered, inputs that cannot be decoded, messages to nobody.

use duroxide::client::{StartOptions, StartOutcome};
use duroxide::limits::{NAME_BYTES_MAX, VERSION_BYTES_MAX};
use duroxide::providers::ErrorKind;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, AppErrorKind, ClientError, ConfigErrorKind, ErrorDetails, EventKind,
    OrchestrationContext, OrchestrationRegistry,
};

use crate::support::{PATIENCE, Text, World, no_activities};

fn kind_of(error: &ClientError) -> Option<ErrorKind> {
    match error {
        ClientError::Provider(error) => Some(error.kind()),
        _ => None,
    }
}

async fn echo(_ctx: OrchestrationContext, input: String) -> Text {
    std::future::ready(Ok(input)).await
}

async fn echo_world() -> World {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Echo", echo)
        .build();
    World::on_memory(no_activities(), orchestrations).await
}

#[tokio::test]
async fn an_unknown_orchestration_fails_and_names_it() {
    let world = echo_world().await;
    let details = world.run_failing("i", "Ecko", "").await;
    let ErrorDetails::Configuration { kind, resource, .. } = &details else {
        panic!("{details:?}");
    };
    assert_eq!(
        (kind, &**resource),
        (&ConfigErrorKind::UnregisteredOrchestration, "Ecko")
    );
    assert_eq!(world.run("healthy", "Echo", "fine").await, "fine");
    world.shutdown().await;
}

#[tokio::test]
async fn an_unknown_activity_is_an_error_that_names_it() {
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            match ctx.schedule_activity("Wrok", "").into_activity().await {
                Ok(output) => Ok(output),
                Err(error) => Ok(format!("made good: {error}")),
            }
        })
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    assert_eq!(
        world.run("i", "Main", "").await,
        "made good: unregistered:Wrok"
    );
    let failure = world
        .history("i")
        .await
        .into_iter()
        .find_map(|event| match event.kind {
            EventKind::ActivityFailed { details } => Some(details),
            _ => None,
        });
    let Some(ErrorDetails::Configuration { kind, resource, .. }) = &failure else {
        panic!("{failure:?}");
    };
    assert_eq!(
        (kind, &**resource),
        (&ConfigErrorKind::UnregisteredActivity, "Wrok")
    );
    world.shutdown().await;
}

#[tokio::test]
async fn a_version_that_is_not_registered_fails_and_names_it() {
    let world = echo_world().await;
    let start = world
        .client
        .start_orchestration_versioned("i", "Echo", "9.9.9", "");
    start.await.unwrap();
    let details = world.failure("i").await;
    let ErrorDetails::Configuration { kind, resource, .. } = &details else {
        panic!("{details:?}");
    };
    let requested_version = "9.9.9".to_owned();
    assert_eq!(kind, &ConfigErrorKind::MissingVersion { requested_version });
    assert_eq!(&**resource, "Echo");
    world.shutdown().await;
}

#[tokio::test]
async fn a_version_that_is_none_is_refused_or_fails() {
    let world = echo_world().await;
    match world
        .client
        .start_orchestration_versioned("i", "Echo", "latest, please", "")
        .await
    {
        Ok(()) => assert_eq!(world.failure("i").await.category(), "configuration"),
        Err(error) => assert!(
            matches!(error, ClientError::InvalidInput { .. }),
            "{error:?}"
        ),
    }
    world.shutdown().await;
}

#[tokio::test]
async fn inputs_that_cannot_be_decoded_fail_what_they_were_for() {
    let activities = ActivityRegistry::builder()
        .register_typed("Number", |_: ActivityContext, number: u32| async move {
            Ok::<u32, String>(number)
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed(
            "Number",
            |_: OrchestrationContext, number: u32| async move { Ok::<u32, String>(number) },
        )
        .register(
            "Activity",
            |ctx: OrchestrationContext, input: String| async move {
                ctx.schedule_activity("Number", input).into_activity().await
            },
        )
        .register(
            "Result",
            |ctx: OrchestrationContext, input: String| async move {
                let result = ctx
                    .schedule_activity("Number", input)
                    .into_activity_typed::<Vec<u8>>();
                result.await.map(|bytes| bytes.len().to_string())
            },
        )
        .register("Event", |ctx: OrchestrationContext, _: String| async move {
            let number: u32 = ctx.schedule_wait("Number").into_event_typed().await;
            Ok(number.to_string())
        })
        .build();
    let world = World::on_memory(activities, orchestrations).await;

    for orchestration in ["Number", "Activity"] {
        let details = world
            .run_failing(orchestration, orchestration, "{many")
            .await;
        assert!(
            matches!(
                details,
                ErrorDetails::Application {
                    kind: AppErrorKind::OrchestrationFailed,
                    ..
                }
            ),
            "{details:?}"
        );
        assert!(details.display_message().contains("Number"), "{details:?}");
    }
    world.run_failing("result", "Result", "7").await;
    world.begin("event", "Event", "").await;
    world.raise("event", "Number", "{many").await;
    assert!(
        world
            .failure("event")
            .await
            .display_message()
            .contains("decoded")
    );
    assert_eq!(world.run("healthy", "Activity", "7").await, "7");
    world.shutdown().await;
}

#[tokio::test]
async fn an_output_that_is_another_type_is_an_error_for_the_one_who_asks() {
    let world = echo_world().await;
    assert_eq!(world.run("i", "Echo", "no number").await, "no number");
    let answer = world
        .client
        .wait_for_orchestration_typed::<u32>("i", PATIENCE)
        .await;
    assert!(
        matches!(answer, Ok(Err(_)) | Err(ClientError::InvalidInput { .. })),
        "{answer:?}"
    );
    world.shutdown().await;
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Wait",
            |ctx: OrchestrationContext, input: String| async move {
                let event = ctx.schedule_wait("Go").into_event().await;
                Ok(format!("{input} {event}"))
            },
        )
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    world.begin("i", "Wait", "first").await;
    world.waits_for("i", "Go").await;
    world.begin("i", "Wait", "second").await;
    let options = StartOptions::default();
    let again = world
        .client
        .start_orchestration_with("i", "Wait", "third", options)
        .await;
    assert_eq!(again.unwrap(), StartOutcome::AlreadyExists);
    world.raise("i", "Go", "go").await;
    assert_eq!(world.output("i").await, "first go");

    world.begin("i", "Wait", "after the end").await;
    assert_eq!(world.output("i").await, "first go");
    assert_eq!(world.client.list_executions("i").await.unwrap(), [1]);
    world.shutdown().await;
}

#[tokio::test]
async fn messages_to_nobody_are_refused() {
    let world = echo_world().await;
    let event = world
        .client
        .raise_event("nobody", "Hello", "")
        .await
        .unwrap_err();
    assert_eq!(kind_of(&event), Some(ErrorKind::NotFound), "{event:?}");
    let cancel = world
        .client
        .cancel_instance("nobody", "bye")
        .await
        .unwrap_err();
    assert_eq!(kind_of(&cancel), Some(ErrorKind::NotFound), "{cancel:?}");
    let by_runtime = world
        .runtime
        .raise_event("nobody", "Hello", "")
        .await
        .unwrap_err();
    assert!(by_runtime.to_string().contains("nobody"), "{by_runtime}");

    // Nothing waits for an instance of that name.
    assert_eq!(world.run("nobody", "Echo", "born").await, "born");
    world.shutdown().await;
}

#[tokio::test]
async fn messages_to_an_ended_instance_harm_nobody() {
    let world = echo_world().await;
    assert_eq!(world.run("i", "Echo", "done").await, "done");
    for _ in 0..3 {
        // Whether these are refused or dropped is up to the store's race; they must not hang.
        drop(world.client.raise_event("i", "Late", "").await);
        drop(world.client.cancel_instance("i", "late").await);
    }
    assert_eq!(world.output("i").await, "done");
    crate::support::until("the late messages to be gone", async || {
        let depths = world.client.get_queue_depths().await.unwrap();
        (depths.orchestrator_queue == 0).then_some(())
    })
    .await;
    assert_eq!(world.history("i").await.len(), 2);
    world.shutdown().await;
}

/// Whatever takes a name or a version refuses one that is too long, and names what it refuses by
/// its length.
#[tokio::test]
async fn names_and_versions_that_are_too_long_fail_what_uses_them() {
    let long = "x".repeat(NAME_BYTES_MAX + 1);
    let version = format!("1.0.0-{}", "x".repeat(VERSION_BYTES_MAX));
    let (name, long_version) = (long.clone(), version.clone());
    let orchestrations = OrchestrationRegistry::builder()
        .register("Main", move |ctx: OrchestrationContext, door: String| {
            let (name, version) = (name.clone(), long_version.clone());
            async move {
                match &*door {
                    "activity" => ctx.schedule_activity(name, "").into_activity().await,
                    "event" => Ok(ctx.schedule_wait(name).into_event().await),
                    "nameless" => Ok(ctx.schedule_wait("").into_event().await),
                    "child" => {
                        let child = ctx.schedule_sub_orchestration(name, "");
                        child.into_sub_orchestration().await
                    }
                    "detached" => {
                        ctx.schedule_orchestration(name, "other", "");
                        Ok(ctx.schedule_wait("never").into_event().await)
                    }
                    _ => {
                        ctx.schedule_orchestration_versioned("Main", Some(version), "other", "");
                        Ok(ctx.schedule_wait("never").into_event().await)
                    }
                }
            }
        })
        .build();
    let world = World::on_memory(no_activities(), orchestrations).await;
    for door in ["activity", "event", "child", "detached", "version"] {
        let message = world
            .run_failing(door, "Main", door)
            .await
            .display_message();
        assert!(message.contains("has at most"), "{door}: {message}");
        assert!(message.len() < 1_000, "{door}");
    }
    let nameless = world.run_failing("nameless", "Main", "nameless").await;
    let message = nameless.display_message();
    assert!(message.contains("at least one byte"), "{message}");
    let client = &world.client;
    for refused in [
        client.start_orchestration("i", long.clone(), "").await,
        client.raise_event("event", long.clone(), "").await,
        client
            .start_orchestration_versioned("i", "Main", version, "")
            .await,
    ] {
        let error = refused.unwrap_err();
        assert!(
            matches!(error, ClientError::InvalidInput { .. }),
            "{error:?}"
        );
    }
    let registry = OrchestrationRegistry::builder().register(&*long, echo);
    let error = registry.build_result().unwrap_err();
    assert!(error.contains("at most 1024 bytes"), "{error}");
    world.shutdown().await;
}
