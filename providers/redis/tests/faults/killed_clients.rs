//! Connections end while nodes work, and the server forgets its scripts.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{Commit, Provider as _};

use super::ledger::{Work, check_ended, drain};
use super::store::{Look, open, sleep};
use crate::operations::{apply, claim_all, commit, end_of, send, start};
use crate::private_server::PrivateServer;

const PATIENCE: Duration = Duration::from_secs(30);
const DURATION: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(40);

/// Does something to the server again and again while two nodes work on it, and checks that all is done
/// once.
async fn work_while(disturbances: &[&str]) -> Vec<String> {
    let server = PrivateServer::start(&[]).await;
    let (first, second) = (open(&server.url()).await, open(&server.url()).await);
    let mut working = Work::start(&first, 4, 3);
    working.help(&second, 3);
    let begun = SystemClock.elapsed();
    for disturbance in disturbances.iter().cycle() {
        if SystemClock.elapsed() - begun > DURATION {
            break;
        }
        server.command::<redis::Value>(disturbance).await;
        sleep(PAUSE).await;
    }
    working.until_more_end(50, PATIENCE).await;
    let ended = working.ended();
    let ledger = working.stop().await;
    drain(&second, PATIENCE).await;
    let stored = Look::at(&server).await.everything().await;
    ledger.check(&stored, SystemClock.elapsed());
    check_ended(&stored);
    println!("{ended} instances, {:?}", ledger.errors());
    first.close().await;
    second.close().await;
    ledger.errors()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn scripts_that_the_server_forgets_are_told_again_and_nobody_notices() {
    let errors = work_while(&["SCRIPT FLUSH"]).await;
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn everything_is_done_once_while_connections_end() {
    let normal = "CLIENT KILL TYPE normal SKIPME yes";
    let listening = "CLIENT KILL TYPE pubsub SKIPME yes";
    let errors = work_while(&[normal, listening, listening]).await;
    assert!(errors.iter().any(|it| it == "CommitUnknown"), "{errors:?}");
}

/// A connection that has ended while nobody used it is replaced before its next use.
#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn connections_that_have_died_unused_cost_nothing() {
    let server = PrivateServer::start(&[]).await;
    let provider = open(&server.url()).await;
    apply(&*provider, start("a")).await;
    for round in 1..=5 {
        let killed: u64 = server.command("CLIENT KILL TYPE normal SKIPME yes").await;
        assert!(killed > 0);
        // They have been told by then.
        sleep(Duration::from_millis(100)).await;
        let sent = commit(&*provider, send("a")).await;
        assert!(sent.is_ok(), "{round}: {sent:?}");
    }
    let turn = claim_all(&*provider, &["a"]).await.remove(0);
    assert_eq!(turn.messages.len(), 6);
    server
        .command::<u64>("CLIENT KILL TYPE normal SKIPME yes")
        .await;
    server.command::<String>("SCRIPT FLUSH").await;
    sleep(Duration::from_millis(100)).await;
    apply(&*provider, Commit::Turn(end_of(&turn))).await;
    provider.close().await;
}
