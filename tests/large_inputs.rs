//! Inputs of megabytes. They have a program of their own: to encode them in a debug build keeps a processor
//! busy for half a minute, which tests that go by real time beside them would feel.
#![allow(
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "tests: what cannot happen fails the test"
)]

mod support;

use std::sync::Arc;

use duroxide::providers::Provider;
use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::sqlite::SqliteProvider;
use duroxide::{OrchestrationContext, OrchestrationRegistry};

use crate::support::{World, checked, no_activities};

/// Hands its input on through so many executions, none of which waits for anything.
fn handing_on(executions: u64) -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "HandOn",
            move |ctx: OrchestrationContext, input: String| async move {
                if ctx.execution_id() < executions {
                    return ctx.continue_as_new(input).await;
                }
                Ok(input.len().to_string())
            },
        )
        .build()
}

/// What is large goes through quick executions, as many in a turn as its bytes allow: to encode it all at
/// once would take longer than a turn may.
#[tokio::test(flavor = "multi_thread")]
async fn large_inputs_are_handed_on() {
    let sqlite = SqliteProvider::new_in_memory().await.unwrap();
    let stores: [(usize, Arc<dyn Provider>); 2] = [
        (4_000_000, Arc::new(sqlite)),
        (15_000_000, Arc::new(MemoryProvider::new())),
    ];
    for (bytes, store) in stores {
        let world = World::start(store, no_activities(), handing_on(8), checked()).await;
        let output = world.run("i", "HandOn", &"x".repeat(bytes)).await;
        assert_eq!(output, bytes.to_string());
        world.shutdown().await;
    }
}
