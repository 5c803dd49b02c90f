//! Commits that the store refuses for what they say.

use std::sync::Arc;

use duroxide::providers::ErrorKind;
use duroxide::providers::memory::MemoryProvider;
use duroxide::{ErrorDetails, OrchestrationContext, OrchestrationRegistry};
use duroxide_provider_tests::{Effect, Fault, Faulty, Operation, When};

use crate::support::{World, checked, no_activities};

fn orchestrations() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Parent",
            |ctx: OrchestrationContext, _: String| async move {
                let child = ctx.schedule_sub_orchestration("Wait", "");
                let go = ctx.schedule_wait("Go");
                ctx.join(vec![child, go]).await;
                Ok("both".to_owned())
            },
        )
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build()
}

/// Tried again by itself, it is refused again: so it is this commit that is wrong, and no other. The
/// instance ends and says so, its child ends with it, and nobody else does.
#[tokio::test]
async fn a_commit_that_is_refused_ends_its_instance_and_children_only() {
    for kind in [ErrorKind::InvalidInput, ErrorKind::LimitExceeded] {
        let memory = Arc::new(MemoryProvider::new());
        let client = duroxide::Client::new(Arc::<MemoryProvider>::clone(&memory));
        let store = Arc::new(Faulty::new(memory));
        let provider = Arc::<Faulty<MemoryProvider>>::clone(&store);
        let world = World::start(provider, no_activities(), orchestrations(), checked()).await;
        world.begin("healthy", "Wait", "").await;
        world.begin("parent", "Parent", "").await;
        let child = world.child_of("parent").await;
        for instance in ["healthy", &child] {
            world.waits_for(instance, "Go").await;
        }
        // The event itself goes past the faults.
        let next = store.calls(Operation::Commit) + 1;
        store.set_faults([next, next + 1].map(|nth| Fault {
            operation: Operation::Commit,
            when: When::Nth(nth),
            effect: Effect::FailBefore(kind),
        }));
        client.raise_event("parent", "Go", "on").await.unwrap();

        let details = world.failure("parent").await;
        assert!(
            matches!(&details, ErrorDetails::Infrastructure { operation, retryable: false, .. }
                if operation == "commit"),
            "{details:?}"
        );
        assert_eq!(store.faults(), 2);
        let details = world.failure(&child).await;
        assert_eq!(details.display_message(), "canceled: parent failed");
        world.raise("healthy", "Go", "well").await;
        assert_eq!(world.output("healthy").await, "well");
        assert!(world.runtime.health().is_healthy(), "an answer is no fault");
        world.shutdown().await;
    }
}
