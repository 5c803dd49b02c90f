//! Which rights a user needs on a Cluster.

use duroxide_core::providers::{InstanceFilter, Provider as _};
use duroxide_redis::{RedisOptions, RedisProvider};

use crate::operations::run_one;
use crate::private_cluster::PrivateCluster;
use crate::support_opening::{SECRET, config_refusal};

/// What the guide lists for a server, and what beside that for a Cluster; its third line is for the suite.
fn rights() -> String {
    let guide = include_str!("../../docs.md");
    let lines = guide.lines();
    let listed = lines.filter_map(|it| it.strip_prefix("ACL SETUSER duroxide "));
    let listed = listed.take(2);
    let words = listed.map(|it| it.trim_start_matches("on >PASSWORD "));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn the_rights_that_the_guide_lists_are_enough_and_needed() {
    let cluster = PrivateCluster::start().await;
    let rights = rights();
    let user = async |rights: &str| {
        let words = format!("ACL SETUSER worker reset on >{SECRET} {rights}");
        cluster.command_all::<String>(&words).await;
    };
    let url = cluster
        .url()
        .replace("://", &format!("://worker:{SECRET}@"));
    for (lacks, says) in [
        ("-cluster|slots", "cluster"),
        ("-spublish", "SPUBLISH"),
        ("-ssubscribe", "SSUBSCRIBE"),
        ("-zadd", "ZADD"),
    ] {
        user(&format!("{rights} {lacks}")).await;
        config_refusal(&url, RedisOptions::default(), says).await;
        config_refusal(&url, RedisOptions::default(), "ACL").await;
    }
    // What is built for tests names its connections.
    user(&format!("{rights} +client|setname")).await;
    cluster.command_all::<String>("ACL LOG RESET").await;
    let provider = RedisProvider::new(&url, None).await.unwrap();
    run_one(&provider, "one").await;
    let all = InstanceFilter::default();
    provider.admin().list_instances(&all).await.unwrap();
    provider.close().await;
    for node in &cluster.nodes {
        let denied: Vec<redis::Value> = node.command("ACL LOG").await;
        assert!(denied.is_empty(), "{denied:?}");
    }
}
