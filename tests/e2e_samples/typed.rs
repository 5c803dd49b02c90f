//! Inputs, outputs and events that are types rather than texts.

use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{
    ActivityContext, BackoffStrategy, OrchestrationContext, OrchestrationRegistry, RetryPolicy,
};
use serde::{Deserialize, Serialize};

use crate::support::{PATIENCE, World, no_activities};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Picture {
    name: String,
    width: u32,
    height: u32,
}

/// Teaches: typed activities and orchestrations; a value is JSON in the store.
#[tokio::test]
async fn sample_typed_activities_and_orchestrations() {
    let activities = ActivityRegistry::builder()
        .register_typed(
            "Shrink",
            |_: ActivityContext, picture: Picture| async move {
                let Picture {
                    name,
                    width,
                    height,
                } = picture;
                Ok::<_, String>(Picture {
                    name,
                    width: width / 2,
                    height: height / 2,
                })
            },
        )
        .register_typed("Area", |_: ActivityContext, picture: Picture| async move {
            Ok::<u64, String>(u64::from(picture.width) * u64::from(picture.height))
        })
        .build();
    async fn shrink(ctx: OrchestrationContext, picture: Picture) -> Result<u64, String> {
        let small = ctx
            .schedule_activity_typed::<Picture, Picture>("Shrink", &picture)
            .into_activity_typed::<Picture>()
            .await?;
        let once = RetryPolicy::new(1).with_backoff(BackoffStrategy::None);
        ctx.schedule_activity_with_retry_typed("Area", &small, once)
            .await
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Shrink", shrink)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    let picture = Picture {
        name: "cat".to_owned(),
        width: 200,
        height: 100,
    };
    world
        .client
        .start_orchestration_typed("cat", "Shrink", picture)
        .await
        .unwrap();
    let area = world
        .client
        .wait_for_orchestration_typed::<u64>("cat", PATIENCE)
        .await
        .unwrap();
    assert_eq!(area, Ok(5_000));
    world.shutdown().await;
}

/// Teaches: typed events.
#[tokio::test]
async fn sample_typed_events() {
    #[derive(Serialize, Deserialize)]
    enum Command {
        Add(i64),
        Stop,
    }
    async fn sum(ctx: OrchestrationContext, start: i64) -> Result<i64, String> {
        let mut sum = start;
        loop {
            let wait = ctx.schedule_wait_typed::<Command>("Command");
            match wait.into_event_typed::<Command>().await {
                Command::Add(amount) => sum += amount,
                Command::Stop => return Ok(sum),
            }
        }
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Sum", sum)
        .build();
    let world = World::on_sqlite(no_activities(), orchestrations).await;

    world
        .client
        .start_orchestration_typed("sum", "Sum", 40)
        .await
        .unwrap();
    for command in [Command::Add(1), Command::Add(1), Command::Stop] {
        world
            .raise("sum", "Command", &serde_json::to_string(&command).unwrap())
            .await;
    }
    let sum = world
        .client
        .wait_for_orchestration_typed::<i64>("sum", PATIENCE)
        .await
        .unwrap();
    assert_eq!(sum, Ok(42));
    world.shutdown().await;
}

/// Teaches: a string is a text for whoever reads it, also if it holds JSON. Typed and untyped code
/// can be mixed as one likes.
#[tokio::test]
async fn sample_typed_and_untyped_code_mixed() {
    let activities = ActivityRegistry::builder()
        // Untyped: sees the text and answers with it.
        .register("Seen", |_: ActivityContext, text: String| async move {
            Ok(text)
        })
        // Typed: sees the value that the text spells.
        .register_typed("Double", |_: ActivityContext, number: u64| async move {
            Ok::<u64, String>(number * 2)
        })
        .register_typed("Quote", |_: ActivityContext, text: String| async move {
            Ok::<String, String>(format!("<{text}>"))
        })
        .build();
    async fn mixed(ctx: OrchestrationContext, texts: Vec<String>) -> Result<Vec<String>, String> {
        let mut seen = Vec::new();
        for text in &texts {
            let typed = ctx.schedule_activity_typed::<String, String>("Seen", text);
            seen.push(typed.into_activity_typed::<String>().await?);
            let raw = ctx.schedule_activity("Quote", text.as_str());
            seen.push(raw.into_activity().await?);
        }
        let doubled = ctx.schedule_activity_typed::<String, String>("Double", &"21".to_owned());
        seen.push(doubled.into_activity().await?);
        Ok(seen)
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register_typed("Mixed", mixed)
        .build();
    let world = World::on_sqlite(activities, orchestrations).await;

    let texts = [r#"{"a":1}"#, "42", "true", "null", "plain"];
    world
        .client
        .start_orchestration_typed("mixed", "Mixed", texts)
        .await
        .unwrap();
    let seen = world
        .client
        .wait_for_orchestration_typed::<Vec<String>>("mixed", PATIENCE)
        .await
        .unwrap()
        .unwrap();

    let mut expected: Vec<String> = Vec::new();
    for text in texts {
        expected.extend([text.to_owned(), format!("<{text}>")]);
    }
    expected.push("42".to_owned());
    assert_eq!(seen, expected);
    world.shutdown().await;
}
