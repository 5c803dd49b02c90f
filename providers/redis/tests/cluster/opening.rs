//! By which servers a store is opened.

use duroxide_core::providers::{Durability, ErrorKind, Provider as _};
use duroxide_redis::{RedisOptions, RedisProvider};

use crate::operations::run_one;
use crate::private_cluster::PrivateCluster;
use crate::support_opening::{SECRET, config_refusal, refusal};
use duroxide_provider_tests::servers::free_port;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn one_server_that_can_be_reached_is_enough() {
    let cluster = PrivateCluster::start().await;
    let [primary, replica] = [0, 3].map(|index| cluster.nodes[index].address());
    let dead = free_port().unwrap();
    for (number, url) in [
        format!("redis://{primary}"),
        format!("redis://{replica}"),
        format!("redis://127.0.0.1:{dead},{replica}"),
        cluster.url(),
    ]
    .into_iter()
    .enumerate()
    {
        let provider = RedisProvider::new(&url, None).await.unwrap();
        for instance in 0..9 {
            run_one(&provider, &format!("{number}-{instance}")).await;
        }
        // What each of them keeps.
        let durability = provider.capabilities().durability;
        assert_eq!(durability, Durability::ProcessCrash, "{url}");
        provider.close().await;
    }
    // As many partitions as a store on a Cluster has by default.
    let other = RedisOptions::default().partitions(5);
    config_refusal(&cluster.url(), other, "open it by `partitions(16)`").await;
    let wrong = format!("redis://nobody:{SECRET}@{primary},{replica}");
    config_refusal(&wrong, RedisOptions::default(), "the user or the password").await;

    // The weakest of them counts, and none may evict.
    let set = "CONFIG SET appendonly no";
    cluster.nodes[1].command::<String>(set).await;
    let provider = RedisProvider::new(&cluster.url(), None).await.unwrap();
    assert_eq!(provider.capabilities().durability, Durability::Volatile);
    provider.close().await;
    let set = "CONFIG SET maxmemory-policy allkeys-lru";
    cluster.nodes[2].command::<String>(set).await;
    config_refusal(&cluster.url(), RedisOptions::default(), "noeviction").await;
    let set = "CONFIG SET maxmemory-policy noeviction";
    cluster.nodes[2].command::<String>(set).await;

    // A slot that nobody has may be one of the store's.
    cluster.command_all::<String>("CLUSTER DELSLOTS 100").await;
    let error = refusal(&cluster.url(), RedisOptions::default()).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error:?}");
    assert!(error.message().contains("no server serves"), "{error:?}");
}
