//! What a client waits for and sees.

use std::time::Duration;

use duroxide_core::providers::ErrorKind;
use duroxide_core::{
    ClientError, OrchestrationContext, OrchestrationStatus, RaiseOptions, RaiseOutcome,
    StartOptions, StartOutcome,
};

use super::stage::{Code, Text, World, within};
use crate::support::Cx;

async fn ask(ctx: OrchestrationContext, _: String) -> Text {
    Ok(ctx.schedule_wait("Answer").into_event().await)
}

/// Some wait for an instance that is there, some for one that is yet to come.
pub(crate) async fn every_waiter_hears_the_end(cx: &Cx) {
    const WAITERS: usize = 8;
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    let wait = || {
        let client = world.client.clone();
        tokio::spawn(async move {
            let hour = Duration::from_hours(1);
            client.wait_for_orchestration("ask", hour).await
        })
    };
    let early: Vec<_> = (0..WAITERS).map(|_| wait()).collect();
    world.begin("ask", "Ask", "").await;
    world.waits_for("ask", "Answer").await;
    let late: Vec<_> = (0..WAITERS).map(|_| wait()).collect();

    world.raise("ask", "Answer", "42").await;

    for waiter in early.into_iter().chain(late) {
        let ended = within("the end of a wait", waiter).await;
        let ended = ended.expect("no waiter panics").expect("the wait succeeds");
        let output = "42".to_owned();
        assert_eq!(ended, OrchestrationStatus::Completed { output });
    }
}

/// A wait ends at its limit, and what it was for goes on.
pub(crate) async fn a_wait_in_vain_ends(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    world.begin("ask", "Ask", "").await;

    let wait = world
        .client
        .wait_for_orchestration("ask", Duration::from_secs(2));
    let waited = within("the end of a wait", wait).await;

    assert!(matches!(waited, Err(ClientError::Timeout)), "{waited:?}");
    world.raise("ask", "Answer", "late").await;
    assert_eq!(world.output("ask").await, "late");
}

/// From nothing to the end.
pub(crate) async fn a_status_follows_the_instance(cx: &Cx) {
    let world = World::open(cx, Code::of("Ask", ask));
    let status = async || {
        let status = world.client.get_orchestration_status("ask").await;
        status.expect("a status can be read")
    };
    assert_eq!(status().await, OrchestrationStatus::NotFound);
    world.begin("ask", "Ask", "").await;
    assert_eq!(status().await, OrchestrationStatus::Running);
    let _node = world.node().await;
    world.waits_for("ask", "Answer").await;
    assert_eq!(status().await, OrchestrationStatus::Running);

    world.raise("ask", "Answer", "42").await;
    world.output("ask").await;

    let output = "42".to_owned();
    assert_eq!(status().await, OrchestrationStatus::Completed { output });
}

/// Whether there was an instance of that id, whether an event came too late: whoever asks is told,
/// and whoever does not is not bothered.
pub(crate) async fn a_client_hears_what_became_of_it(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    let start = async || {
        let options = StartOptions::default();
        let started = world
            .client
            .start_orchestration_with("ask", "Ask", "", options);
        started.await.expect("the store takes it")
    };
    let raise = async || {
        let options = RaiseOptions::new();
        let raised = world
            .client
            .raise_event_with("ask", "Answer", "42", options);
        raised.await.expect("the instance is there")
    };
    assert_eq!(start().await, StartOutcome::Started);
    assert_eq!(start().await, StartOutcome::AlreadyExists);
    assert_eq!(raise().await, RaiseOutcome::Delivered);

    assert_eq!(world.output("ask").await, "42");

    assert_eq!(start().await, StartOutcome::AlreadyExists);
    assert_eq!(raise().await, RaiseOutcome::Ended);
    world.begin("ask", "Ask", "").await;
    world.raise("ask", "Answer", "43").await;
    assert_eq!(world.output("ask").await, "42");
}

/// A message to nobody is told to whoever sends it.
pub(crate) async fn a_client_hears_what_was_refused(cx: &Cx) {
    let (world, _node) = World::with_node(cx, Code::of("Ask", ask)).await;
    world.begin("ask", "Ask", "").await;

    let lost = world.client.raise_event("nobody", "Answer", "42").await;
    check(lost, ErrorKind::NotFound);
    let lost = world.client.cancel_instance("nobody", "enough").await;
    check(lost, ErrorKind::NotFound);
    let options = RaiseOptions::new().event_id("answer-1");
    let lost = world
        .client
        .raise_event_with("nobody", "Answer", "42", options);
    check(lost.await.map(|_| ()), ErrorKind::NotFound);

    world.raise("ask", "Answer", "42").await;
    assert_eq!(world.output("ask").await, "42");
}

#[track_caller]
fn check(result: Result<(), ClientError>, kind: ErrorKind) {
    match result {
        Err(ClientError::Provider(error)) => assert_eq!(error.kind(), kind, "{error:?}"),
        other => panic!("this must be refused by the store: {other:?}"),
    }
}
