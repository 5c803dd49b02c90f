//! What a store costs its servers, as its meter tells.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;

use duroxide_provider_tests::{CostScope, Costs, Fixture as _, MeteredStore};
use duroxide_redis::conformance::RedisFixture;
use tempfile::TempDir;

use operations::start;
use private_server::PrivateServer;

const COMMITS: u64 = 20;
const SECRET: &str = "hunter2-swordfish";

async fn commit_some(store: &MeteredStore) {
    for number in 0..COMMITS {
        let commit = start(&format!("instance-{number}"));
        store.provider.commit(vec![commit]).await.remove(0).unwrap();
    }
}

fn grown(from: &Costs, to: &Costs, field: fn(&Costs) -> Option<u64>) -> u64 {
    field(to)
        .unwrap()
        .checked_sub(field(from).unwrap())
        .unwrap()
}

/// What commits cost on servers on which others may work.
async fn check_commits(fixture: &RedisFixture) {
    let folder = TempDir::with_prefix("duroxide-costs-").unwrap();
    let store = fixture.open_to_measure(folder.path()).await.unwrap();
    let meter = store.meter.clone().unwrap();
    assert_eq!(meter.scope(), CostScope::Server);
    let from = meter.read().await.unwrap();
    commit_some(&store).await;
    let to = meter.read().await.unwrap();
    assert!(grown(&from, &to, |it| it.round_trips) >= COMMITS);
    // The commands inside of the scripts are more than the scripts.
    assert!(grown(&from, &to, |it| it.statements) > 2 * COMMITS);
    assert!(to.server_cpu > from.server_cpu, "{from:?} {to:?}");
    assert!(to.server_peak_memory_bytes >= from.server_peak_memory_bytes);
    assert!(to.stored_bytes > Some(0) && to.durable_commits.is_none());
    store.provider.close().await;
    fixture.remove_from(folder.path()).await.unwrap();
}

#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn commits_cost_round_trips_and_commands() {
    check_commits(&RedisFixture::single()).await;
}

#[tokio::test]
#[ignore = "needs a Redis Cluster: `cargo xtask test servers` gets one"]
async fn the_primaries_of_a_cluster_are_added_up() {
    check_commits(&RedisFixture::cluster()).await;
}

/// Nobody else is here: what is counted is the store's, and nothing of the meter's own.
#[tokio::test]
#[ignore = "needs a Redis server: `cargo xtask test servers` gets one"]
async fn a_server_alone_is_counted_to_the_command() {
    let mut server = PrivateServer::start(&["--appendonly", "yes", "--requirepass", SECRET]).await;
    let url = server.url_as("default", SECRET);
    let fixture = RedisFixture::single().at(&url);
    let folder = TempDir::with_prefix("duroxide-costs-").unwrap();
    let store = fixture.open_to_measure(folder.path()).await.unwrap();
    let meter = store.meter.clone().unwrap();
    let from = meter.read().await.unwrap();
    commit_some(&store).await;
    let to = meter.read().await.unwrap();
    assert!(grown(&from, &to, |it| it.written_bytes) > COMMITS * 100);
    store.provider.close().await;
    let closed = meter.read().await.unwrap();
    let again = meter.read().await.unwrap();
    assert_eq!(again.statements, closed.statements);
    assert_eq!(again.round_trips, closed.round_trips);

    // A file that is written anew is shorter, which is no count of what was written.
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let rewrite = redis::cmd("BGREWRITEAOF");
    let _begun: String = rewrite.query_async(&mut connection).await.unwrap();
    let rewritten = meter.read().await.unwrap();
    assert_eq!(rewritten.written_bytes, None);
    assert!(rewritten.round_trips >= closed.round_trips);
    server.kill();
    let gone = meter.read().await.unwrap_err();
    let said = format!("{gone} {gone:?}");
    assert!(said.contains("cannot be read"), "{said}");
    assert!(!said.contains(SECRET), "{said}");
    // It begins to count anew.
    server.start_again().await;
    let anew = meter.read().await.unwrap();
    assert_eq!((anew.round_trips, anew.server_cpu), (None, None));
    assert!(anew.server_peak_memory_bytes > Some(0));
}
