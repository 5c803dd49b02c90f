//! What manages an instance reaches it, whatever else lies there and whatever its code does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use duroxide::providers::memory::MemoryProvider;
use duroxide::providers::{
    Channel, ClaimTurns, Commit, Envelope, Lease, Message, MessageId, Provider, Recipient, Release,
    ReleasedAttempts, TaskQueue,
};
use duroxide::runtime::RuntimeOptions;
use duroxide::runtime::registry::ActivityRegistry;
use duroxide::{ActivityContext, Client, OrchestrationContext, OrchestrationRegistry};

use crate::counted::Counted;
use crate::support::{World, checked, giving_back, no_activities, pause, until};

/// Starts "Later" as `single`, so many times with inputs of so many bytes, which nobody waits for.
async fn start_often(ctx: OrchestrationContext, input: String) -> Result<String, String> {
    let (times, bytes) = input.split_once(' ').expect("two numbers");
    let (times, bytes): (usize, usize) = (times.parse().unwrap(), bytes.parse().unwrap());
    for _ in 0..times {
        ctx.schedule_orchestration("Later", "single", "x".repeat(bytes));
    }
    Ok("done".to_owned())
}

fn without_later() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Starter", start_often)
        .build()
}

fn with_later() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register(
            "Later",
            |_: OrchestrationContext, input: String| async move { Ok(input) },
        )
        .build()
}

/// A world without the code of `single`, which is started.
async fn without_code_of_single(store: &Arc<dyn Provider>) -> World {
    let world = World::start(
        Arc::clone(store),
        no_activities(),
        without_later(),
        giving_back(Duration::from_secs(1)),
    )
    .await;
    world.begin("single", "Later", "its own").await;
    world
}

/// Starts of an id that exists are answered without its code: neither their number nor their size
/// keeps a cancellation from an instance whose code is not deployed.
#[tokio::test(flavor = "multi_thread")]
async fn starts_keep_no_cancellation_out() {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let world = without_code_of_single(&store).await;
    for (starter, starts) in [
        ("many", "300 1"),
        ("large", "2 3000000"),
        ("as-large", "2 3000000"),
    ] {
        assert_eq!(world.run(starter, "Starter", starts).await, "done");
    }
    until("a cancellation that is stored", async || {
        world.client.cancel_instance("single", "stop").await.ok()
    })
    .await;
    let end = world.failure("single").await.display_message();
    assert!(end.contains("stop"), "{end}");
    world.shutdown().await;
}

/// Nor do they hide what the instance begins with.
#[tokio::test(flavor = "multi_thread")]
async fn starts_do_not_hide_the_instances_own() {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let world = without_code_of_single(&store).await;
    for starter in ["large", "as-large"] {
        assert_eq!(world.run(starter, "Starter", "2 3000000").await, "done");
    }
    world.shutdown().await;
    let world = World::start(store, no_activities(), with_later(), checked()).await;
    assert_eq!(world.output("single").await, "its own");
    world.shutdown().await;
}

/// A start of the id of an instance whose code hangs is taken in while it does, and ends no pause that
/// the instance is given.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_does_not_wait_for_code_that_hangs() {
    let is_open = Arc::new(AtomicBool::new(false));
    let trap = Arc::clone(&is_open);
    let orchestrations = OrchestrationRegistry::builder()
        .register("Starter", start_often)
        .register("Later", move |_: OrchestrationContext, _: String| {
            let trap = Arc::clone(&trap);
            async move {
                while !trap.load(Ordering::SeqCst) {
                    std::thread::park_timeout(Duration::from_millis(1));
                }
                Ok("survived".to_owned())
            }
        })
        .build();
    let options = RuntimeOptions {
        turn_deadline: Duration::from_secs(1),
        ..checked()
    };
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let world = World::start(store, no_activities(), orchestrations, options).await;
    world.begin("single", "Later", "").await;
    assert_eq!(world.run("starter", "Starter", "1 1").await, "done");
    let taken_in = async || {
        let depths = world.client.get_queue_depths().await.unwrap();
        // What is left is what the instance itself began with.
        (depths.orchestrator_queue == 1).then_some(())
    };
    until("the start to be taken in", taken_in).await;
    is_open.store(true, Ordering::SeqCst);
    assert_eq!(world.output("single").await, "survived");
    world.shutdown().await;
}

/// What may have killed its process waits until nothing else runs; a cancellation of it does not, since it
/// asks no code.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_does_not_wait_until_the_node_is_empty() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider: Arc<dyn Provider> = Arc::<Counted<MemoryProvider>>::clone(&store);
    let client = Client::new(Arc::clone(&provider));
    client
        .start_orchestration("deadly", "Wait", "")
        .await
        .unwrap();
    // Two processes died with it, and a third one is about to.
    for lease in [1, 1, 2_000] {
        let request = ClaimTurns {
            messages_max: 10,
            bytes_max: 1_000,
            ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_millis(lease))
        };
        let claimed = provider.claim_turns(&request).await.unwrap();
        assert_eq!(claimed.items.len(), 1);
        pause(lease.min(10)).await;
    }
    let activities = ActivityRegistry::builder()
        .register("Long", |_: ActivityContext, _: String| {
            std::future::pending::<Result<String, String>>()
        })
        .build();
    let orchestrations = OrchestrationRegistry::builder()
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("E").into_event().await)
        })
        .register("Main", |ctx: OrchestrationContext, _: String| async move {
            ctx.schedule_activity("Long", "").into_activity().await
        })
        .build();
    let world = World::start(provider, activities, orchestrations, checked()).await;
    world.begin("main", "Main", "").await;
    client
        .cancel_instance("deadly", "it kills its process")
        .await
        .unwrap();
    let end = world.failure("deadly").await.display_message();
    assert!(end.contains("it kills its process"), "{end}");
    let claims = store.load().turns_ever;
    assert!(claims < 20, "{claims}");
    world.shutdown().await;
}

/// Of a suspension and a resumption that one claim brings, the later one holds.
#[tokio::test(flavor = "multi_thread")]
async fn the_latest_wish_holds() {
    let store: Arc<dyn Provider> = Arc::new(MemoryProvider::new());
    let client = Client::new(Arc::clone(&store));
    client
        .start_orchestration("single", "Later", "on")
        .await
        .unwrap();
    client.suspend_instance("single").await.unwrap();
    client.resume_instance("single").await.unwrap();
    client
        .start_orchestration("other", "Later", "")
        .await
        .unwrap();
    client.resume_instance("other").await.unwrap();
    client.suspend_instance("other").await.unwrap();
    let world = World::start(store, no_activities(), with_later(), checked()).await;
    assert_eq!(world.output("single").await, "on");
    until("a suspension", async || {
        let info = client.get_instance_info("other").await.unwrap();
        info.suspended.then_some(())
    })
    .await;
    world.shutdown().await;
}

/// A node that finds control of a later version gives the instance back, and does not claim it in circles,
/// though control ends the pause that it is given.
#[tokio::test(flavor = "multi_thread")]
async fn control_of_a_later_version_is_not_claimed_in_circles() {
    let store = Arc::new(Counted::new(MemoryProvider::new()));
    let provider: Arc<dyn Provider> = Arc::<Counted<MemoryProvider>>::clone(&store);
    let client = Client::new(Arc::clone(&provider));
    client
        .start_orchestration("single", "Later", "on")
        .await
        .unwrap();
    let request = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_secs(60))
    };
    let turn = provider
        .claim_turns(&request)
        .await
        .unwrap()
        .items
        .remove(0);
    let mut later = turn.messages[0].message.body.to_vec();
    later[1] += 1;
    let token = turn.lease.token;
    let release = Release::new(
        Lease::Turn(turn.lease),
        Duration::ZERO,
        ReleasedAttempts::TakeBack,
    );
    provider.release(vec![release]).await.remove(0).unwrap();
    let sent = Commit::Send(Envelope {
        recipient: Recipient::Instance {
            instance: turn.head.instance,
            incarnation: None,
        },
        delay: Duration::ZERO,
        message: Message {
            // Any id will do that nobody else has.
            id: MessageId(token.0),
            channel: Channel::Control,
            execution: None,
            body: later.into(),
        },
    });
    provider.commit(vec![sent]).await.remove(0).unwrap();
    let claims_before = store.load().turns_ever;
    let options = giving_back(Duration::from_secs(60));
    let world = World::start(provider, no_activities(), with_later(), options).await;
    pause(2_000).await;
    let claims = store.load().turns_ever - claims_before;
    assert!((1..10).contains(&claims), "{claims}");
    world.assert_running("single").await;
    world.shutdown().await;
}
