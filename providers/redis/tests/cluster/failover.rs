//! A replica takes over from its primary while there is work, without a loss.

use std::sync::Arc;
use std::time::Duration;

use duroxide_core::providers::{InstanceStatus, Provider as _};
use duroxide_redis::RedisProvider;

use super::ledger::{Ledger, Work, drain};
use super::store::options;
use crate::operations::{apply, id, start};
use crate::private_cluster::{PARTITIONS, PrivateCluster, tag};

pub(super) const PATIENCE: Duration = Duration::from_secs(60);
/// The number of the event behind the last one of an instance of the ledger.
const NEXT_EVENT: u64 = 4;

pub(super) async fn open(cluster: &PrivateCluster) -> Arc<RedisProvider> {
    let options = options().partitions(PARTITIONS);
    let opened = RedisProvider::new(&cluster.url(), Some(options)).await;
    Arc::new(opened.unwrap())
}

/// An instance in each partition.
pub(super) async fn one_in_each(cluster: &PrivateCluster, provider: &RedisProvider) -> Vec<String> {
    let mut found: Vec<Option<String>> = vec![None; PARTITIONS];
    for number in 0.. {
        if found.iter().all(Option::is_some) {
            break;
        }
        let instance = format!("instance-{number}");
        apply(provider, start(&instance)).await;
        for (partition, found) in found.iter_mut().enumerate() {
            let primary = cluster.primary(partition).await;
            let words = format!("EXISTS {}i:{instance}", tag(partition));
            if cluster.nodes[primary].command::<i64>(&words).await == 1 {
                *found = Some(instance.clone());
            }
        }
    }
    found.into_iter().flatten().collect()
}

/// Each that was begun has ended, after as many steps as it has.
pub(super) async fn check_all(provider: &Arc<RedisProvider>, ledger: &Ledger) {
    drain(provider, PATIENCE).await;
    let instances = ledger.instances();
    println!("{} instances, {:?}", instances.len(), ledger.errors());
    assert!(instances.len() > 20, "{}", instances.len());
    for instance in instances {
        let head = provider.read_head(&id(&instance)).await.unwrap();
        let head = head.unwrap_or_else(|| panic!("{instance} is gone"));
        assert_eq!(head.status, InstanceStatus::Completed, "{head:?}");
        assert_eq!(head.position.next_event_id, NEXT_EVENT, "{head:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn nothing_is_lost_or_done_twice_when_replicas_take_over_in_peace() {
    let cluster = PrivateCluster::start().await;
    let (provider, other) = (open(&cluster).await, open(&cluster).await);
    let mut work = Work::start(&provider, 4, 4);
    work.help(&other, 4);
    work.until_more_end(20, PATIENCE).await;
    // There and back, under the same work.
    for primary in [0, 1, 0, 2] {
        let partition = primary;
        let primary = cluster.primary(partition).await;
        let promoted = cluster.fail_over(primary).await;
        assert_ne!(promoted, primary);
        work.until_more_end(20, PATIENCE).await;
    }
    let ledger = work.stop().await;
    check_all(&provider, &ledger).await;
    provider.close().await;
    other.close().await;
}
