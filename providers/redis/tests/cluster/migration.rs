//! The keys of a partition are moved to another server.

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider as _, ProviderError};

use super::failover::{PATIENCE, check_all, one_in_each, open};
use super::ledger::Work;
use super::store::sleep;
use crate::operations::{apply, commit, id, run_one, send, turns};
use crate::private_cluster::PrivateCluster;

/// A partition's slot on its way from one node to another one.
struct Move<'a> {
    cluster: &'a PrivateCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl<'a> Move<'a> {
    async fn begin(cluster: &'a PrivateCluster, partition: usize, to: usize) -> Self {
        let slot = cluster.slot(partition).await;
        let from = cluster.primary(partition).await;
        let [from_id, to_id] = [from, to].map(|it| cluster.nodes[it].command("CLUSTER MYID"));
        let (from_id, to_id): (String, String) = (from_id.await, to_id.await);
        let importing = format!("CLUSTER SETSLOT {slot} IMPORTING {from_id}");
        cluster.nodes[to].command::<String>(&importing).await;
        let migrating = format!("CLUSTER SETSLOT {slot} MIGRATING {to_id}");
        cluster.nodes[from].command::<String>(&migrating).await;
        Self {
            cluster,
            slot,
            from,
            to,
        }
    }

    /// Moves so many keys at most; answers how many there were.
    async fn keys(&self, max: usize) -> usize {
        let node = &self.cluster.nodes[self.from];
        let ask = format!("CLUSTER GETKEYSINSLOT {} {max}", self.slot);
        let keys: Vec<String> = node.command(&ask).await;
        if !keys.is_empty() {
            let port = self.cluster.nodes[self.to].address().port();
            let keys = keys.join(" ");
            // Between the port and the database there is an empty word, since there are several keys.
            let words = format!("MIGRATE 127.0.0.1 {port}  0 5000 KEYS {keys}");
            node.command::<String>(&words).await;
        }
        keys.len()
    }

    async fn end(self) {
        while self.keys(10).await > 0 {}
        let id: String = self.cluster.nodes[self.to].command("CLUSTER MYID").await;
        for index in [self.to, self.from] {
            let words = format!("CLUSTER SETSLOT {} NODE {id}", self.slot);
            self.cluster.nodes[index].command::<String>(&words).await;
        }
    }
}

fn assert_being_moved<T: std::fmt::Debug>(answer: Result<T, ProviderError>) {
    let error = answer.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.is_retryable(), "{error:?}");
    assert!(error.message().contains("being moved"), "{error:?}");
}

/// A server that gives a slot away does not call a script of it at all, whatever it has still got of it.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn nothing_is_done_in_a_partition_that_is_being_moved() {
    let cluster = PrivateCluster::start().await;
    let provider = open(&cluster).await;
    let partition = 0;
    let instance = &one_in_each(&cluster, &provider).await[partition];
    let there = cluster.primary(partition).await;
    let to = (there + 1) % 3;
    let moving = Move::begin(&cluster, partition, to).await;
    for step in 0..4 {
        assert_being_moved(commit(&*provider, send(instance)).await);
        assert_being_moved(provider.read_head(&id(instance)).await);
        if step % 2 == 0 {
            // They are called by their hashes until here, and by their texts afterwards.
            cluster.nodes[there].command::<()>("SCRIPT FLUSH").await;
        } else {
            assert!(moving.keys(2).await > 0);
        }
    }
    moving.end().await;
    assert_eq!(cluster.primary_seen_by(to, partition).await, to);
    apply(&*provider, send(instance)).await;
    // The start and what was acknowledged, and nothing of what was refused.
    let mut claimed = provider.claim_turns(&turns(100)).await.unwrap().items;
    claimed.retain(|turn| turn.head.instance == id(instance));
    assert_eq!(claimed.len(), 1, "{claimed:?}");
    assert_eq!(claimed[0].messages.len(), 2, "{claimed:?}");
    provider.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn slots_that_move_under_load_tear_nothing() {
    let cluster = PrivateCluster::start().await;
    let (provider, other) = (open(&cluster).await, open(&cluster).await);
    let mut work = Work::start(&provider, 4, 4);
    work.help(&other, 4);
    work.until_more_end(20, PATIENCE).await;
    let home = cluster.primary(1).await;
    for to in [(home + 1) % 3, home, (home + 2) % 3] {
        let moving = Move::begin(&cluster, 1, to).await;
        while moving.keys(5).await > 0 {
            sleep(Duration::from_millis(5)).await;
        }
        moving.end().await;
        work.until_more_end(20, PATIENCE).await;
    }
    let ledger = work.stop().await;
    check_all(&provider, &ledger).await;
    run_one(&*provider, "afterwards").await;
    provider.close().await;
    other.close().await;
}
