//! A primary is killed, and its replica takes over by itself.

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use duroxide_core::providers::{ErrorKind, Provider as _};

use super::failover::{one_in_each, open};
use super::store::sleep;
use crate::operations::{apply, commit, id, send};
use crate::private_cluster::{NODE_TIMEOUT, PARTITIONS, PrivateCluster};

/// What it may take beyond the time after which a node is taken for dead: the vote, and a busy machine.
const BEYOND: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_millis(20);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn a_killed_primary_stops_its_partitions_only_and_not_for_long() {
    let mut cluster = PrivateCluster::start().await;
    let provider = open(&cluster).await;
    let instances = one_in_each(&cluster, &provider).await;
    let victim = cluster.primary(0).await;
    let mut hit = Vec::new();
    for partition in 0..PARTITIONS {
        hit.push(cluster.primary(partition).await == victim);
    }
    assert!(hit.iter().any(|it| !it), "all partitions are at one server");
    // What is there may not be lost with the primary.
    sleep(Duration::from_secs(1)).await;
    cluster.nodes[victim].kill();
    let killed_at = SystemClock.elapsed();
    let mut refused = 0;
    let mut is_back = vec![false; PARTITIONS];
    let mut slowest = Duration::ZERO;
    while is_back.iter().any(|it| !it) {
        let begun = SystemClock.elapsed();
        assert!(begun - killed_at < NODE_TIMEOUT + BEYOND, "{is_back:?}");
        for (partition, instance) in instances.iter().enumerate() {
            let begun = SystemClock.elapsed();
            let answer = commit(&*provider, send(instance)).await;
            let read = provider.read_head(&id(instance)).await;
            if !hit[partition] {
                // The others go on as if nothing had happened.
                answer.unwrap();
                assert!(read.unwrap().is_some());
                slowest = slowest.max(SystemClock.elapsed() - begun);
                is_back[partition] = true;
                continue;
            }
            is_back[partition] = answer.is_ok() && read.is_ok();
            for error in answer.err().into_iter().chain(read.err()) {
                let kind = error.kind();
                assert!(
                    matches!(kind, ErrorKind::Unavailable | ErrorKind::CommitUnknown),
                    "{error:?}"
                );
                assert!(error.is_retryable(), "{error:?}");
                refused += 1;
            }
        }
        sleep(PAUSE).await;
    }
    let took = SystemClock.elapsed() - killed_at;
    println!("back after {took:?}, {refused} refusals, {slowest:?} at most elsewhere");
    assert!(refused > 0, "nobody noticed");
    // It comes back as a replica of the one that took over.
    cluster.nodes[victim].start_again().await;
    for instance in &instances {
        apply(&*provider, send(instance)).await;
    }
    provider.close().await;
}
