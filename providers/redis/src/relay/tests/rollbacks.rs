//! A failover takes one of the two back to how it was.

use super::pair::{Pair, SOURCE, TARGET};
use super::sender::Sender;
use crate::relay::wire::Start;

/// A pair, and a sender that has told `b` these.
async fn after(bodies: &[&str]) -> (Pair, Sender) {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", bodies).await;
    pair.relay().await;
    // A failover takes longer than a millisecond.
    pair.elapse(1).await;
    (pair, sender)
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_target_that_was_rolled_back_gets_it_again() {
    let (mut pair, mut sender) = after(&["1", "2"]).await;
    let copy = pair.copy(TARGET).await;
    sender.say(&mut pair, SOURCE, "b", &["3", "4"]).await;
    let before = pair.ask().await;
    let old = pair.take(&before).await;
    pair.relay().await;
    pair.roll_back(TARGET, &copy).await;
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1", "2"]);

    sender.say(&mut pair, SOURCE, "b", &["5"]).await;
    let report = pair.relay().await;
    assert_eq!(
        (report.applied, &report.starts[..]),
        (3, &[Start::Here][..])
    );
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2", "3", "4", "5"]);
    assert!(!pair.deliver(&before, &old).await.fits);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_a_source_has_lost_is_given_up() {
    let (mut pair, mut sender) = after(&["1", "2"]).await;
    let (copy, sender_then) = (pair.copy(SOURCE).await, sender.clone());
    sender.say(&mut pair, SOURCE, "b", &["3", "4"]).await;
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2", "3", "4"]);
    pair.elapse(1).await;
    pair.roll_back(SOURCE, &copy).await;

    // As many again: by their numbers nobody could tell.
    let mut sender = sender_then;
    sender.say(&mut pair, SOURCE, "b", &["5", "6"]).await;
    let report = pair.relay().await;
    assert_eq!(report.starts, [Start::Back]);
    assert_eq!(report.ghosts[0].messages, ["b", "b"]);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2", "5", "6"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn ghosts_are_given_up_although_nothing_new_is_sent() {
    let (mut pair, mut sender) = after(&["1"]).await;
    let copy = pair.copy(SOURCE).await;
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;
    pair.relay().await;
    pair.roll_back(SOURCE, &copy).await;
    let report = pair.relay().await;
    assert_eq!(report.starts, [Start::Back]);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1"]);
    assert_eq!(pair.relay().await.deliveries, 0);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_batch_of_a_lost_past_does_not_fit_again() {
    let (mut pair, mut sender) = after(&["1"]).await;
    let copy = pair.copy(SOURCE).await;
    sender.say(&mut pair, SOURCE, "b", &["ghost"]).await;
    let seen = pair.ask().await;
    let batch = pair.take(&seen).await;
    pair.deliver(&seen, &batch).await;
    pair.roll_back(SOURCE, &copy).await;
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1"]);

    // The target stands where it stood, but has gone back in between.
    let now = pair.ask().await;
    assert_eq!(now.position().place, seen.position().place);
    assert_ne!(now.position(), seen.position());
    assert!(!pair.deliver(&seen, &batch).await.fits);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn both_are_rolled_back() {
    let (mut pair, mut sender) = after(&["1"]).await;
    let (source, sender_then) = (pair.copy(SOURCE).await, sender.clone());
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;
    pair.relay().await;
    let target = pair.copy(TARGET).await;
    sender.say(&mut pair, SOURCE, "b", &["3"]).await;
    pair.relay().await;
    pair.elapse(1).await;
    pair.roll_back(TARGET, &target).await;
    pair.roll_back(SOURCE, &source).await;

    let mut sender = sender_then;
    sender.say(&mut pair, SOURCE, "b", &["4"]).await;
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "4"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_target_tells_as_many_links_as_it_takes() {
    let (mut pair, mut sender) = after(&["1"]).await;
    let copy = pair.copy(SOURCE).await;
    sender.say(&mut pair, SOURCE, "b", &["2", "3", "4"]).await;
    pair.relay().await;
    pair.roll_back(SOURCE, &copy).await;

    for (links, start) in [
        (0, Start::Unknown),
        (2, Start::Unknown),
        // The place before them counts.
        (3, Start::Back),
        (100, Start::Back),
    ] {
        let seen = pair.ask_links(links).await;
        assert_eq!(pair.take(&seen).await.start, start, "{links}");
    }
    assert_eq!(pair.relay().await.ghosts[0].messages.len(), 3);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn many_ghosts_are_given_up_in_slices() {
    let (mut pair, mut sender) = after(&["1"]).await;
    let (copy, sender_then) = (pair.copy(SOURCE).await, sender.clone());
    let ghosts: Vec<String> = (0..1_100).map(|number| format!("ghost {number}")).collect();
    for slice in ghosts.chunks(100) {
        let slice: Vec<&str> = slice.iter().map(String::as_str).collect();
        sender.say(&mut pair, SOURCE, "b", &slice).await;
    }
    pair.relay().await;
    pair.elapse(1).await;
    pair.roll_back(SOURCE, &copy).await;
    let mut sender = sender_then;
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;

    let report = pair.relay().await;
    assert_eq!(report.starts, [Start::Back; 3]);
    let counts = report.ghosts.iter().map(|it| it.messages.len());
    assert_eq!(counts.collect::<Vec<_>>(), [512, 512, 76]);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn beyond_the_window_the_two_begin_anew() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    let (empty, sender_then) = (pair.copy(SOURCE).await, sender.clone());
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    for _ in 0..4 {
        pair.relay().await;
        pair.elapse(super::pair::WINDOW_MS).await;
    }
    assert_eq!(pair.links(TARGET).await.len(), 0);
    pair.roll_back(SOURCE, &empty).await;
    let mut sender = sender_then;
    sender.say(&mut pair, SOURCE, "b", &["2", "3"]).await;

    let report = pair.relay().await;
    assert_eq!(report.starts, [Start::Over]);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2", "3"]);
    sender.say(&mut pair, SOURCE, "b", &["4"]).await;
    assert_eq!(pair.relay().await.starts, [Start::Here]);
    pair.must_agree().await;
}
