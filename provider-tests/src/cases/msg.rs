//! Messages.

use std::time::Duration;

use bytes::Bytes;
use duroxide_core::providers::{ErrorKind, Incarnation, InstanceId, Lease, Message};

use crate::support::{Cx, LEASE, SECOND, id, later, refused, to};

/// Every byte, none, more than a store writes in one piece, and a number of an execution that no
/// small integer holds.
pub(crate) async fn a_message_arrives_as_it_was_sent(cx: &Cx) {
    const LONG_BYTES: usize = 1_000_003;
    cx.running("a").await;
    // Every piece of it looks different, so that none can be left out or change its place.
    let long = (0..cx.limits().body_bytes_max.min(LONG_BYTES)).flat_map(usize::to_le_bytes);
    let long: Bytes = long
        .take(cx.limits().body_bytes_max.min(LONG_BYTES))
        .collect();
    let mut sent = Vec::new();
    for (execution, body) in [
        (None, Bytes::new()),
        (Some(1), (0..=255).collect()),
        (Some(2), long),
        (Some(1 << 53), Bytes::from_static(b"'; DROP TABLE x; --\0")),
    ] {
        let message = Message {
            execution,
            body,
            ..cx.message()
        };
        sent.push(cx.send(to("a", message)).await);
    }

    assert!(cx.claim_only("a").await.messages == sent, "each byte of it");
}

/// While a message waits, visible or not, another with its id is accepted and ignored.
pub(crate) async fn a_waiting_message_is_not_stored_again(cx: &Cx) {
    cx.running("a").await;
    let first = cx.poke("a").await;
    let timer = cx.poke_later("a", SECOND).await;
    let disguised = Message {
        body: Bytes::from_static(b"other"),
        ..first.clone()
    };

    cx.send(to("a", disguised)).await;
    cx.send(to("a", timer.clone())).await;

    assert_eq!(
        cx.claim_only("a").await.messages,
        std::slice::from_ref(&first)
    );
    assert_eq!(cx.inbox("a").await, [first, timer]);

    // Nor in another channel, however long it is there.
    cx.running("b").await;
    let mail = cx.send(to("b", cx.mail("topic"))).await;
    let first = cx.poke("b").await;
    let long = || Message {
        body: vec![7; 2_000].into(),
        ..cx.message()
    };
    let disguised = Message {
        id: mail.id,
        ..long()
    };
    cx.send(to("b", disguised)).await;
    let turn = cx.claim_only("b").await;
    assert_eq!(turn.messages, std::slice::from_ref(&first));
    cx.apply(cx.turn(&turn).consume([first.id])).await;
    let next = cx.send(to("b", long())).await;
    assert_eq!(cx.claim_only("b").await.messages, [next]);
}

/// It is ignored as well when a turn sends it, twice in one turn too, or an outcome does.
pub(crate) async fn a_turn_or_an_outcome_does_not_store_it_again(cx: &Cx) {
    cx.running_with_activities("a", 1).await;
    cx.running("b").await;
    let turn = cx.poke_and_claim("b").await;
    let waiting = cx.poke("a").await;
    let twice = cx.message();
    cx.apply(
        cx.turn(&turn)
            .append(1)
            .send(to("a", waiting.clone()))
            .send(to("a", twice.clone()))
            .send(to("a", twice.clone())),
    )
    .await;
    let work = cx.work_only().await;
    let outcome = cx.try_finish(&work.lease, Some(twice.clone())).await;
    assert_eq!(outcome.expect("the lease is held"), 0, "it was delivered");

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [waiting, twice]);
}

/// One id in two inboxes is two messages, each of its own instance.
pub(crate) async fn ids_of_messages_belong_to_one_inbox(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    let message = cx.poke("a").await;
    cx.send(to("b", message.clone())).await;

    let turns = cx.claim(2).await;
    assert!(turns.iter().all(|turn| turn.messages == [message.clone()]));
    let a = turns
        .iter()
        .find(|t| t.head.instance == id("a"))
        .expect("claimed");
    cx.apply(cx.turn(a).append(1)).await;

    cx.elapse(LEASE).await;
    assert_eq!(cx.claim_only("b").await.messages, [message]);
}

/// Claims, expiry, releases, renewals and turns that do not name it leave a message where it is.
pub(crate) async fn a_message_stays_until_it_is_consumed(cx: &Cx) {
    cx.running("a").await;
    let message = cx.poke("a").await;
    cx.claim_only("a").await;
    cx.elapse(LEASE).await;
    let turn = cx.claim_only("a").await;
    cx.renew(Lease::Turn(turn.lease.clone()), LEASE).await;
    cx.release(Lease::Turn(turn.lease), Duration::ZERO).await;
    let turn = cx.claim_only("a").await;
    cx.apply(cx.turn(&turn).append(1).consume([])).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
}

/// Order is by the time of becoming visible, and by arrival where that is equal.
pub(crate) async fn messages_come_in_the_order_of_visibility(cx: &Cx) {
    cx.running("a").await;
    let last = cx.poke_later("a", SECOND * 3).await;
    let second = cx.poke_later("a", SECOND).await;
    let third = cx.poke_later("a", SECOND).await;
    let first = cx.poke("a").await;
    cx.elapse(SECOND * 2).await;
    let fourth = cx.poke("a").await;
    cx.elapse(SECOND).await;

    let messages = cx.claim_only("a").await.messages;

    assert_eq!(messages, [first, second, third, fourth, last]);
}

/// A turn's messages arrive in the order in which it names them, whatever their ids are.
pub(crate) async fn the_messages_of_one_turn_stay_in_order(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let mut messages: Vec<_> = (0..30).map(|_| cx.message()).collect();
    messages.reverse();
    messages.swap(3, 20);
    let mut commit = cx.turn(&turn).append(1);
    for message in &messages {
        commit = commit.send(to("a", message.clone()));
    }
    cx.apply(commit).await;
    let after = cx.poke("a").await;
    messages.push(after);

    assert_eq!(cx.claim_only("a").await.messages, messages);
}

/// An event before the timer is due precedes it, one after it follows, though it is claimed with
/// both.
pub(crate) async fn an_event_and_a_due_timer_keep_their_order(cx: &Cx) {
    cx.running("a").await;
    let timer = cx.poke_later("a", SECOND).await;
    let before = cx.poke("a").await;
    cx.elapse(SECOND * 2).await;
    let after = cx.poke("a").await;

    let messages = cx.claim_only("a").await.messages;

    assert_eq!(messages, [before, timer, after]);
}

/// What a turn sends to nobody, or to another life, is dropped and counted; the rest arrives.
pub(crate) async fn undeliverable_messages_are_counted(cx: &Cx) {
    cx.running("a").await;
    let b = cx.running("b").await;
    let turn = cx.poke_and_claim("a").await;
    let orphan = cx.message();
    let stale = cx.to_life("b", Incarnation(cx.unique()));
    let good = cx.to_life("b", b.incarnation);

    let committed = cx
        .apply(
            cx.turn(&turn)
                .append(1)
                .send(to("nobody", orphan))
                .send(good.clone())
                .send(stale),
        )
        .await;

    assert_eq!(committed.messages_dropped, 2);
    assert_eq!(cx.head_if_any("nobody").await, None, "nobody was created");
    assert_eq!(cx.claim_only("b").await.messages, [good.message]);
}

/// A delayed message to nobody is dropped at once, not when somebody with that id lives.
pub(crate) async fn a_delayed_orphan_does_not_wait_for_its_addressee(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let orphan = cx.message();
    let commit = cx.turn(&turn).append(1).send(later("late", orphan, SECOND));
    assert_eq!(cx.apply(commit).await.messages_dropped, 1);

    let start = cx.start("late").await;
    cx.elapse(SECOND * 2).await;

    assert_eq!(cx.claim_only("late").await.messages, [start]);
}

/// Ids that a careless key, pattern, quotation or collation takes for another, or for a part.
const NASTY: [&str; 22] = [
    "a", "A", "a ", " a", "a:b", "a:b:c", "a%", "a_", "%", "_", "*", "a*", "'", "''", "\"", "{a}",
    "{}", "a\\", "../a", "ä", "a\u{308}", "🦀",
];

/// Instances with such ids live side by side, and each gets its own messages and activities.
pub(crate) async fn ids_have_no_meaning(cx: &Cx) {
    let mut sent = Vec::new();
    for name in NASTY {
        cx.running_with_activities(name, 1).await;
    }
    for name in NASTY {
        sent.push(cx.poke(name).await);
        assert_eq!(cx.head(name).await.instance, id(name));
    }

    let turns = cx.claim(NASTY.len() + 1).await;
    assert_eq!(turns.len(), NASTY.len());
    for (name, message) in NASTY.into_iter().zip(sent) {
        let turn = turns.iter().find(|turn| turn.head.instance == id(name));
        let turn = turn.unwrap_or_else(|| panic!("{name:?} was not claimed"));
        assert_eq!(turn.messages, [message], "{name:?}");
        cx.apply(cx.turn(turn).append(1)).await;
        assert_eq!(cx.history(name, 1).await.len(), 2, "{name:?}");
    }
    let work = cx.work(NASTY.len() + 1).await;
    let mut names: Vec<_> = work.iter().map(|w| &*w.lease.key.instance).collect();
    names.sort_unstable();
    let mut expected = NASTY;
    expected.sort_unstable();
    assert_eq!(names, expected);
}

/// The longest ids, which differ in their last byte.
pub(crate) async fn the_longest_ids_are_told_apart(cx: &Cx) {
    let prefix = "é".repeat(InstanceId::BYTES_MAX / 2 - 1);
    let ids = [format!("{prefix}x1"), format!("{prefix}x2")];
    for name in &ids {
        assert_eq!(name.len(), InstanceId::BYTES_MAX);
        cx.running_with_activities(name, 1).await;
    }

    let message = cx.poke(&ids[1]).await;

    let turn = cx.claim_only(&ids[1]).await;
    assert_eq!(turn.messages, [message]);
    cx.apply(cx.turn(&turn).append(1)).await;
    assert_eq!(cx.history(&ids[0], 1).await.len(), 1);
    assert_eq!(cx.history(&ids[1], 1).await.len(), 2);
    assert_eq!(cx.work(3).await.len(), 2);
}

/// A client's message to the life that lives arrives, one to another life is refused.
pub(crate) async fn a_client_can_name_the_life(cx: &Cx) {
    let head = cx.running("a").await;
    let another = Incarnation(cx.unique());
    let sent = cx.try_send(cx.to_life("a", another)).await;
    refused(sent, ErrorKind::NotFound);
    cx.claim_nothing().await;

    let message = cx.send(cx.to_life("a", head.incarnation)).await;

    assert_eq!(cx.claim_only("a").await.messages, [message]);
}
