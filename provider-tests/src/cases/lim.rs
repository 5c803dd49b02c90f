//! Limits.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{
    Commit, Envelope, ErrorKind, ExecutionStatus, Message, MessageId, ProviderError, ReadMail,
    Recipient, Topic, TopicCursor,
};

use crate::support::{Cx, TurnBuilder, id, refused, to};

fn zeros(bytes: usize) -> Bytes {
    Bytes::from(vec![0; bytes])
}

pub(super) fn names(error: &ProviderError, limit: &str) {
    let text = format!("{error:?}");
    assert!(
        text.contains(limit),
        "the error does not name {limit}: {text}"
    );
}

/// A message of exactly the limit arrives, one byte more is refused, from a client and a turn.
pub(crate) async fn a_message_has_a_limit(cx: &Cx) {
    let limit = cx.limits().body_bytes_max;
    cx.running("a").await;
    let with = |bytes| Message {
        body: zeros(bytes),
        ..cx.message()
    };
    for bytes in [0, 1, limit - 1, limit] {
        let sent = cx.send(to("a", with(bytes))).await;
        let turn = cx.claim_only("a").await;
        assert!(turn.messages == [sent], "{bytes} bytes arrive");
        cx.apply(cx.turn(&turn)).await;
    }

    let error = refused(
        cx.try_send(to("a", with(limit + 1))).await,
        ErrorKind::LimitExceeded,
    );
    names(&error, "body_bytes_max");
    let mut start = cx.start_of("b");
    start.message = with(limit + 1);
    refused(cx.try_send(start).await, ErrorKind::LimitExceeded);

    cx.claim_nothing().await;
    assert_eq!(cx.head_if_any("b").await, None);
}

/// An activity and an output of exactly the limit are taken, one byte more is refused.
pub(crate) async fn an_activity_and_an_output_have_a_limit(cx: &Cx) {
    let limit = cx.limits().body_bytes_max;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let activity = |bytes| {
        cx.turn(&turn)
            .append(1)
            .activity(2)
            .activity_body(zeros(bytes))
    };
    let error = cx
        .refuse(activity(limit + 1), ErrorKind::LimitExceeded)
        .await;
    names(&error, "body_bytes_max");
    cx.apply(activity(limit)).await;
    assert_eq!(cx.work_only().await.body.len(), limit);

    let turn = cx.poke_and_claim("a").await;
    let ended = |bytes| {
        let output = Some(zeros(bytes));
        cx.turn(&turn)
            .append(1)
            .end(ExecutionStatus::Completed, output)
    };
    let error = cx.refuse(ended(limit + 1), ErrorKind::LimitExceeded).await;
    names(&error, "body_bytes_max");
    cx.apply(ended(limit)).await;
    assert_eq!(
        cx.head("a").await.output.map(|output| output.len()),
        Some(limit)
    );
}

/// Core's own bytes have their limit, in a turn, in a start and in a turn's start.
pub(crate) async fn core_state_has_a_limit(cx: &Cx) {
    let limit = cx.limits().core_state_bytes_max;
    let start = |bytes| {
        let mut start = cx.start_of("b");
        if let Recipient::NewInstance(newborn) = &mut start.recipient {
            newborn.core_state = zeros(bytes);
        }
        start
    };
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let over = zeros(limit + 1);

    let commit = cx.turn(&turn).append(1).core_state(over);
    let error = cx.refuse(commit, ErrorKind::LimitExceeded).await;
    names(&error, "core_state_bytes_max");
    let commit = cx.turn(&turn).append(1).send(start(limit + 1));
    cx.refuse(commit, ErrorKind::LimitExceeded).await;
    refused(
        cx.try_send(start(limit + 1)).await,
        ErrorKind::LimitExceeded,
    );
    assert_eq!(cx.head_if_any("b").await, None);

    cx.apply(
        cx.turn(&turn)
            .append(1)
            .core_state(zeros(limit))
            .send(start(limit)),
    )
    .await;
    for instance in ["a", "b"] {
        assert_eq!(cx.head(instance).await.core_state.len(), limit);
    }
}

/// Adds bodies of this many bytes together, none over its own limit.
fn filled(cx: &Cx, mut commit: TurnBuilder, mut bytes: usize) -> TurnBuilder {
    let piece = zeros(cx.limits().body_bytes_max);
    while bytes > 0 {
        let message = Message {
            body: piece.slice(..piece.len().min(bytes)),
            ..cx.message()
        };
        bytes -= message.body.len();
        commit = commit.send(to("a", message));
    }
    commit
}

/// A whole turn has a limit: well below it is taken, above it nothing is.
pub(crate) async fn a_turn_has_a_limit(cx: &Cx) {
    // What a store adds to the bodies is not its caller's business, so a little room is left.
    const ROOM: usize = 64 * 1_024;
    let limit = cx.limits().commit_bytes_max;
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let before = cx.view(&["a"]).await;

    let over = filled(cx, cx.turn(&turn).append(1).activity(5), limit + 1);
    let error = cx.refuse(over, ErrorKind::LimitExceeded).await;
    names(&error, "commit_bytes_max");
    let history = cx.turn(&turn).append_bytes(1, zeros(limit + 1));
    cx.refuse(history, ErrorKind::LimitExceeded).await;
    assert_eq!(cx.view(&["a"]).await, before);

    cx.apply(filled(cx, cx.turn(&turn).append(1), limit - ROOM))
        .await;
    let turn = cx.claim_only("a").await;
    let bytes: usize = turn.messages.iter().map(|message| message.body.len()).sum();
    assert_eq!(bytes, limit - ROOM);
}

/// A batch of exactly the declared number of operations is taken, one more is refused whole.
pub(crate) async fn a_batch_has_a_limit(cx: &Cx) {
    let limit = cx.limits().commit_operations_max;
    cx.running("a").await;
    let sends = |count| {
        (0..count)
            .map(|_| Commit::Send(to("a", cx.message())))
            .collect()
    };

    let over: Vec<Commit> = sends(limit + 1);
    for answer in cx.batch(over).await {
        let error = refused(answer, ErrorKind::LimitExceeded);
        names(&error, "commit_operations_max");
    }
    cx.claim_nothing().await;

    for answer in cx.batch(sends(limit)).await {
        answer.expect("it is within the limit");
    }
    assert_eq!(cx.claim_only("a").await.messages.len(), limit);
}

/// As much mail of a topic waits for an instance as is declared, due or not. A client's next one is
/// refused, unless it is one of them; other topics have room of their own, and room is room again.
pub(crate) async fn a_topic_has_a_limit(cx: &Cx) {
    let limit = cx.limits().topic_messages_max;
    cx.running("a").await;
    let first = cx.fill("a", "full").await;

    let error = refused(
        cx.try_send(to("a", cx.mail("full"))).await,
        ErrorKind::LimitExceeded,
    );
    names(&error, "topic_messages_max");
    cx.send(first.clone()).await;
    if cx.limits().mail_messages_max > limit {
        cx.send(to("a", cx.mail("other"))).await;
    }
    let turn = cx.poke_and_claim("a").await;
    assert_eq!(turn.messages.len(), 1, "mail is not claimed");
    let consumed = [turn.messages[0].id, first.message.id];
    cx.apply(cx.turn(&turn).append(1).consume(consumed)).await;
    cx.send(to("a", cx.mail("full"))).await;
    refused(
        cx.try_send(to("a", cx.mail("full"))).await,
        ErrorKind::LimitExceeded,
    );
}

/// As much mail of all topics waits for an instance as is declared, and a client's next one is refused,
/// whatever its topic. What is consumed makes room, as often as it is.
pub(crate) async fn a_mailbox_has_a_limit(cx: &Cx) {
    let limits = cx.limits();
    cx.running("a").await;
    let mut first = Vec::new();
    let mut room = limits.mail_messages_max;
    while room > 0 {
        let topic = format!("topic {}", first.len());
        let count = room.min(limits.topic_messages_max);
        first.push(cx.send_mail("a", &topic, count).await);
        room -= count;
    }
    for taken in first.iter().take(2) {
        let error = refused(
            cx.try_send(to("a", cx.mail("another"))).await,
            ErrorKind::LimitExceeded,
        );
        names(&error, "mail_messages_max");
        cx.send(taken.clone()).await;
        let turn = cx.poke_and_claim("a").await;
        let consumed = [turn.messages[0].id, taken.message.id];
        cx.apply(cx.turn(&turn).append(1).consume(consumed)).await;
        cx.send(to("a", cx.mail("another"))).await;
    }
    refused(
        cx.try_send(to("a", cx.mail("another"))).await,
        ErrorKind::LimitExceeded,
    );
}

/// Control messages have a quota, and a client's next one is refused for now, unless it is one of them;
/// what the instance's own work answers arrives all the same.
pub(crate) async fn control_has_a_quota(cx: &Cx) {
    let limit = cx.limits().control_messages_max;
    cx.running("a").await;
    let first = cx.send(to("a", cx.control())).await;
    for _ in 1..limit {
        cx.send(to("a", cx.control())).await;
    }

    let error = refused(
        cx.try_send(to("a", cx.control())).await,
        ErrorKind::Unavailable,
    );
    names(&error, "control_messages_max");
    assert!(error.is_retryable());
    cx.send(to("a", first)).await;
    cx.poke("a").await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn)).await;
    cx.send(to("a", cx.control())).await;
}

/// A turn has decided to send, and would not send again: its mail is taken by a topic that is full.
pub(crate) async fn a_turn_passes_a_full_topic(cx: &Cx) {
    let recipient = cx.running("a").await;
    cx.fill("a", "full").await;
    cx.running("b").await;
    let turn = cx.poke_and_claim("b").await;
    let (first, second) = (cx.mail("full"), cx.mail("full"));
    let to_whom_lives = |message| Envelope {
        recipient: Recipient::Instance {
            instance: id("a"),
            incarnation: None,
        },
        delay: Duration::ZERO,
        message,
    };

    let sent = cx.turn(&turn).append(1).send(to_whom_lives(first.clone()));
    let committed = cx.apply(sent.send(to_whom_lives(second.clone()))).await;

    assert_eq!(committed.messages_dropped, 0);
    let reading = ReadMail {
        instance: recipient.instance.clone(),
        incarnation: recipient.incarnation,
        topics: vec![TopicCursor {
            topic: Topic::from("full"),
            after: None,
        }],
        per_topic_max: cx.limits().topic_messages_max + 3,
        bytes_max: 64 * 1024 * 1024,
    };
    let found = read_all(cx, reading).await;
    assert_eq!(found.len(), cx.limits().topic_messages_max + 2);
    assert!(found.ends_with(&[first.id, second.id]));
    refused(
        cx.try_send(to("a", cx.mail("full"))).await,
        ErrorKind::LimitExceeded,
    );
}

/// The ids of all mail of one topic, page by page.
async fn read_all(cx: &Cx, mut reading: ReadMail) -> Vec<MessageId> {
    cx.settle().await;
    let mut found = Vec::new();
    loop {
        let page = cx.provider().read_mail(&reading).await;
        let page = page.expect("the mail can be read");
        found.extend(page.mail.iter().map(|mail| mail.message.id));
        let last = page.mail.last().map(|mail| mail.mark);
        for cursor in &mut reading.topics {
            cursor.after = last.or(cursor.after);
        }
        if !page.more {
            return found;
        }
    }
}
