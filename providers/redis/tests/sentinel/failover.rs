//! The primary is killed, and the one that Sentinel chooses takes its place.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::Provider as _;

use super::ledger::{Work, check_ended, drain};
use super::store::{Look, open, sleep};
use crate::private_sentinel::PrivateSentinel;
use crate::private_server::PrivateServer;

const PATIENCE: Duration = Duration::from_secs(60);
/// How far a replica on the same machine is behind at the most, however busy that is.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// How long the old primary may be written to, if that goes on to take commits.
const KNOWN_IN: Duration = Duration::from_secs(8);
const PAUSE: Duration = Duration::from_millis(20);

/// A primary and a replica, with a sentinel that knows both.
pub(super) async fn watched() -> (PrivateServer, PrivateServer, PrivateSentinel) {
    let primary = PrivateServer::start(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = PrivateServer::start(&[]).await;
    let follow = format!("REPLICAOF 127.0.0.1 {}", primary.address().port());
    replica.command::<String>(&follow).await;
    while replica.info("master_link_status").await != "up" {
        sleep(PAUSE).await;
    }
    let sentinel = PrivateSentinel::start(primary.address()).await;
    while sentinel.replicas().await == 0 {
        sleep(PAUSE).await;
    }
    (primary, replica, sentinel)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn the_one_that_takes_over_is_found_and_nothing_is_stuck() {
    let (mut primary, replica, sentinel) = watched().await;
    let provider = open(&sentinel.url()).await;
    let working = Work::start(&provider, 4, 4);
    working.until_more_end(20, PATIENCE).await;
    sleep(BEHIND_MAX + Duration::from_millis(500)).await;
    primary.kill();
    let killed_at = SystemClock.elapsed();
    working.until_more_end(20, PATIENCE).await;
    assert_eq!(replica.info("role").await, "master");
    let ledger = working.stop().await;

    let mut look = Look::at(&replica).await;
    let stored = look.everything().await;
    ledger.check(&stored, killed_at.saturating_sub(BEHIND_MAX));
    drain(&provider, PATIENCE).await;
    check_ended(&look.everything().await);
    provider.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_failover_that_is_asked_for_is_followed() {
    let (_primary, replica, sentinel) = watched().await;
    let provider = open(&sentinel.url()).await;
    let working = Work::start(&provider, 2, 2);
    working.until_more_end(10, PATIENCE).await;
    sentinel.fail_over().await;
    // Until then the old one takes what will be lost.
    while sentinel.primary_port().await != replica.address().port() {
        sleep(PAUSE).await;
    }
    // By then it is known to whoever only asks now and then.
    sleep(KNOWN_IN).await;
    working.until_more_end(20, PATIENCE).await;
    let ledger = working.stop().await;
    assert!(ledger.begun() > 0);
    drain(&provider, PATIENCE).await;
    let mut look = Look::at(&replica).await;
    check_ended(&look.everything().await);
    provider.close().await;
}
