//! The head.

use bytes::Bytes;
use duroxide_core::providers::{ExecutionStatus, ExecutionUpdate, HeadUpdate, InstanceStatus};

use crate::support::{Cx, SECOND};

/// Nobody has a head before it is created.
pub(crate) async fn an_absent_instance_has_no_head(cx: &Cx) {
    assert_eq!(cx.head_if_any("nobody").await, None);
    cx.start("somebody").await;
    assert_eq!(cx.head_if_any("nobody").await, None);
}

/// Everything that a turn says of the head is read back.
pub(crate) async fn the_head_is_what_the_last_turn_wrote(cx: &Cx) {
    let old = cx.running("a").await;
    cx.elapse(SECOND).await;
    let turn = cx.poke_and_claim("a").await;
    let described = HeadUpdate {
        orchestration: "Other".to_owned(),
        version: Some("1.2.3".to_owned()),
        core_state: Bytes::from_static(b"\x00\xff"),
    };
    let output = Some(Bytes::from_static(b"why it failed"));
    let commit = cx
        .turn(&turn)
        .append(4)
        .end(ExecutionStatus::Failed, output.clone());

    cx.apply(commit.describe(described.clone())).await;

    let head = cx.head("a").await;
    assert_eq!(head.orchestration, described.orchestration);
    assert_eq!(head.version, described.version);
    assert_eq!(head.core_state, described.core_state);
    assert_eq!(head.status, InstanceStatus::Failed);
    assert_eq!(head.output, output);
    assert_eq!(head.position.next_event_id, 6);
    assert_eq!(head.incarnation, old.incarnation);
    assert_eq!(head.created_at_ms, old.created_at_ms);
    assert!(head.updated_at_ms > old.updated_at_ms);
}

/// A pending instance runs with its first turn and ends with the status of its last execution.
pub(crate) async fn the_status_follows_the_executions(cx: &Cx) {
    cx.start("a").await;
    assert_eq!(cx.head("a").await.status, InstanceStatus::Pending);
    let turn = cx.claim_only("a").await;
    assert_eq!(turn.head.status, InstanceStatus::Pending);
    cx.apply(cx.turn(&turn).append(1)).await;
    assert_eq!(cx.head("a").await.status, InstanceStatus::Running);
    let turn = cx.poke_and_claim("a").await;

    cx.apply(cx.turn(&turn).complete()).await;

    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Completed);
    assert_eq!(head.output.as_deref(), Some(&b"result"[..]));
}

/// A turn without executions leaves status, output and position, of a pending and of an ended
/// instance.
pub(crate) async fn a_turn_leaves_what_it_does_not_name(cx: &Cx) {
    cx.start("pending").await;
    cx.start("ended").await;
    let turns = cx.claim(2).await;
    let ended = turns.iter().find(|turn| &*turn.head.instance == "ended");
    cx.apply(cx.turn(ended.expect("claimed")).complete()).await;
    let pending = turns.iter().find(|turn| &*turn.head.instance == "pending");
    let turns = [
        pending.expect("claimed").clone(),
        cx.poke_and_claim("ended").await,
    ];

    for turn in turns {
        cx.apply(cx.turn(&turn)).await;

        let head = cx.head(&turn.head.instance).await;
        assert_eq!(head.status, turn.head.status);
        assert_eq!(head.output, turn.head.output);
        assert_eq!(head.position, turn.head.position);
        assert_eq!(head.created_at_ms, turn.head.created_at_ms);
    }
}

/// An execution can change its status without an event.
pub(crate) async fn a_turn_may_end_without_an_event(cx: &Cx) {
    let old = cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let ended = ExecutionUpdate {
        execution: 1,
        chunk: None,
        status: ExecutionStatus::Failed,
        output: None,
    };

    cx.apply(cx.turn(&turn).execution(ended)).await;

    let head = cx.head("a").await;
    assert_eq!(head.status, InstanceStatus::Failed);
    assert_eq!(head.position, old.position);
    assert_eq!(cx.history("a", 1).await.len(), 1);
}

/// What a running execution names is in the head until a later turn names something else.
pub(crate) async fn a_running_instance_has_an_output_too(cx: &Cx) {
    let kept = Bytes::from_static(b"the next start");
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let running = |output| ExecutionUpdate {
        execution: 1,
        chunk: None,
        status: ExecutionStatus::Running,
        output,
    };

    cx.apply(cx.turn(&turn).execution(running(Some(kept.clone()))))
        .await;

    assert_eq!(cx.head("a").await.output, Some(kept.clone()));
    let turn = cx.poke_and_claim("a").await;
    assert_eq!(turn.head.output, Some(kept));
    assert_eq!(turn.head.status, InstanceStatus::Running);
    cx.apply(cx.turn(&turn).execution(running(None))).await;
    assert_eq!(cx.head("a").await.output, None);
}
