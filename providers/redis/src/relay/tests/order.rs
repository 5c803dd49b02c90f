//! Each message comes once and in order, whatever calls are lost or repeated.

use std::time::Duration;

use super::pair::{Pair, SOURCE, TARGET, tag};
use super::sender::{Sender, message, to};
use crate::relay::place::Place;
use crate::relay::wire::Start;

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn messages_come_once_and_in_order() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1", "2"]).await;
    sender.say(&mut pair, SOURCE, "b", &["3"]).await;
    assert_eq!(pair.said(TARGET, "b").await, ["start"]);

    let report = pair.relay().await;
    assert_eq!((report.applied, report.deliveries), (3, 1), "{report:?}");
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2", "3"]);
    let report = pair.relay().await;
    assert_eq!(report.deliveries, 0, "{report:?}");
    sender.say(&mut pair, SOURCE, "b", &["4"]).await;
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2", "3", "4"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn answers_are_lost_and_calls_repeated() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1", "2"]).await;

    // The answer to an ask, to a take, and to a delivery is lost, and each is called again.
    drop(pair.ask().await);
    let first = pair.ask().await;
    drop(pair.take(&first).await);
    let batch = pair.take(&first).await;
    drop(pair.deliver(&first, &batch).await);
    let again = pair.deliver(&first, &batch).await;
    assert!(!again.fits);
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2"]);

    // A relay that knows nothing but what was a while ago finds its way.
    sender.say(&mut pair, SOURCE, "b", &["3"]).await;
    pair.relay_from(first.clone()).await;
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2", "3"]);
    assert!(!pair.deliver(&first, &batch).await.fits);
    pair.relay_from(again.seen).await;
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2", "3"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn two_relays_at_once_deliver_once() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    let one = pair.ask().await;
    let one_holds = pair.take(&one).await;
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;
    let two = pair.ask().await;
    let two_holds = pair.take(&two).await;

    let two = pair.deliver(&two, &two_holds).await;
    assert_eq!((two.fits, two.applied), (true, 2));
    let one = pair.deliver(&one, &one_holds).await;
    assert_eq!((one.fits, one.applied), (false, 0));
    sender.say(&mut pair, SOURCE, "b", &["3"]).await;
    let batches = [pair.take(&one.seen).await, pair.take(&two.seen).await];
    assert_eq!(batches[0].entries, batches[1].entries);
    assert!(pair.deliver(&one.seen, &batches[0]).await.fits);
    assert!(!pair.deliver(&two.seen, &batches[1]).await.fits);
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2", "3"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_commit_tells_what_it_has_sent() {
    let mut pair = Pair::new().await;
    let mut senders = Vec::new();
    for name in ["a", "c"] {
        senders.push(Sender::start(&mut pair, SOURCE, name).await);
    }
    Sender::start(&mut pair, TARGET, "b").await;
    let turns = [
        senders[0].turn(vec![to("b", "1"), to("here", "-"), to("b", "2")]),
        // It was applied before: what it sends is not sent again.
        senders[1].turn(vec![to("b", "3")]),
    ];
    let repeated = [turns[0].clone(), turns[1].clone(), turns[1].clone()];
    let committed = pair.commit_all(SOURCE, &repeated, &["here"]).await;

    let dropped: Vec<_> = committed.answers.iter().map(|it| it.dropped).collect();
    assert_eq!(dropped, [1, 0, 0], "nobody is called `here`");
    let [(part, before, entries)] = &committed.sent[..] else {
        panic!("{committed:?}");
    };
    assert_eq!((*part, *before), (TARGET, Default::default()));
    let places: Vec<_> = entries
        .iter()
        .map(|(member, place, _)| (*member, *place))
        .collect();
    assert_eq!(places, [(0, 0), (0, 2), (1, 0)]);
    let seen = pair.ask().await;
    let batch = pair.take(&seen).await;
    let links = |it: &[(usize, usize, _)]| it.iter().map(|(_, _, link)| *link).collect::<Vec<_>>();
    assert_eq!(
        batch.entries.iter().map(|it| it.1).collect::<Vec<_>>(),
        links(entries)
    );

    // The next commit's stand behind these.
    let turn = senders[0].turn(vec![to("b", "4")]);
    let next = pair.commit(SOURCE, turn).await;
    assert_eq!(next.sent[0].1, Place(3, batch.entries[2].1));
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_turn_that_is_refused_sends_nothing() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    let mut stale = sender.clone();
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    let turn = stale.turn(vec![to("b", "2")]);
    let committed = pair.commit_all(SOURCE, &[turn], &[]).await;
    assert_eq!(committed.answers[0].no.as_deref(), Some("conflict"));
    assert_eq!(committed.sent.len(), 0);
    assert_eq!(pair.links(SOURCE).await.len(), 1);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_turn_that_fails_in_its_middle_sends_nothing() {
    let mut pair = Pair::new().await;
    let mut senders = Vec::new();
    for name in ["a", "c"] {
        senders.push(Sender::start(&mut pair, SOURCE, name).await);
    }
    let head = tag(SOURCE) + "i:damaged";
    pair.ask_server::<()>(&[b"SET", head.as_bytes(), b"\xc1"])
        .await;
    let turns = [
        senders[0].turn(vec![to("b", "1"), to("damaged", "-")]),
        senders[1].turn(vec![to("b", "2")]),
    ];
    let committed = pair.commit_all(SOURCE, &turns, &["damaged"]).await;
    assert_eq!(committed.answers[0].no.as_deref(), Some("damaged"));
    assert_eq!(committed.answers[1].no, None);
    let sent: Vec<_> = committed.sent[0].2.iter().map(|it| (it.0, it.1)).collect();
    assert_eq!(sent, [(1, 0)]);
    assert_eq!(pair.links(SOURCE).await.len(), 1);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_nobody_is_there_for_is_counted_where_it_arrives() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    let other = Sender::start(&mut pair, TARGET, "b").await;
    let gone = Sender::begun("b", message("").id);
    let turn = sender.turn(vec![to("absent", "1"), other.told("2"), gone.told("3")]);
    assert_eq!(pair.commit(SOURCE, turn).await.answers[0].dropped, 0);

    let seen = pair.ask().await;
    let batch = pair.take(&seen).await;
    assert_eq!(pair.deliver(&seen, &batch).await.dropped, [0, 2]);
    assert_eq!(pair.said(TARGET, "b").await, ["start", "2"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_damaged_receiver_holds_up_nobody() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    for name in ["b", "c"] {
        Sender::start(&mut pair, TARGET, name).await;
    }
    let head = tag(TARGET) + "i:b";
    pair.ask_server::<()>(&[b"SET", head.as_bytes(), b"\xc1"])
        .await;
    let turn = sender.turn(vec![to("b", "1"), to("c", "2")]);
    pair.commit(SOURCE, turn).await;

    let seen = pair.ask().await;
    let batch = pair.take(&seen).await;
    let delivered = pair.deliver(&seen, &batch).await;
    assert_eq!((delivered.applied, &delivered.dropped[..]), (2, &[0][..]));
    assert_eq!(delivered.failed.len(), 1);
    assert_eq!(pair.said(TARGET, "c").await, ["start", "2"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn many_messages_come_in_slices() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    let bodies: Vec<String> = (0..1_500).map(|number| format!("{number}")).collect();
    for slice in bodies.chunks(100) {
        let slice: Vec<&str> = slice.iter().map(String::as_str).collect();
        sender.say(&mut pair, SOURCE, "b", &slice).await;
    }

    let seen = pair.ask().await;
    let batch = pair.take(&seen).await;
    assert_eq!(batch.entries.len(), 512);
    let report = pair.relay().await;
    assert_eq!((report.applied, report.deliveries), (1_500, 3));
    assert_eq!(pair.said(TARGET, "b").await[1..], bodies);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn long_messages_come_in_slices_and_the_longest_alone() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    let long = ["1", "2", "3"].map(|it| it.repeat(400 * 1024));
    let longest = "4".repeat(2 * 1024 * 1024);
    let bodies = [&long[0], &long[1], &long[2], &longest, "5"];
    sender.say(&mut pair, SOURCE, "b", &bodies).await;

    let report = pair.relay().await;
    // Two, the third one, the longest, and the last one.
    assert_eq!((report.applied, report.deliveries), (5, 4), "{report:?}");
    assert_eq!(pair.said(TARGET, "b").await[1..], bodies);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_delay_counts_from_the_commit() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    let mut later = to("b", "later");
    later.delay = Duration::from_secs(10);
    let turn = sender.turn(vec![later.clone(), to("b", "now")]);
    pair.commit(SOURCE, turn).await;
    pair.elapse(4_000).await;
    pair.relay().await;
    let expected = [("start", 0), ("now", 0), ("later", 6_000)];
    let inbox = pair.inbox(TARGET, "b").await;
    assert_eq!(
        inbox
            .iter()
            .map(|(it, due)| (&**it, *due))
            .collect::<Vec<_>>(),
        expected
    );

    // What has waited for longer than its delay is due at once.
    later.message = message("long ago");
    let turn = sender.turn(vec![later]);
    pair.commit(SOURCE, turn).await;
    pair.elapse(11_000).await;
    pair.relay().await;
    let last = pair.inbox(TARGET, "b").await.pop().unwrap();
    assert_eq!(last, ("long ago".to_owned(), 0));
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_child_is_created_and_its_end_comes_back() {
    let mut pair = Pair::new().await;
    let mut parent = Sender::start(&mut pair, SOURCE, "parent").await;
    let start = message("go");
    let mut child = Sender::begun("child", start.id);
    let envelope = parent.child("child", "Child", start);
    let turn = parent.turn(vec![envelope.clone()]);
    pair.commit(SOURCE, turn).await;
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "child").await, ["go"]);
    // The start of an id that exists is told to whoever is there (STA-03); the same start does nothing.
    let other = parent.child("child", "Other", message("again"));
    let turn = parent.turn(vec![other, envelope]);
    pair.commit(SOURCE, turn).await;
    let report = pair.relay().await;
    assert_eq!((report.applied, report.dropped), (2, 0));
    let head = pair.head(TARGET, "child").await.unwrap();
    assert_eq!((head.control_count, head.ghost), (1, None));
    assert_eq!(pair.said(TARGET, "child").await, ["go"]);

    let end = child.end(vec![parent.told("done")]);
    pair.commit(TARGET, end).await;
    assert_eq!(pair.relay_back().await.starts, [Start::Here]);
    assert_eq!(pair.said(SOURCE, "parent").await, ["start", "done"]);
}
