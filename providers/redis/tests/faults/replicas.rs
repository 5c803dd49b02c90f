//! Commits that replicas have to have before they are acknowledged.

use std::time::Duration;

use duroxide_core::providers::{Commit, Committed, ErrorKind, Provider as _};
use duroxide_redis::{RedisOptions, RedisProvider};

use super::failover::pair;
use crate::operations::{claim_turn, commit, end_of, id, start};
use crate::private_server::PrivateServer;

async fn open(primary: &PrivateServer) -> RedisProvider {
    let options = RedisOptions::default()
        .replicas_min(1)
        .answer_timeout(Duration::from_secs(4));
    RedisProvider::new(&primary.url(), Some(options))
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_is_acknowledged_once_a_replica_has_it() {
    let (primary, replica) = pair().await;
    let provider = open(&primary).await;
    for number in 0..20 {
        let instance = format!("i{number}");
        commit(&provider, start(&instance)).await.unwrap();
        // It is there at once: nobody has waited for it here.
        let key = format!("EXISTS {{duroxide:0}}:i:{instance}");
        assert!(replica.command::<bool>(&key).await, "{instance}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_commit_that_no_replica_has_is_repeated_until_one_has() {
    let (primary, mut replica) = pair().await;
    let provider = open(&primary).await;
    commit(&provider, start("a")).await.unwrap();
    let turn = claim_turn(&provider).await;
    let end = Commit::Turn(end_of(&turn));
    replica.kill();

    let error = commit(&provider, end.clone()).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::CommitUnknown, "{error}");
    assert!(error.to_string().contains("replicas_min"), "{error}");
    let again = commit(&provider, end.clone()).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::CommitUnknown, "{again}");
    replica.start_again().await;
    let follow = format!("REPLICAOF 127.0.0.1 {}", primary.address().port());
    replica.command::<String>(&follow).await;
    while replica.info("master_link_status").await != "up" {
        super::store::sleep(Duration::from_millis(20)).await;
    }
    let known = commit(&provider, end).await.unwrap();
    let Committed::Turn(known) = known else {
        panic!("{known:?}");
    };
    assert!(known.repeated);
    assert!(provider.read_head(&id("a")).await.unwrap().is_some());
}
