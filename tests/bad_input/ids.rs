//! Instance ids: what is none is refused at the door, and what is strange works.

use duroxide::providers::sqlite::SqliteProvider;
use duroxide::{ClientError, OrchestrationContext, OrchestrationRegistry, OrchestrationStatus};

use std::sync::Arc;

use crate::support::{World, checked, no_activities};

async fn worlds() -> Vec<World> {
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Wait",
            |ctx: OrchestrationContext, input: String| async move {
                let event = ctx.schedule_wait("Go").into_event().await;
                Ok(format!("{input} {event}"))
            },
        )
        .build();
    let sqlite = Arc::new(SqliteProvider::new_in_memory().await.unwrap());
    vec![
        World::on_memory(no_activities(), orchestrations.clone()).await,
        World::start(sqlite, no_activities(), orchestrations, checked()).await,
    ]
}

#[tokio::test]
async fn what_is_no_id_is_refused_by_every_call() {
    let million = "x".repeat(1_000_000);
    for world in worlds().await {
        let client = &world.client;
        for id in [
            "",
            &million,
            &"x".repeat(1_025),
            "new\nline",
            "nul\0",
            "esc\u{1b}[0m",
            "\u{85}",
        ] {
            let refusals = [
                client
                    .start_orchestration(id, "Wait", "")
                    .await
                    .unwrap_err(),
                client
                    .start_orchestration_versioned(id, "Wait", "1.0.0", "")
                    .await
                    .unwrap_err(),
                client.raise_event(id, "Go", "").await.unwrap_err(),
                client.cancel_instance(id, "").await.unwrap_err(),
                client.get_instance_info(id).await.unwrap_err(),
            ];
            for error in refusals {
                let ClientError::InvalidInput { message } = &error else {
                    panic!("{error:?} for {:?}", id.get(..20));
                };
                assert!(
                    message.contains("instance id") && message.len() < 1_000,
                    "{message}"
                );
            }
        }
        assert!(client.list_all_instances().await.unwrap().is_empty());
        world.shutdown().await;
    }
}

#[tokio::test]
async fn every_other_id_works() {
    let longest = "ж".repeat(512);
    let ids = [
        "it's \"quoted\" `twice`",
        "{braces} {} {0} %s $1 ?1 :a @b",
        "a/b\\c/../d:e::sub::2",
        " spaces ",
        "'; DROP TABLE instances; --",
        "ünïcödé 日本語 🦀 e\u{301} \u{202e}rtl",
        "*[abc]?_%",
        &longest,
    ];
    for world in worlds().await {
        for id in ids {
            world.begin(id, "Wait", id).await;
        }
        for id in ids {
            world.raise(id, "Go", "go").await;
            assert_eq!(world.output(id).await, format!("{id} go"));
            let status = world.client.get_orchestration_status(id).await.unwrap();
            assert!(matches!(status, OrchestrationStatus::Completed { .. }));
            assert_eq!(world.history(id).await.len(), 4);
        }
        let mut listed = world.client.list_all_instances().await.unwrap();
        let mut expected = ids.map(str::to_owned);
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
        world.shutdown().await;
    }
}
