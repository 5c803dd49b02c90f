//! The server is killed, and started again on what it has written.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, ErrorKind, Provider, Until, Watch};
use tokio::task::JoinSet;

use super::ledger::{Work, check_ended, drain};
use super::store::{Look, open, sleep};
use crate::operations::{
    apply, claim_all, commit, end_of, id, run_one, send, start, turn_queue, turns,
};
use crate::private_server::PrivateServer;

const ALWAYS: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "always"];
const EVERY_SECOND: [&str; 4] = ["--appendonly", "yes", "--appendfsync", "everysec"];
const PATIENCE: Duration = Duration::from_secs(30);
/// How much a server that flushes every second may lose: a flush that takes long holds up the next one
/// for as long.
const LOST_MAX: Duration = Duration::from_secs(2);
/// How long a server is away, unless the environment asks for another time, in seconds.
const AWAY: Duration = Duration::from_secs(2);
const AWAY_VARIABLE: &str = "DUROXIDE_TEST_OUTAGE_SECONDS";

/// Kills the server in the middle of work, and checks what it has when it is back.
async fn kill(settings: &[&str], work: Duration, lost_max: Duration) {
    let mut server = PrivateServer::start(settings).await;
    let provider = open(&server.url()).await;
    let working = Work::start(&provider, 4, 4);
    sleep(work).await;
    working.until_more_end(5, PATIENCE).await;
    let killed_at = SystemClock.elapsed();
    server.kill();
    let ledger = working.stop().await;
    server.start_again().await;
    let mut look = Look::at(&server).await;
    ledger.check(&look.everything().await, killed_at.saturating_sub(lost_max));
    drain(&provider, PATIENCE).await;
    let stored = look.everything().await;
    check_ended(&stored);
    // One start for each client may have been under way.
    println!("{} of {} instances", stored.len(), ledger.begun());
    if lost_max.is_zero() {
        assert!(stored.len() as u64 + 4 >= ledger.begun());
    }
    provider.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_flushes_always_keeps_all_that_it_acknowledged() {
    for _ in 0..2 {
        kill(&ALWAYS, Duration::from_millis(500), Duration::ZERO).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_that_flushes_every_second_loses_the_last_ones_and_tears_nothing() {
    kill(&EVERY_SECOND, Duration::from_millis(3_500), LOST_MAX).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn everything_is_done_once_across_an_outage() {
    let mut server = PrivateServer::start(&ALWAYS).await;
    let (first, second) = (open(&server.url()).await, open(&server.url()).await);
    let mut working = Work::start(&first, 4, 3);
    working.help(&second, 3);
    working.until_more_end(20, PATIENCE).await;
    for away in [away(), Duration::ZERO] {
        server.kill();
        sleep(away).await;
        server.start_again().await;
        // More than what was under way.
        working.until_more_end(100, PATIENCE).await;
    }
    let errors = working.ledger.errors();
    assert!(errors.iter().any(|it| it == "Unavailable"), "{errors:?}");
    let ledger = working.stop().await;
    drain(&second, PATIENCE).await;
    let stored = Look::at(&server).await.everything().await;
    ledger.check(&stored, SystemClock.elapsed());
    check_ended(&stored);
    first.close().await;
    second.close().await;
}

fn away() -> Duration {
    let seconds = std::env::var(AWAY_VARIABLE).ok();
    let seconds = seconds.and_then(|text| text.parse().ok());
    seconds.map_or(AWAY, Duration::from_secs)
}

/// What is under way is told that it failed, and closing waits for nothing that does not come.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_provider_closes_while_its_server_is_gone() {
    let mut server = PrivateServer::start(&ALWAYS).await;
    let provider = open(&server.url()).await;
    apply(&*provider, start("a")).await;
    server.kill();
    let mut sending = JoinSet::new();
    for _ in 0..20 {
        let provider = Arc::clone(&provider);
        sending.spawn(async move { commit(&*provider, send("a")).await.unwrap_err() });
    }
    let begun = SystemClock.elapsed();
    provider.close().await;
    let took = SystemClock.elapsed() - begun;
    assert!(took < Duration::from_secs(10), "{took:?}");
    for error in sending.join_all().await {
        let kind = error.kind();
        let is_explained = matches!(kind, ErrorKind::Unavailable | ErrorKind::CommitUnknown);
        assert!(is_explained, "{error:?}");
    }
    let error = provider.claim_turns(&turns(1)).await.unwrap_err();
    assert!(error.message().contains("closed"), "{error:?}");
}

/// Somebody empties the server, or another one that lags behind takes its place where nobody sees it: its
/// numbers begin again, and whoever waits must not take what they number for old.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn who_waits_hears_of_work_on_a_server_that_was_emptied() {
    let server = PrivateServer::start(&[]).await;
    let (waiting, other) = (open(&server.url()).await, open(&server.url()).await);
    for number in 0..20 {
        run_one(&*other, &format!("gone {number}")).await;
    }
    let queues = turn_queue();
    assert!(
        waiting
            .claim_turns(&turns(1))
            .await
            .unwrap()
            .items
            .is_empty()
    );
    server.command::<()>("FLUSHALL").await;
    let begun = SystemClock.elapsed();
    apply(&*other, start("new")).await;
    let waited = waiting.wait_for_work(&queues, Duration::from_secs(60));
    waited.await.unwrap();
    let took = SystemClock.elapsed() - begun;
    assert!(took < Duration::from_secs(15), "{took:?}");
    claim_all(&*waiting, &["new"]).await;
    waiting.close().await;
    other.close().await;
}

/// Whoever waited before an outage hears of what happens after it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn who_waits_through_an_outage_is_woken_after_it() {
    const LONG: Duration = Duration::from_secs(60);
    let mut server = PrivateServer::start(&ALWAYS).await;
    let (waiting, other) = (open(&server.url()).await, open(&server.url()).await);
    apply(&*other, start("watched")).await;
    let turn = claim_all(&*other, &["watched"]).await.remove(0);
    let queues = turn_queue();
    let watched = [Watch {
        instance: id("watched"),
        until: Until::Terminal,
    }];
    let happening = async {
        sleep(Duration::from_millis(300)).await;
        server.kill();
        sleep(Duration::from_millis(500)).await;
        server.start_again().await;
        // It finds the server again by itself.
        while other.claim_turns(&turns(1)).await.is_err() {
            sleep(Duration::from_millis(20)).await;
        }
        sleep(Duration::from_millis(1_500)).await;
        apply(&*other, Commit::Turn(end_of(&turn))).await;
        apply(&*other, start("second")).await;
        SystemClock.elapsed()
    };
    let work = async {
        // It may be told that the server is gone, and asks again as a node does.
        while waiting.wait_for_work(&queues, LONG).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
        SystemClock.elapsed()
    };
    let change = async {
        loop {
            match waiting.wait_for_change(&watched, LONG).await {
                Ok(heads) => return (heads, SystemClock.elapsed()),
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    let (at, worked_at, (heads, changed_at)) = tokio::join!(happening, work, change);
    assert_eq!(heads.len(), 1);
    assert!(worked_at.saturating_sub(at) < Duration::from_secs(3));
    assert!(changed_at.saturating_sub(at) < Duration::from_secs(3));
    claim_all(&*waiting, &["second"]).await;
    waiting.close().await;
    other.close().await;
}
