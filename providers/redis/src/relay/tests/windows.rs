//! How long the two keep what they have.

use super::pair::{Pair, SOURCE, TARGET, WINDOW_MS};
use super::sender::Sender;
use crate::relay::wire::Start;

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn nothing_is_forgotten_for_a_window_and_all_after_three() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1", "2"]).await;
    pair.relay().await;
    pair.elapse(WINDOW_MS - 1).await;
    pair.relay().await;
    let lengths = (
        pair.links(SOURCE).await.len(),
        pair.links(TARGET).await.len(),
    );
    assert_eq!(lengths, (2, 2));

    pair.elapse(1).await;
    for _ in 0..2 {
        pair.relay().await;
        pair.elapse(WINDOW_MS).await;
    }
    pair.relay().await;
    let lengths = (
        pair.links(SOURCE).await.len(),
        pair.links(TARGET).await.len(),
    );
    assert_eq!(lengths, (0, 0));

    // They go on from there.
    sender.say(&mut pair, SOURCE, "b", &["3"]).await;
    assert_eq!(pair.relay().await.starts, [Start::Here]);
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2", "3"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_source_keeps_what_nobody_has_taken() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    for _ in 0..5 {
        // A relay that comes no further than this.
        let seen = pair.ask().await;
        pair.take(&seen).await;
        pair.elapse(WINDOW_MS).await;
    }
    assert_eq!(pair.links(SOURCE).await.len(), 1);
    pair.relay().await;
    assert_eq!(pair.said(TARGET, "b").await, ["start", "1"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_a_target_may_still_lose_is_kept_for_it() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    for _ in 0..4 {
        pair.relay().await;
        pair.elapse(WINDOW_MS).await;
    }
    assert_eq!(pair.links(SOURCE).await.len(), 0);
    let copy = pair.copy(TARGET).await;
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;
    pair.relay().await;
    // The failover takes the target back by a little less than a window.
    pair.elapse(WINDOW_MS - 1).await;
    pair.relay().await;
    pair.roll_back(TARGET, &copy).await;

    let report = pair.relay().await;
    assert_eq!(
        (report.applied, &report.starts[..]),
        (1, &[Start::Here][..])
    );
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2"]);
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_a_relay_says_late_forgets_nothing_that_may_be_lost() {
    let mut pair = Pair::new().await;
    let mut sender = Sender::start(&mut pair, SOURCE, "a").await;
    Sender::start(&mut pair, TARGET, "b").await;
    sender.say(&mut pair, SOURCE, "b", &["1"]).await;
    pair.relay().await;
    pair.elapse(WINDOW_MS).await;
    let early = pair.ask().await;
    pair.elapse(WINDOW_MS).await;
    sender.say(&mut pair, SOURCE, "b", &["2"]).await;
    pair.relay().await;
    let kept = pair.links(SOURCE).await;
    // It says what was settled when it asked, which is less than what is settled now.
    pair.take(&early).await;
    assert_eq!(pair.links(SOURCE).await, kept);
    let report = pair.relay_from(early).await;
    assert_eq!(report.applied, 0, "{report:?}");
    assert_eq!(pair.said(TARGET, "b").await[1..], ["1", "2"]);
    pair.must_agree().await;
}
