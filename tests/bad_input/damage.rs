//! Stored bytes that cannot be understood: the instance they belong to ends and says so; nothing
//! else is disturbed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use duroxide::clock::{Clock, SystemClock};
use duroxide::entropy::Entropy;
use duroxide::providers::memory::{MemoryOptions, MemoryProvider};
use duroxide::providers::{
    Channel, ClaimTurns, Commit, Envelope, ExecutionStatus, ExecutionUpdate, Fence, HeadUpdate,
    HistoryChunk, InstanceId, Limits, Message, NewInstance, Provider, Recipient, TaskQueue,
    TurnCommit,
};
use duroxide::runtime::RuntimeOptions;
use duroxide::{ErrorDetails, OrchestrationContext, OrchestrationRegistry, ProviderRef};

use crate::support::{World, checked, giving_back, no_activities, until};

fn waiting() -> OrchestrationRegistry {
    OrchestrationRegistry::builder()
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build()
}

/// Puts these bytes into an instance's inbox, as another program could.
async fn deliver(store: &dyn Provider, instance: &str, body: Bytes) {
    let recipient = Recipient::Instance {
        instance: InstanceId::new(instance).unwrap(),
        incarnation: None,
    };
    send(store, recipient, body).await;
}

async fn send(store: &dyn Provider, recipient: Recipient, body: Bytes) {
    send_on(store, recipient, Channel::System, body).await;
}

async fn send_on(store: &dyn Provider, recipient: Recipient, channel: Channel, body: Bytes) {
    let envelope = Envelope {
        recipient,
        delay: Duration::ZERO,
        message: Message {
            id: Entropy.message_id(),
            channel,
            execution: None,
            body,
        },
    };
    let answers = store.commit(vec![Commit::Send(envelope)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// A healthy instance beside the damaged one goes on.
async fn assert_others_are_well(world: &World) {
    world.raise("healthy", "Go", "well").await;
    assert_eq!(world.output("healthy").await, "well");
}

#[tokio::test]
async fn a_message_that_is_none_ends_its_instance_only() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), checked()).await;
    for instance in ["damaged", "healthy"] {
        world.begin(instance, "Wait", "").await;
        world.waits_for(instance, "Go").await;
    }
    let body = Bytes::from_static(b"no message of ours");
    deliver(&*store, "damaged", body).await;
    let details = world.failure("damaged").await;
    assert!(
        matches!(&details, ErrorDetails::Infrastructure { operation, retryable: false, .. }
            if operation == "decode_message"),
        "{details:?}"
    );
    assert_others_are_well(&world).await;
    world.shutdown().await;
}

/// The frame around what duroxide stores, of this version.
fn framed(version: u8, json: &str) -> Bytes {
    let mut bytes = vec![b'D', version];
    bytes.extend(crc32fast::hash(json.as_bytes()).to_le_bytes());
    bytes.extend(json.as_bytes());
    bytes.into()
}

/// What a later duroxide writes: another format, or a kind that this one does not know.
fn of_a_later_version() -> [Bytes; 2] {
    [
        framed(2, "{}"),
        framed(1, r#"{"type":"Suspend","reason":"a made-up version 2"}"#),
    ]
}

/// A node that looks again soon and counts what it gives back.
fn patient() -> RuntimeOptions {
    RuntimeOptions {
        max_attempts: 2,
        ..giving_back(Duration::from_millis(1))
    }
}

/// A node that is not updated yet ends nothing and drops nothing, however often it looks; a person
/// can still end the instance.
#[tokio::test]
async fn a_message_of_a_later_version_waits_for_a_later_node() {
    for body in of_a_later_version() {
        let store: ProviderRef = Arc::new(MemoryProvider::new());
        let world = World::start(Arc::clone(&store), no_activities(), waiting(), patient()).await;
        for instance in ["later", "healthy"] {
            world.begin(instance, "Wait", "").await;
            world.waits_for(instance, "Go").await;
        }
        deliver(&*store, "later", body).await;
        until("the instance is given back", async || {
            let metrics = world.runtime.metrics_snapshot().unwrap();
            (metrics.given_back_newer_format >= 10).then_some(())
        })
        .await;
        assert_others_are_well(&world).await;
        world.assert_running("later").await;

        world
            .client
            .cancel_instance("later", "enough")
            .await
            .unwrap();

        let details = world.failure("later").await;
        assert_eq!(details.display_message(), "canceled: enough");
        world.shutdown().await;
    }
}

/// What a later version keeps in the head is written back as it was, byte for byte.
#[tokio::test]
async fn what_a_later_version_keeps_in_the_head_stays() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let kept = framed(1, r#"{"labels":{"tenant":"a"},"zone":7}"#);
    start_with(&*store, kept.clone()).await;
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), checked()).await;
    world.waits_for("odd", "Go").await;
    world.raise("odd", "Go", "on").await;
    assert_eq!(world.output("odd").await, "on");
    let head = store.read_head(&InstanceId::new("odd").unwrap()).await;
    assert_eq!(head.unwrap().unwrap().core_state, kept);
    world.shutdown().await;
}

/// Starts an instance with this in its head, as another program could.
async fn start_with(store: &dyn Provider, core_state: Bytes) {
    let recipient = Recipient::NewInstance(NewInstance {
        core_state,
        ..NewInstance::new(InstanceId::new("odd").unwrap(), "Wait")
    });
    let start = r#"{"type":"Start","orchestration":"Wait","input":""}"#;
    send(store, recipient, framed(1, start)).await;
}

/// An instance whose head this node cannot read, after it was given back for long.
async fn unreadable(core_state: Bytes) -> World {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), patient()).await;
    start_with(&*store, core_state).await;
    world.begin("healthy", "Wait", "").await;
    until("the instance is given back", async || {
        let metrics = world.runtime.metrics_snapshot().unwrap();
        (metrics.given_back_newer_format + metrics.given_back_store >= 10).then_some(())
    })
    .await;
    assert_others_are_well(&world).await;
    world.assert_running("odd").await;
    world
}

/// Nobody knows who waits for an instance whose head is damaged, so it ends only if a person says so.
#[tokio::test]
async fn a_damaged_head_ends_nothing() {
    let world = unreadable(Bytes::from_static(b"no head of ours")).await;
    world.client.cancel_instance("odd", "enough").await.unwrap();
    let details = world.failure("odd").await;
    assert_eq!(details.display_message(), "canceled: enough");
    world.shutdown().await;
}

/// A later node can read the head: to it alone a cancellation is left, since this one would lose who
/// waits for the instance.
#[tokio::test]
async fn a_head_of_a_later_version_waits_for_a_later_node() {
    let world = unreadable(framed(2, "{}")).await;
    world.client.cancel_instance("odd", "enough").await.unwrap();
    let before = world.runtime.metrics_snapshot().unwrap();
    until("the cancellation is seen", async || {
        let now = world.runtime.metrics_snapshot().unwrap();
        (now.given_back_newer_format >= before.given_back_newer_format + 5).then_some(())
    })
    .await;
    world.assert_running("odd").await;
    world.shutdown().await;
}

/// What ends a parent without asking its code takes its children along.
#[tokio::test]
async fn the_children_of_a_damaged_instance_end_with_it() {
    let orchestrations = OrchestrationRegistry::builder()
        .register(
            "Parent",
            |ctx: OrchestrationContext, _: String| async move {
                let child = ctx.schedule_sub_orchestration("Wait", "");
                child.into_sub_orchestration().await
            },
        )
        .register("Wait", |ctx: OrchestrationContext, _: String| async move {
            Ok(ctx.schedule_wait("Go").into_event().await)
        })
        .build();
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = World::start(
        Arc::clone(&store),
        no_activities(),
        orchestrations,
        checked(),
    )
    .await;
    world.begin("parent", "Parent", "").await;
    let child = world.child_of("parent").await;
    world.waits_for(&child, "Go").await;

    let body = Bytes::from_static(b"no message of ours");
    deliver(&*store, "parent", body).await;

    world.failure("parent").await;
    let message = world.failure(&child).await.display_message();
    assert!(message.starts_with("canceled"), "{message}");
    world.shutdown().await;
}

/// Claims the instance's first turn as a broken node would, and commits a history of these bytes.
async fn corrupt_history(store: &dyn Provider, body: &'static [u8]) {
    let request = ClaimTurns {
        messages_max: 10,
        bytes_max: 1_000_000,
        ..ClaimTurns::new(vec![TaskQueue::default()], 1, Duration::from_secs(5))
    };
    let turn = store.claim_turns(&request).await.unwrap().items.remove(0);
    let commit = TurnCommit {
        instance: turn.head.instance.clone(),
        commit_id: Entropy.commit_id(),
        fence: Fence::At {
            lease: turn.lease.token,
            position: turn.head.position,
        },
        head: HeadUpdate {
            orchestration: turn.head.orchestration.clone(),
            version: Some("1.0.0".to_owned()),
            core_state: turn.head.core_state.clone(),
        },
        executions: vec![ExecutionUpdate {
            execution: 1,
            chunk: Some(HistoryChunk {
                first_event_id: 1,
                event_count: 2,
                body: Bytes::from_static(body),
            }),
            status: ExecutionStatus::Running,
            output: None,
        }],
        awaited: Vec::new(),
        suspended: None,
        expire_after: None,
        values: Vec::new(),
        consumed: turn.messages.iter().map(|message| message.id).collect(),
        purge_through: None,
        activities: Vec::new(),
        cancelled: Vec::new(),
        completed: Vec::new(),
        messages: Vec::new(),
    };
    let answers = store.commit(vec![Commit::Turn(commit)]).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

#[tokio::test]
async fn a_history_that_is_none_ends_its_instance_only() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let client = duroxide::Client::new(Arc::clone(&store));
    client
        .start_orchestration("damaged", "Wait", "")
        .await
        .unwrap();
    corrupt_history(&*store, b"no history of ours").await;
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), checked()).await;
    world.begin("healthy", "Wait", "").await;
    deliver(&*store, "damaged", framed(1, r#"{"type":"Nudge"}"#)).await;
    let details = world.failure("damaged").await;
    assert!(
        matches!(&details, ErrorDetails::Infrastructure { operation, .. }
            if operation == "decode_history"),
        "{details:?}"
    );
    assert!(
        store.read("damaged").await.is_err(),
        "the damage is reported and not repaired"
    );
    assert_others_are_well(&world).await;
    world.shutdown().await;
}

/// More has arrived than one commit may carry: the turn stops between two inputs, and the rest
/// stays in the inbox for the next.
#[tokio::test]
async fn an_inbox_beyond_the_limit_of_a_commit_is_worked_off_in_several() {
    let mut limits = Limits::default();
    limits.commit_bytes_max = 64 * 1_024;
    limits.body_bytes_max = 16 * 1_024;
    let options = MemoryOptions::default().limits(limits);
    let store: ProviderRef = Arc::new(MemoryProvider::with_options(options));
    let client = duroxide::Client::new(Arc::clone(&store));
    client.start_orchestration("i", "Count", "").await.unwrap();
    for _ in 0..100 {
        let data = "\"".repeat(4_000);
        client.raise_event("i", "Go", data).await.unwrap();
    }
    let orchestrations = OrchestrationRegistry::builder()
        .register("Count", |ctx: OrchestrationContext, _: String| async move {
            let mut bytes = 0;
            for _ in 0..100 {
                bytes += ctx.schedule_wait("Go").into_event().await.len();
            }
            Ok(bytes.to_string())
        })
        .build();
    let world = World::start(store, no_activities(), orchestrations, checked()).await;
    assert_eq!(world.output("i").await, "400000");
    world.shutdown().await;
}

/// A person can stop an instance that has got a message which only a later node understands, and what
/// the message says stays for that node.
#[tokio::test]
async fn an_instance_with_a_message_of_a_later_version_can_be_suspended() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), patient()).await;
    world.begin("later", "Wait", "").await;
    world.waits_for("later", "Go").await;
    let [body, _] = of_a_later_version();
    deliver(&*store, "later", body).await;

    world.client.suspend_instance("later").await.unwrap();

    until("it is suspended", async || {
        let info = world.client.get_instance_info("later").await.unwrap();
        info.suspended.then_some(())
    })
    .await;
    world.client.resume_instance("later").await.unwrap();
    let before = world.runtime.metrics_snapshot().unwrap();
    until("the message is still there", async || {
        let now = world.runtime.metrics_snapshot().unwrap();
        (now.given_back_newer_format > before.given_back_newer_format).then_some(())
    })
    .await;
    world.shutdown().await;
}

/// The store ends the delay of a release for control, and a node that cannot take it in looks once a
/// second all the same.
#[tokio::test]
async fn control_of_a_later_version_is_looked_at_now_and_then() {
    let store: ProviderRef = Arc::new(MemoryProvider::new());
    let options = giving_back(Duration::from_secs(60));
    let world = World::start(Arc::clone(&store), no_activities(), waiting(), options).await;
    world.begin("later", "Wait", "").await;
    world.waits_for("later", "Go").await;
    let [body, _] = of_a_later_version();
    let recipient = Recipient::Instance {
        instance: InstanceId::new("later").unwrap(),
        incarnation: None,
    };
    send_on(&*store, recipient, Channel::Control, body).await;

    let begun_ms = SystemClock.now_ms();
    until("it is looked at three times", async || {
        let metrics = world.runtime.metrics_snapshot().unwrap();
        (metrics.given_back_newer_format >= 3).then_some(())
    })
    .await;

    assert!(SystemClock.now_ms() - begun_ms > 1_000, "without a pause");
    world.shutdown().await;
}
