//! What one process does is heard of by another one, wherever the partition is.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::Provider as _;
use duroxide_redis::RedisProvider;

use super::failover::open;
use super::store::sleep;
use crate::operations::{apply, claim_all, start, turn_queue};
use crate::private_cluster::{PARTITIONS, PrivateCluster, tag};

const LONG: Duration = Duration::from_secs(60);
/// How long it takes to hear of something, as a rule. Whoever asks does so once in a second.
const HEARD: Duration = Duration::from_millis(150);
/// How long it may take until all partitions are listened to, on a busy machine.
const SOON: Duration = Duration::from_secs(20);
const TRIES: usize = 9;

async fn until_listening(cluster: &PrivateCluster, count: i64) {
    let begun = SystemClock.elapsed();
    for partition in 0..PARTITIONS {
        loop {
            let primary = cluster.primary(partition).await;
            let words = format!("PUBSUB SHARDNUMSUB {}bell:0", tag(partition));
            let found: (String, i64) = cluster.nodes[primary].command(&words).await;
            if found.1 == count {
                break;
            }
            assert!(SystemClock.elapsed() - begun < SOON, "{found:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

/// How long it takes as a rule until one has heard of a start by the other.
async fn hears(hearing: &RedisProvider, other: &RedisProvider, name: &str) -> Duration {
    let mut took = Vec::new();
    for number in 0..TRIES {
        let instance = format!("{name}-{number}");
        let queues = turn_queue();
        let waiting = async {
            hearing.wait_for_work(&queues, LONG).await.unwrap();
            SystemClock.elapsed()
        };
        let starting = async {
            // It waits by then.
            sleep(Duration::from_millis(30)).await;
            let at = SystemClock.elapsed();
            apply(other, start(&instance)).await;
            at
        };
        let (heard_at, at) = tokio::join!(waiting, starting);
        claim_all(hearing, &[&instance]).await;
        took.push(heard_at.saturating_sub(at));
    }
    took.sort();
    println!("{name}: {took:?}");
    took[TRIES / 2]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn others_are_heard_by_one_connection_to_each_server_and_after_a_failover() {
    let cluster = PrivateCluster::start().await;
    let (hearing, other) = (open(&cluster).await, open(&cluster).await);
    until_listening(&cluster, 2).await;
    assert!(hears(&hearing, &other, "first").await < HEARD);
    for node in &cluster.nodes {
        let clients: String = node.command("CLIENT LIST TYPE pubsub").await;
        let listening = clients.lines().filter(|it| !it.contains("ssub=0"));
        assert!(listening.count() <= 2, "{clients}");
    }
    let primary = cluster.primary(0).await;
    cluster.fail_over(primary).await;
    until_listening(&cluster, 2).await;
    // A part that was listened to elsewhere is looked at once more.
    sleep(Duration::from_secs(1)).await;
    assert!(hears(&hearing, &other, "promoted").await < HEARD);
    hearing.close().await;
    other.close().await;
}
