//! What processes do with the relay: with their commits, and in rounds.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, Committed, Provider};
use futures_util::future::join_all;

use super::pair::{Pair, SOURCE, TARGET, WINDOW_MS, tag};
use super::sender::{Sender, to};
use crate::RedisProvider;

const BUDGET: Duration = Duration::from_secs(10);
/// Within which time something happens that real time brings.
const SOON: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(50);

/// The first id with these letters that belongs to a partition.
fn named(provider: &RedisProvider, part: usize, letters: &str) -> String {
    let mut names = (0..100).map(|number| format!("{letters}{number}"));
    let partitions = &provider.setup.partitions;
    names
        .find(|name| partitions.index_of(name) == part)
        .unwrap()
}

/// A process on two partitions, with an instance in each.
struct Process {
    pair: Pair,
    provider: RedisProvider,
    sender: Sender,
    receiver: String,
}

impl Process {
    async fn new() -> Self {
        let mut pair = Pair::new().await;
        let provider = pair.provider().await;
        let sender = Sender::start(&mut pair, SOURCE, &named(&provider, SOURCE, "a")).await;
        let receiver = named(&provider, TARGET, "b");
        Sender::start(&mut pair, TARGET, &receiver).await;
        Self {
            pair,
            provider,
            sender,
            receiver,
        }
    }

    /// Commits a turn that sends these to the receiver, and answers how many were dropped.
    async fn say(&mut self, bodies: &[&str]) -> usize {
        let messages = bodies.iter().map(|body| to(&self.receiver, body));
        let turn = self.sender.turn(messages.collect());
        self.commit(turn).await
    }

    async fn commit(&self, turn: Commit) -> usize {
        let mut answers = self.provider.commit(vec![turn]).await;
        let Ok(Committed::Turn(committed)) = answers.remove(0) else {
            panic!("{answers:?}");
        };
        committed.messages_dropped
    }

    /// Leaves what a process leaves that ends between its commit and what follows it.
    async fn leave(&mut self, bodies: &[&str]) {
        let receiver = self.receiver.clone();
        self.sender
            .say(&mut self.pair, SOURCE, &receiver, bodies)
            .await;
    }

    /// What the receiver has heard.
    async fn heard(&mut self) -> Vec<String> {
        self.pair.said(TARGET, &self.receiver).await.split_off(1)
    }

    /// Has a round made, if one is due, and answers how many commands that took.
    async fn maintain(&self) -> (u64, Duration) {
        let before = self.provider.setup.access.calls();
        let next = self.provider.maintain(BUDGET).await.unwrap().unwrap();
        // One for each partition clears what may go.
        (self.provider.setup.access.calls() - before - 2, next)
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_commit_answers_when_its_messages_are_there() {
    let mut process = Process::new().await;
    assert_eq!(process.say(&["1", "2"]).await, 0);
    assert_eq!(process.heard().await, ["1", "2"]);
    // Drops are counted wherever they happen.
    let absent = [
        named(&process.provider, SOURCE, "no"),
        named(&process.provider, TARGET, "no"),
    ];
    let mut messages: Vec<_> = absent.iter().map(|it| to(it, "-")).collect();
    messages.push(to(&process.receiver, "3"));
    messages.push(to(&absent[1], "-"));
    let turn = process.sender.turn(messages);
    assert_eq!(process.commit(turn).await, 3);
    assert_eq!(process.heard().await, ["1", "2", "3"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn who_knows_where_a_target_stands_needs_one_call() {
    let mut process = Process::new().await;
    process.say(&["1"]).await;
    let mut calls = Vec::new();
    for body in ["2", "3"] {
        let before = process.provider.setup.access.calls();
        process.say(&[body]).await;
        calls.push(process.provider.setup.access.calls() - before);
    }
    // The signs of life may come between, but not each time.
    assert!(calls.contains(&2), "{calls:?}");
    // Another relay was there, so that the target stands elsewhere.
    process.leave(&["4"]).await;
    process.pair.relay().await;
    process.say(&["5"]).await;
    assert_eq!(process.heard().await, ["1", "2", "3", "4", "5"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn what_a_commit_has_left_goes_before_the_next_one() {
    let mut process = Process::new().await;
    process.say(&["1"]).await;
    process.leave(&["2"]).await;
    process.say(&["3"]).await;
    assert_eq!(process.heard().await, ["1", "2", "3"]);
    process.pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_commit_finds_out_that_a_target_was_rolled_back() {
    let mut process = Process::new().await;
    process.say(&["1"]).await;
    let copy = process.pair.copy(TARGET).await;
    process.say(&["2"]).await;
    process.pair.roll_back(TARGET, &copy).await;
    assert_eq!(process.heard().await, ["1"]);
    // It stands where this process thinks, but the target does not.
    process.say(&["3"]).await;
    assert_eq!(process.heard().await, ["1", "2", "3"]);
    process.pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn processes_that_send_at_once_deliver_once_and_in_order() {
    let mut pair = Pair::new().await;
    let providers = [
        Arc::new(pair.provider().await),
        Arc::new(pair.provider().await),
    ];
    let receiver = named(&providers[0], TARGET, "b");
    Sender::start(&mut pair, TARGET, &receiver).await;
    let mut tasks = Vec::new();
    for (number, letters) in ["p", "q", "r", "s"].into_iter().enumerate() {
        let provider = Arc::clone(&providers[number % 2]);
        let name = named(&provider, SOURCE, letters);
        let mut sender = Sender::start(&mut pair, SOURCE, &name).await;
        let receiver = receiver.clone();
        tasks.push(tokio::spawn(async move {
            for number in 0..50 {
                let turn = sender.turn(vec![to(&receiver, &format!("{letters}{number}"))]);
                let answer = provider.commit(vec![turn]).await.remove(0);
                assert!(answer.is_ok(), "{answer:?}");
            }
        }));
    }
    for ended in join_all(tasks).await {
        ended.unwrap();
    }

    let heard = pair.said(TARGET, &receiver).await.split_off(1);
    assert_eq!(heard.len(), 200);
    for letters in ["p", "q", "r", "s"] {
        let of_one = heard.iter().filter(|body| body.starts_with(letters));
        let expected = (0..50).map(|number| format!("{letters}{number}"));
        assert!(of_one.eq(&expected.collect::<Vec<_>>()), "{heard:?}");
    }
    pair.must_agree().await;
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn many_messages_of_one_commit_come_in_slices() {
    let mut process = Process::new().await;
    process.say(&["first"]).await;
    let bodies: Vec<String> = (0..1_200).map(|number| number.to_string()).collect();
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    process.say(&bodies).await;
    assert_eq!(process.heard().await[1..], bodies);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_round_brings_what_was_left() {
    let mut process = Process::new().await;
    process.leave(&["1", "2"]).await;
    process.maintain().await;
    assert_eq!(process.heard().await, ["1", "2"]);
    // The next one is due soon, since the two still keep what was brought.
    process.leave(&["3"]).await;
    let (calls, next) = process.maintain().await;
    assert!(calls <= 2, "{calls}");
    assert_eq!(next, Duration::from_secs(10));
    assert_eq!(process.heard().await, ["1", "2"]);
    process.pair.elapse(10_000).await;
    process.maintain().await;
    assert_eq!(process.heard().await, ["1", "2", "3"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn after_three_windows_nothing_is_kept_and_rounds_are_rare() {
    let mut process = Process::new().await;
    process.say(&["1", "2"]).await;
    // A window is measured from the round that first sees what was sent.
    for _ in 0..=3 * WINDOW_MS / 10_000 {
        process.maintain().await;
        process.pair.elapse(10_000).await;
    }
    let mut kept = Vec::new();
    for part in [SOURCE, TARGET] {
        kept.push(process.pair.links(part).await.len());
    }
    assert_eq!(kept, [0, 0]);
    let mut next = Duration::ZERO;
    for _ in 0..3 {
        process.pair.elapse(10_000).await;
        next = next.max(process.maintain().await.1);
    }
    assert!(next > Duration::from_secs(10), "{next:?}");
    process.say(&["3"]).await;
    assert!(process.maintain().await.1 <= Duration::from_secs(10));
    assert_eq!(process.heard().await, ["1", "2", "3"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn one_process_makes_the_rounds_of_all() {
    let mut process = Process::new().await;
    process.leave(&["1"]).await;
    process.maintain().await;
    process.leave(&["2"]).await;
    // Another one finds that somebody has just looked.
    let other = process.pair.provider().await;
    other.maintain(BUDGET).await.unwrap();
    assert_eq!(process.heard().await, ["1"]);
    process.pair.elapse(10_000).await;
    other.maintain(BUDGET).await.unwrap();
    assert_eq!(process.heard().await, ["1", "2"]);
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_process_that_vanishes_has_its_messages_brought() {
    let mut process = Process::new().await;
    process.maintain().await;
    process.leave(&["1"]).await;
    // A process that gave a sign of life long ago.
    let nodes = tag(SOURCE) + "nodes";
    let words: [&[u8]; 4] = [b"ZADD", nodes.as_bytes(), b"1", b"another process."];
    process.pair.ask_server::<()>(&words).await;
    let mut waited = Duration::ZERO;
    while process.heard().await.is_empty() {
        assert!(waited < SOON, "nobody brings it");
        SystemClock.sleep(LOOK).await;
        waited += LOOK;
    }
}

#[tokio::test]
#[ignore = "needs a Redis server: cargo xtask test finds or starts one"]
async fn a_target_that_fails_does_not_hold_up_commits() {
    let mut process = Process::new().await;
    process.say(&["1"]).await;
    // Somebody else writes into its log, which it then leaves alone.
    let log = tag(TARGET) + "t:0";
    let words: [&[u8]; 3] = [b"RPUSH", log.as_bytes(), b"stranger"];
    process.pair.ask_server::<()>(&words).await;
    assert_eq!(process.say(&["2"]).await, 0);
    assert_eq!(process.say(&["3"]).await, 0);
    process.provider.maintain(BUDGET).await.unwrap();
    assert_eq!(process.heard().await, ["1"]);

    let words: [&[u8]; 2] = [b"RPOP", log.as_bytes()];
    process.pair.ask_server::<Vec<u8>>(&words).await;
    process.pair.elapse(10_000).await;
    process.maintain().await;
    assert_eq!(process.heard().await, ["1", "2", "3"]);
    assert_eq!(process.say(&["4"]).await, 0);
    assert_eq!(process.heard().await, ["1", "2", "3", "4"]);
}
