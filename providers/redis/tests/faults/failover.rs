//! A replica takes the place of the primary, and the last writes are lost with that.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider as _};

use super::ledger::{Work, check_ended, drain};
use super::store::{Look, open, sleep};
use crate::forwarder::Forwarder;
use crate::operations::{apply, claim_turn, commit, id, run_one, send, start, turn_queue};
use crate::private_server::PrivateServer;

const PATIENCE: Duration = Duration::from_secs(30);
/// How far a replica on the same machine is behind at the most, however busy that is.
const BEHIND_MAX: Duration = Duration::from_secs(1);

/// A primary, and a replica that follows it.
pub(super) async fn pair() -> (PrivateServer, PrivateServer) {
    let primary = PrivateServer::start(&["--repl-diskless-sync-delay", "0"]).await;
    let replica = PrivateServer::start(&[]).await;
    let port = primary.address().port();
    let follow = format!("REPLICAOF 127.0.0.1 {port}");
    replica.command::<String>(&follow).await;
    while replica.info("master_link_status").await != "up" {
        sleep(Duration::from_millis(20)).await;
    }
    (primary, replica)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_replica_that_takes_over_loses_the_last_writes_and_nothing_is_stuck() {
    let (mut primary, replica) = pair().await;
    let address = Forwarder::to(primary.address()).await;
    let provider = open(&address.url()).await;
    let working = Work::start(&provider, 4, 4);
    sleep(BEHIND_MAX + Duration::from_millis(500)).await;
    // From here on the primary writes for itself.
    replica.command::<String>("REPLICAOF NO ONE").await;
    let promoted_at = SystemClock.elapsed();
    let ended = working.ended();
    working.until_more_end(20, PATIENCE).await;
    assert!(working.ended() > ended);
    primary.kill();
    let ledger = working.stop().await;
    address.switch(replica.address());

    let mut look = Look::at(&replica).await;
    let stored = look.everything().await;
    println!("{} of {} instances", stored.len(), ledger.begun());
    assert!((stored.len() as u64) < ledger.begun(), "nothing was lost");
    ledger.check(&stored, promoted_at.saturating_sub(BEHIND_MAX));
    drain(&provider, PATIENCE).await;
    check_ended(&look.everything().await);
    // Whoever was told of a start that is lost may start it again.
    for client in 0..4 {
        for number in 0..ledger.begun() {
            let instance = format!("{client}-{number}");
            if !stored.contains_key(&instance) {
                apply(&*provider, start(&instance)).await;
                break;
            }
        }
    }
    drain(&provider, PATIENCE).await;
    check_ended(&look.everything().await);
    provider.close().await;
}

/// What a provider knows of the old primary's queues must not hide what comes into the new one's: its
/// numbers begin again where the replica was left behind.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn who_waits_hears_of_work_on_the_promoted_replica() {
    const LONG: Duration = Duration::from_secs(20);
    let (primary, replica) = pair().await;
    let address = Forwarder::to(primary.address()).await;
    let (waiting, other) = (open(&address.url()).await, open(&address.url()).await);
    replica.command::<String>("REPLICAOF NO ONE").await;
    // All of this is lost.
    for number in 0..20 {
        run_one(&*other, &format!("lost {number}")).await;
    }
    let queues = turn_queue();
    let changing = async {
        sleep(Duration::from_millis(300)).await;
        address.switch(replica.address());
        loop {
            match commit(&*other, start("kept")).await {
                Ok(_) => break SystemClock.elapsed(),
                Err(error) => assert!(error.is_retryable(), "{error:?}"),
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    let work = async {
        while waiting.wait_for_work(&queues, LONG).await.is_err() {
            sleep(Duration::from_millis(10)).await;
        }
        SystemClock.elapsed()
    };
    let (at, worked_at) = tokio::join!(changing, work);
    let took = worked_at.saturating_sub(at);
    assert!(took < Duration::from_secs(3), "{took:?}");
    let turn = claim_turn(&*waiting).await;
    assert_eq!(turn.head.instance, id("kept"));
    waiting.close().await;
    other.close().await;
}

/// A primary that was made a replica while it was connected to writes no more, and nor does the provider
/// go on asking it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_primary_that_has_become_a_replica_is_left() {
    let (primary, replica) = pair().await;
    let address = Forwarder::to(primary.address()).await;
    let provider = open(&address.url()).await;
    apply(&*provider, start("a")).await;
    while Look::at(&replica).await.instance("a").await.is_none() {
        sleep(Duration::from_millis(10)).await;
    }
    replica.command::<String>("REPLICAOF NO ONE").await;
    let port = replica.address().port();
    let follow = format!("REPLICAOF 127.0.0.1 {port}");
    primary.command::<String>(&follow).await;
    let error = commit(&*provider, send("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("the primary"), "{error:?}");
    address.switch(replica.address());
    let begun = SystemClock.elapsed();
    while let Err(error) = commit(&*provider, send("a")).await {
        assert!(error.is_retryable(), "{error:?}");
        assert!(SystemClock.elapsed() - begun < PATIENCE, "{error:?}");
        sleep(Duration::from_millis(10)).await;
    }
    let turn = claim_turn(&*provider).await;
    assert!((2..=3).contains(&turn.messages.len()), "{turn:?}");
    provider.close().await;
}
