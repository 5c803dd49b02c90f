//! Mail: what waits until it is read.

use std::time::Duration;

use duroxide_core::limits::{AWAITED_BYTES_MAX, AWAITED_TOPICS_MAX};
use duroxide_core::providers::{
    Channel, ErrorKind, ExecutionStatus, Incarnation, InstanceHead, Lease, Mail, MailPage, Message,
    ReadMail, Topic, TopicCursor,
};

use super::lim::names;
use crate::support::{Cx, LEASE, SECOND, id, later, refused, to};

fn topics(names: &[&str]) -> Vec<Topic> {
    names.iter().map(|name| Topic::from(*name)).collect()
}

fn messages(page: &MailPage) -> Vec<&Message> {
    page.mail.iter().map(|mail| &mail.message).collect()
}

/// A request for a lot of the oldest mail of these topics.
fn request(head: &InstanceHead, names: &[&str]) -> ReadMail {
    let cursor = |topic| TopicCursor { topic, after: None };
    ReadMail {
        instance: head.instance.clone(),
        incarnation: head.incarnation,
        topics: topics(names).into_iter().map(cursor).collect(),
        per_topic_max: 1_000,
        bytes_max: 1024 * 1024,
    }
}

impl Cx {
    async fn read_mail(&self, request: &ReadMail) -> MailPage {
        self.settle().await;
        let read = self.provider().read_mail(request).await;
        read.expect("the mail can be read")
    }

    /// An instance that awaits these topics.
    async fn awaiting(&self, instance: &str, names: &[&str]) -> InstanceHead {
        self.start(instance).await;
        let turn = self.claim_only(instance).await;
        self.apply(self.turn(&turn).append(1).awaiting(names)).await;
        self.head(instance).await
    }
}

/// Mail is not claimed, and wakes nobody who does not await it.
pub(crate) async fn mail_waits_until_it_is_awaited(cx: &Cx) {
    let head = cx.running("a").await;
    let mail = cx.send(to("a", cx.mail("t"))).await;
    cx.claim_nothing().await;
    let work = cx.poke("a").await;

    let turn = cx.claim_only("a").await;
    assert_eq!(turn.messages, [work]);
    assert!(!turn.has_mail, "nobody awaits it");
    cx.apply(cx.turn(&turn).append(1).awaiting(&["other"]))
        .await;
    cx.claim_nothing().await;
    assert_eq!(cx.head("a").await.awaited, topics(&["other"]));

    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).awaiting(&["other", "t"]))
        .await;
    let turn = cx.claim_only("a").await;
    assert!(turn.messages.is_empty(), "it is read, not claimed");
    assert!(turn.has_mail);
    assert_eq!(turn.head.awaited, topics(&["other", "t"]));
    assert_eq!(
        messages(&cx.read_mail(&request(&head, &["t"])).await),
        [&mail]
    );
    let consumed = cx.turn(&turn).append(1).awaiting(&["t"]);
    cx.apply(consumed.consume([mail.id])).await;
    cx.claim_nothing().await;
    assert_eq!(
        cx.read_mail(&request(&head, &["t"])).await,
        MailPage::default()
    );
}

/// Mail of an awaited topic wakes the instance as soon as it is there, or due.
pub(crate) async fn awaited_mail_wakes(cx: &Cx) {
    let head = cx.awaiting("a", &["t"]).await;
    let delayed = cx.send(later("a", cx.mail("t"), SECOND)).await;
    cx.claim_nothing().await;
    assert_eq!(
        cx.read_mail(&request(&head, &["t"])).await,
        MailPage::default()
    );
    cx.elapse(SECOND).await;

    let turn = cx.claim_only("a").await;
    assert!(turn.has_mail);
    assert_eq!(
        messages(&cx.read_mail(&request(&head, &["t"])).await),
        [&delayed]
    );
    let lease = Lease::Turn(turn.lease.clone());
    cx.release(lease, Duration::ZERO).await;
    let turn = cx.claim_only("a").await;
    cx.elapse(LEASE).await;
    assert_ne!(cx.claim_only("a").await.lease, turn.lease);
}

/// What is in the mail when a commit begins to await it wakes at once, and old mail does not go before
/// what has waited longer to be claimed.
pub(crate) async fn old_mail_does_not_jump_the_queue(cx: &Cx) {
    cx.running("a").await;
    cx.running("b").await;
    cx.send(to("a", cx.mail("t"))).await;
    cx.elapse(SECOND).await;
    let turn = cx.poke_and_claim("a").await;
    cx.poke("b").await;
    cx.elapse(SECOND).await;
    cx.apply(cx.turn(&turn).append(1).awaiting(&["t"])).await;

    let claimed = cx.claim(2).await;
    let order: Vec<&str> = claimed.iter().map(|turn| &*turn.head.instance).collect();
    assert_eq!(order, ["b", "a"]);
}

/// Each commit with executions says in full what is awaited; one without leaves it.
pub(crate) async fn a_commit_states_what_is_awaited(cx: &Cx) {
    cx.awaiting("a", &["t", "u"]).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn)).await;
    assert_eq!(cx.head("a").await.awaited, topics(&["t", "u"]));
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).append(1).awaiting(&["u"])).await;
    assert_eq!(cx.head("a").await.awaited, topics(&["u"]));
    cx.send(to("a", cx.mail("t"))).await;
    cx.claim_nothing().await;
    cx.send(to("a", cx.mail("u"))).await;
    assert!(cx.claim_only("a").await.has_mail);
}

/// An instance that has ended awaits nothing, nor does one whose current execution has no event.
pub(crate) async fn the_ended_and_the_eventless_await_nothing(cx: &Cx) {
    cx.awaiting("ended", &["t"]).await;
    cx.send(later("ended", cx.mail("t"), SECOND)).await;
    let turn = cx.poke_and_claim("ended").await;
    cx.apply(cx.turn(&turn).complete().awaiting(&["t"])).await;
    cx.awaiting("eventless", &["t"]).await;
    let turn = cx.poke_and_claim("eventless").await;
    let next = duroxide_core::providers::ExecutionUpdate {
        execution: 2,
        chunk: None,
        status: ExecutionStatus::Running,
        output: None,
    };
    let turn = cx.turn(&turn).append(1);
    let turn = turn.end(ExecutionStatus::ContinuedAsNew, None);
    cx.apply(turn.execution(next).awaiting(&["t"])).await;
    cx.send(to("eventless", cx.mail("t"))).await;

    cx.elapse(SECOND).await;
    cx.claim_nothing().await;
    assert_eq!(cx.head("ended").await.awaited, []);
    assert_eq!(cx.head("eventless").await.awaited, []);
}

/// Reading gives the oldest due mail of each topic in order, and takes none of it.
pub(crate) async fn mail_is_read_in_order_and_stays(cx: &Cx) {
    let head = cx.running("a").await;
    let late = cx.send(later("a", cx.mail("t"), SECOND)).await;
    let first = cx.send(to("a", cx.mail("t"))).await;
    let other = cx.send(to("a", cx.mail("u"))).await;
    let second = cx.send(to("a", cx.mail("t"))).await;
    cx.send(to("a", cx.mail("unread"))).await;

    for _ in 0..2 {
        let page = cx.read_mail(&request(&head, &["t"])).await;
        assert_eq!(messages(&page), [&first, &second]);
        assert!(!page.more);
        assert!(page.mail.is_sorted_by_key(|mail| mail.mark));
    }
    cx.elapse(SECOND).await;
    let page = cx.read_mail(&request(&head, &["u", "t"])).await;
    let of = |topic: &str| {
        let channel = Channel::Topic(topic.into());
        let mail = page.mail.iter().map(|mail| &mail.message);
        mail.filter(|it| it.channel == channel).collect::<Vec<_>>()
    };
    assert_eq!(of("t"), [&first, &second, &late]);
    assert_eq!(of("u"), [&other]);
    let due = |mail: &Mail| mail.mark.due_at_ms;
    let dues: Vec<u64> = page.mail.iter().map(due).collect();
    assert!(
        dues.iter().max() > dues.iter().min(),
        "each says when it was due"
    );
}

/// A page keeps within its limits, brings one message at least, and says whether there is more; the mark
/// of the last one leads on.
pub(crate) async fn mail_is_read_page_by_page(cx: &Cx) {
    let head = cx.running("a").await;
    let mut sent = Vec::new();
    for _ in 0..5 {
        sent.push(cx.send(to("a", cx.mail("t"))).await);
    }
    let mut request = request(&head, &["t"]);
    request.per_topic_max = 2;
    let mut read = Vec::new();
    loop {
        let page = cx.read_mail(&request).await;
        assert!(!page.mail.is_empty() && page.mail.len() <= 2);
        request.topics[0].after = page.mail.last().map(|mail| mail.mark);
        read.extend(page.mail.into_iter().map(|mail| mail.message));
        assert_eq!(page.more, read.len() < sent.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(read, sent);

    request.topics[0].after = None;
    request.per_topic_max = 100;
    for (bytes_max, count) in [(0, 1), (sent[0].body.len() * 3, 3)] {
        request.bytes_max = bytes_max;
        let page = cx.read_mail(&request).await;
        assert_eq!(page.mail.len(), count);
        assert!(page.more);
    }
}

/// A page that has no room for everything holds the oldest mail of all topics, in whatever order they
/// are asked for.
pub(crate) async fn no_topic_keeps_older_mail_back(cx: &Cx) {
    let head = cx.running("a").await;
    let mut sent = Vec::new();
    for topic in ["t", "u", "t", "u"] {
        sent.push(cx.send(to("a", cx.mail(topic))).await);
        cx.elapse(SECOND).await;
    }
    for topics in [["t", "u"], ["u", "t"]] {
        let mut request = request(&head, &topics);
        request.bytes_max = sent[..3].iter().map(|message| message.body.len()).sum();
        let page = cx.read_mail(&request).await;
        let mut mail = page.mail.clone();
        mail.sort_by_key(|mail| mail.mark);
        let read: Vec<_> = mail.iter().map(|mail| &mail.message).collect();
        assert_eq!(read, [&sent[0], &sent[1], &sent[2]]);
        assert!(page.more);
    }
}

/// The place of a message is never that of another one, though the first is gone by then: whoever goes on
/// from there misses nothing.
pub(crate) async fn a_mark_is_of_one_message(cx: &Cx) {
    let head = cx.running("a").await;
    let mut request = request(&head, &["t"]);
    for _ in 0..3 {
        let sent = cx.send(to("a", cx.mail("t"))).await;
        let page = cx.read_mail(&request).await;
        assert_eq!(messages(&page), [&sent]);
        request.topics[0].after = page.mail.last().map(|mail| mail.mark);
        let turn = cx.poke_and_claim("a").await;
        let consumed = [turn.messages[0].id, sent.id];
        cx.apply(cx.turn(&turn).append(1).consume(consumed)).await;
    }
}

/// Nobody else's mail is read: not another instance's, not that of another life.
pub(crate) async fn another_life_has_no_mail(cx: &Cx) {
    let head = cx.running("a").await;
    cx.running("b").await;
    cx.send(to("a", cx.mail("t"))).await;
    let mut request = request(&head, &["t"]);
    assert_eq!(cx.read_mail(&request).await.mail.len(), 1);
    request.incarnation = Incarnation(cx.unique());
    assert_eq!(cx.read_mail(&request).await, MailPage::default());
    request.incarnation = cx.head("b").await.incarnation;
    request.instance = id("b");
    assert_eq!(cx.read_mail(&request).await, MailPage::default());
    request.instance = id("absent");
    assert_eq!(cx.read_mail(&request).await, MailPage::default());
}

/// Mail is for whichever execution reads it.
pub(crate) async fn mail_is_addressed_to_no_execution(cx: &Cx) {
    cx.running("a").await;
    let addressed = Message {
        execution: Some(1),
        ..cx.mail("t")
    };
    refused(
        cx.try_send(to("a", addressed.clone())).await,
        ErrorKind::InvalidInput,
    );
    cx.running("b").await;
    let turn = cx.poke_and_claim("b").await;
    let turn = cx.turn(&turn).append(1).send(to("a", addressed));
    refused(cx.try_turn(turn).await, ErrorKind::InvalidInput);

    let mail = cx.send(to("a", cx.mail("t"))).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).continue_as_new().purge_through(1))
        .await;
    let head = cx.head("a").await;
    assert_eq!(
        messages(&cx.read_mail(&request(&head, &["t"])).await),
        [&mail]
    );
}

/// Topics are told apart whatever they are called, and so are the instances.
pub(crate) async fn topics_are_told_apart(cx: &Cx) {
    let head = cx.running("a").await;
    let names = ["", "t", "T", "t ", "t:u", "{t}", "t\u{0}", "tü", "t%"];
    let mut sent = Vec::new();
    for name in names {
        sent.push(cx.send(to("a", cx.mail(name))).await);
    }
    for (name, message) in names.iter().zip(&sent) {
        assert_eq!(
            messages(&cx.read_mail(&request(&head, &[name])).await),
            [message]
        );
    }
}

/// Mail for an instance that has ended is refused, unless it is there already; a turn's is dropped.
pub(crate) async fn the_ended_take_no_mail(cx: &Cx) {
    cx.running("a").await;
    let before = cx.send(to("a", cx.mail("t"))).await;
    let turn = cx.poke_and_claim("a").await;
    cx.apply(cx.turn(&turn).complete()).await;

    refused(cx.try_send(to("a", cx.mail("t"))).await, ErrorKind::Ended);
    cx.send(to("a", before)).await;
    refused(
        cx.try_send(to("absent", cx.mail("t"))).await,
        ErrorKind::NotFound,
    );
    cx.running("b").await;
    let turn = cx.poke_and_claim("b").await;
    let committed = cx
        .apply(cx.turn(&turn).append(1).send(to("a", cx.mail("t"))))
        .await;
    assert_eq!(committed.messages_dropped, 1);
}

/// An instance awaits so many topics, and no more.
pub(crate) async fn what_is_awaited_has_a_limit(cx: &Cx) {
    cx.running("a").await;
    let turn = cx.poke_and_claim("a").await;
    let many: Vec<String> = (0..=AWAITED_TOPICS_MAX).map(|n| format!("{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let over = cx.turn(&turn).append(1).awaiting(&many);
    let error = refused(cx.try_turn(over).await, ErrorKind::LimitExceeded);
    names(&error, "AWAITED_TOPICS_MAX");
    let long: Vec<String> = (0..9)
        .map(|n| format!("{n}{}", "x".repeat(Topic::BYTES_MAX - 1)))
        .collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    assert!(long.len() * Topic::BYTES_MAX > AWAITED_BYTES_MAX);
    let over = cx.turn(&turn).append(1).awaiting(&long);
    let error = refused(cx.try_turn(over).await, ErrorKind::LimitExceeded);
    names(&error, "AWAITED_BYTES_MAX");

    cx.apply(cx.turn(&turn).append(1).awaiting(&many[1..]))
        .await;
    assert_eq!(cx.head("a").await.awaited.len(), AWAITED_TOPICS_MAX);
}
