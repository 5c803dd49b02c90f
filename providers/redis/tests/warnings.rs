//! Warnings reach the log of a program whose log is set up after its store was opened. The log is that of the
//! process, so that this test has one of its own.

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;
mod support_opening;

use std::time::Duration;

use duroxide_core::providers::Provider as _;
use duroxide_redis::RedisProvider;

use operations::{activities, run_one};
use private_server::PrivateServer;
use support_opening::log;

/// What is said of a server without an append-only file.
const WARNING: &str = "keeps no append-only file";

fn warnings() -> usize {
    log::said().matches(WARNING).count()
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_warning_waits_for_the_log() {
    let server = PrivateServer::start(&["--appendonly", "no"]).await;
    let open = async || RedisProvider::new(&server.url(), None).await.unwrap();
    let [first, second] = [open().await, open().await];
    log::capture();
    assert_eq!(warnings(), 0);
    // By the first claim, and only by that.
    first.claim_activities(&activities(1)).await.unwrap();
    assert_eq!(warnings(), 1, "{}", log::said());
    run_one(&first, "one").await;
    first.maintain(Duration::ZERO).await.unwrap();
    assert_eq!(warnings(), 1, "{}", log::said());
    second.maintain(Duration::ZERO).await.unwrap();
    assert_eq!(warnings(), 2, "{}", log::said());
    assert!(log::said().contains(&server.address().to_string()));
    // Where there is a log, nothing waits.
    let third = open().await;
    assert_eq!(warnings(), 3, "{}", log::said());
    third.claim_activities(&activities(1)).await.unwrap();
    assert_eq!(warnings(), 3, "{}", log::said());
    for provider in [first, second, third] {
        provider.close().await;
    }
}
