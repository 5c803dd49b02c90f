//! Start and existence.

use duroxide_core::providers::{
    Channel, ErrorKind, Incarnation, InstanceHead, InstanceStatus, Message, Position, TaskQueue,
};

use crate::support::{Cx, SECOND, id, refused, to};

/// A start makes the head and puts the message into the inbox.
pub(crate) async fn a_start_creates_the_instance(cx: &Cx) {
    let start = cx.start("a").await;

    let head = cx.head("a").await;
    let expected = InstanceHead {
        instance: id("a"),
        incarnation: start.id.incarnation(),
        queue: TaskQueue::default(),
        parent: None,
        orchestration: "Orchestration".to_owned(),
        version: None,
        status: InstanceStatus::Pending,
        output: None,
        position: Position::START,
        commit_id: None,
        core_state: bytes::Bytes::from_static(b"parent"),
        awaited: Vec::new(),
        suspended: false,
        created_at_ms: head.created_at_ms,
        updated_at_ms: head.updated_at_ms,
        note: None,
        expires_at_ms: None,
    };
    assert_eq!(head, expected);
    assert_eq!(cx.claim_only("a").await.messages, [start]);
}

/// What exists is not started again, whatever became of it.
pub(crate) async fn an_existing_instance_is_not_started(cx: &Cx) {
    cx.running("running").await;
    cx.start("ended").await;
    let turn = cx.claim_only("ended").await;
    cx.apply(cx.turn(&turn).complete()).await;
    cx.start("pending").await;
    let names = ["running", "ended", "pending"];
    let before = cx.view(&names).await;

    for name in names {
        let again = cx.try_send(cx.start_of(name)).await;
        refused(again, ErrorKind::AlreadyExists);
    }

    assert_eq!(cx.view(&names).await, before);
    assert_eq!(cx.claim_only("pending").await.messages.len(), 1);
}

/// A turn's start of an instance that exists becomes a message to it, and changes nothing else.
pub(crate) async fn a_turns_start_of_an_existing_instance_is_a_message(cx: &Cx) {
    let child = cx.running("child").await;
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let start = cx.start_of("child");

    let committed = cx.apply(cx.turn(&turn).append(1).send(start.clone())).await;

    assert_eq!(committed.messages_dropped, 0);
    let turn = cx.claim_only("child").await;
    let as_control = Message {
        channel: Channel::Control,
        ..start.message
    };
    assert_eq!(turn.messages, [as_control]);
    assert_eq!(turn.head, child);
}

/// Nobody keeps an answer that is known already, and a control message for tomorrow would take the place
/// of one for today.
pub(crate) async fn a_delayed_start_of_an_existing_instance_is_due_at_once(cx: &Cx) {
    cx.running("child").await;
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let mut start = cx.start_of("child");
    start.delay = 3_600 * SECOND;

    cx.apply(cx.turn(&turn).append(1).send(start.clone())).await;

    let turn = cx.claim_only("child").await;
    let ids: Vec<_> = turn.messages.iter().map(|it| it.id).collect();
    assert_eq!(ids, [start.message.id]);
}

/// The start that created the instance is not stored again when a turn repeats it.
pub(crate) async fn a_turns_repeated_start_is_no_message(cx: &Cx) {
    cx.running("parent").await;
    let start = cx.start_of("child");
    let turn = cx.poke_and_claim("parent").await;
    cx.apply(cx.turn(&turn).append(1).send(start.clone())).await;
    let child = cx.claim_only("child").await;
    cx.apply(cx.turn(&child).append(1)).await;

    let turn = cx.poke_and_claim("parent").await;
    let committed = cx.apply(cx.turn(&turn).append(1).send(start)).await;

    assert_eq!(committed.messages_dropped, 0);
    cx.claim_nothing().await;
}

/// A turn starts its child, which then looks as if a client had started it.
pub(crate) async fn a_turn_starts_an_instance(cx: &Cx) {
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let start = cx.start_of("child");
    cx.apply(cx.turn(&turn).append(1).send(start.clone())).await;

    let child = cx.claim_only("child").await;

    assert_eq!(child.messages, std::slice::from_ref(&start.message));
    assert_eq!(child.head.incarnation, start.message.id.incarnation());
    assert_eq!(child.head.status, InstanceStatus::Pending);
    assert_eq!(child.head.position, Position::START);
    assert_eq!(&child.head.core_state[..], b"parent");
}

/// A turn can start an instance and send to it in one commit.
pub(crate) async fn a_turn_starts_and_sends(cx: &Cx) {
    cx.running("parent").await;
    let turn = cx.poke_and_claim("parent").await;
    let start = cx.start_of("child");
    let message = cx.message();
    let commit = cx.turn(&turn).append(1);
    let commit = commit
        .send(start.clone())
        .send(to("child", message.clone()));

    let committed = cx.apply(commit).await;

    assert_eq!(committed.messages_dropped, 0);
    assert_eq!(
        cx.claim_only("child").await.messages,
        [start.message, message]
    );
}

/// A client's message to nobody is refused and leaves no trace for who comes later.
pub(crate) async fn a_message_to_nobody_is_refused(cx: &Cx) {
    let before = cx.view(&["nobody"]).await;
    refused(
        cx.try_send(to("nobody", cx.message())).await,
        ErrorKind::NotFound,
    );
    let mut delayed = to("nobody", cx.message());
    delayed.delay = SECOND;
    refused(cx.try_send(delayed).await, ErrorKind::NotFound);
    assert_eq!(cx.view(&["nobody"]).await, before);

    let start = cx.start("nobody").await;
    cx.elapse(SECOND).await;
    assert_eq!(cx.claim_only("nobody").await.messages, [start]);
}

/// A client's message to a life that has ended, or never was, is refused and leaves no trace.
pub(crate) async fn a_message_to_another_life_is_refused(cx: &Cx) {
    cx.running("a").await;
    let before = cx.view(&["a"]).await;
    let stranger = cx.to_life("a", Incarnation(cx.unique()));
    let mut delayed = stranger.clone();
    delayed.delay = SECOND;

    refused(cx.try_send(stranger).await, ErrorKind::NotFound);
    refused(cx.try_send(delayed).await, ErrorKind::NotFound);

    assert_eq!(cx.view(&["a"]).await, before);
    cx.elapse(SECOND).await;
    cx.claim_nothing().await;
}
