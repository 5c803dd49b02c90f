//! A Redis Cluster of one test: three primaries with a replica each, which may be hurt.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use duroxide_core::clock::{Clock as _, SystemClock};
use redis::FromRedisValue;

use duroxide_provider_tests::servers::free_port;

use crate::private_server::PrivateServer;

const PRIMARIES: usize = 3;
const SLOTS: u16 = 16_384;
/// How many partitions the stores have: some on each of the servers.
pub(crate) const PARTITIONS: usize = 5;

/// What the keys of a partition begin with.
pub(crate) fn tag(partition: usize) -> String {
    duroxide_redis::conformance::key_tag("duroxide", partition, PARTITIONS)
}

/// How long the nodes may take to agree.
const AGREE_IN: Duration = Duration::from_secs(60);
/// For how long a replica tries to take over when it is asked to.
const FAILOVER_TRY: Duration = Duration::from_secs(6);
const LOOK: Duration = Duration::from_millis(20);

/// After which time without a sign of life a node's replica takes over.
pub(crate) const NODE_TIMEOUT: Duration = Duration::from_secs(2);

/// The nodes: the primaries first, then their replicas in the same order, as they were made.
pub(crate) struct PrivateCluster {
    pub(crate) nodes: Vec<PrivateServer>,
}

impl PrivateCluster {
    pub(crate) async fn start() -> Self {
        let timeout = NODE_TIMEOUT.as_millis().to_string();
        let mut nodes = Vec::new();
        let mut ports = Vec::new();
        for _ in 0..2 * PRIMARIES {
            let port = free_port().unwrap().to_string();
            let arguments = [
                ["--cluster-enabled", "yes"],
                ["--cluster-config-file", "nodes.conf"],
                ["--cluster-node-timeout", &timeout],
                ["--cluster-port", &port],
                ["--cluster-announce-ip", "127.0.0.1"],
                // Those that are there serve what they have, whoever is missing.
                ["--cluster-require-full-coverage", "no"],
                ["--appendonly", "yes"],
                ["--repl-diskless-sync-delay", "0"],
            ];
            nodes.push(PrivateServer::start(arguments.as_flattened()).await);
            ports.push(port);
        }
        let cluster = Self { nodes };
        let share = SLOTS / 3;
        for (index, node) in cluster.nodes.iter().enumerate() {
            let epoch = format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1);
            node.command::<String>(&epoch).await;
            if index < PRIMARIES {
                let place = u16::try_from(index).unwrap();
                let last = if index + 1 == PRIMARIES {
                    SLOTS - 1
                } else {
                    (place + 1) * share - 1
                };
                let slots = format!("CLUSTER ADDSLOTSRANGE {} {last}", place * share);
                node.command::<String>(&slots).await;
            }
        }
        for (node, port) in cluster.nodes.iter().zip(&ports).skip(1) {
            let address = node.address().port();
            let meet = format!("CLUSTER MEET 127.0.0.1 {address} {port}");
            cluster.nodes[0].command::<String>(&meet).await;
        }
        cluster.until_all("cluster_known_nodes:6").await;
        for index in 0..PRIMARIES {
            let id: String = cluster.nodes[index].command("CLUSTER MYID").await;
            let replica = &cluster.nodes[index + PRIMARIES];
            let follow = format!("CLUSTER REPLICATE {id}");
            replica.command::<String>(&follow).await;
            while replica.info("master_link_status").await != "up" {
                SystemClock.sleep(LOOK).await;
            }
        }
        cluster.until_all("cluster_state:ok").await;
        // All know who follows whom, so that each primary has a replica that may take over.
        for node in &cluster.nodes {
            while node
                .command::<String>("CLUSTER NODES")
                .await
                .matches("slave ")
                .count()
                != PRIMARIES
            {
                SystemClock.sleep(LOOK).await;
            }
        }
        cluster
    }

    async fn until_all(&self, says: &str) {
        let begun = SystemClock.elapsed();
        for node in &self.nodes {
            while !node.command::<String>("CLUSTER INFO").await.contains(says) {
                assert!(SystemClock.elapsed() - begun < AGREE_IN, "not {says}");
                SystemClock.sleep(LOOK).await;
            }
        }
    }

    /// All nodes as one URL.
    pub(crate) fn url(&self) -> String {
        let nodes = self.nodes.iter().map(|node| node.address().to_string());
        format!("redis://{}", nodes.collect::<Vec<_>>().join(","))
    }

    /// Sends a command to each node.
    pub(crate) async fn command_all<T: FromRedisValue>(&self, words: &str) {
        for node in &self.nodes {
            node.command::<T>(words).await;
        }
    }

    /// The slot of a partition.
    pub(crate) async fn slot(&self, partition: usize) -> u16 {
        let words = format!("CLUSTER KEYSLOT {}", tag(partition));
        self.nodes[0].command(&words).await
    }

    /// The node that has a partition, as this one sees it.
    pub(crate) async fn primary_seen_by(&self, seer: usize, partition: usize) -> usize {
        let words = format!("CLUSTER KEYSLOT {}", tag(partition));
        let slot: u16 = self.nodes[seer].command(&words).await;
        let nodes: String = self.nodes[seer].command("CLUSTER NODES").await;
        let has_slot = |range: &&str| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let bounds = (first.parse::<u16>(), last.parse::<u16>());
            matches!(bounds, (Ok(first), Ok(last)) if (first..=last).contains(&slot))
        };
        let mut lines = nodes.lines();
        let line = lines.find(|line| line.split(' ').skip(8).any(|range| has_slot(&range)));
        let address = line.unwrap().split([' ', '@']).nth(1).unwrap();
        let port: u16 = address.rsplit_once(':').unwrap().1.parse().unwrap();
        let mut ports = self.nodes.iter().map(|node| node.address().port());
        ports.position(|it| it == port).unwrap()
    }

    pub(crate) async fn primary(&self, partition: usize) -> usize {
        self.primary_seen_by(0, partition).await
    }

    /// Has the replica of a node take its place without any loss; answers which one that is.
    pub(crate) async fn fail_over(&self, primary: usize) -> usize {
        let id: String = self.nodes[primary].command("CLUSTER MYID").await;
        let mut replica = None;
        for (index, node) in self.nodes.iter().enumerate() {
            let all: String = node.command("CLUSTER NODES").await;
            let own = all.lines().find(|line| line.contains("myself")).unwrap();
            if own.contains("slave") && own.contains(&id) {
                replica = Some(index);
            }
        }
        let replica = &self.nodes[replica.expect("it has a replica")];
        let begun = SystemClock.elapsed();
        while replica.info("master_link_status").await != "up" {
            SystemClock.sleep(LOOK).await;
        }
        let mut asked_at = None;
        while replica.info("role").await != "master" {
            let now = SystemClock.elapsed();
            assert!(now - begun < AGREE_IN, "it does not take over");
            // It gives up after a while, where the others have not voted.
            if asked_at.is_none_or(|at| now - at > FAILOVER_TRY) {
                replica.try_command::<String>("CLUSTER FAILOVER").await.ok();
                asked_at = Some(now);
            }
            SystemClock.sleep(LOOK).await;
        }
        let address = replica.address();
        let mut nodes = self.nodes.iter();
        nodes.position(|node| node.address() == address).unwrap()
    }
}
