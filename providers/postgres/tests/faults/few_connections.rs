//! A server that has no connection left.

use std::time::Duration;

use duroxide_core::providers::{ErrorKind, Provider};
use duroxide_postgres::PostgresProvider;
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

use super::store::{Store, sleep};
use crate::operations::{commit, id, start, turns};
use crate::private_server::PrivateServer;

const CONNECTIONS: usize = 8;

/// Takes every connection that is left.
async fn take_all(store: &Store) -> Vec<PgConnection> {
    let mut taken = Vec::new();
    while let Some(connection) = store.try_connection().await {
        taken.push(connection);
    }
    assert!(!taken.is_empty());
    taken
}

async fn give_back(taken: Vec<PgConnection>) {
    for connection in taken {
        connection.close().await.unwrap();
    }
}

fn check(error: &duroxide_core::providers::ProviderError) {
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("`write_connections`"), "{error}");
}

#[tokio::test]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_server_without_a_free_connection_is_told_of_and_waited_for() {
    let max = format!("max_connections={CONNECTIONS}");
    let server = PrivateServer::start(&[&max, "superuser_reserved_connections=0"]).await;
    let store = Store::at(&server.url());

    let taken = take_all(&store).await;
    let opened = PostgresProvider::new(&server.url(), Some(store.options())).await;
    check(&opened.unwrap_err());
    give_back(taken).await;
    store.until_free().await;

    // With one connection for writes it is known which commit notices its loss.
    let options = store.options().write_connections(1);
    let provider = store.open("open", options).await;
    commit(&*provider, start("a")).await.unwrap();
    let taken = take_all(&store).await;
    // It uses those that it has, and says what it lacks.
    commit(&*provider, start("b")).await.unwrap();
    check(&provider.stats().await.unwrap_err());
    give_back(taken).await;
    store.until_free().await;
    provider.stats().await.unwrap();

    // Its own connections are lost while others take all there are.
    let mut terminator = store.connection().await;
    let ended = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE application_name LIKE 'open-%'";
    let ended: i64 = sqlx::query_scalar(ended)
        .fetch_one(&mut terminator)
        .await
        .unwrap();
    assert!(ended > 0);
    let mut taken = take_all(&store).await;
    taken.push(terminator);
    // Each lane notices its loss, and cannot connect again.
    commit(&*provider, start("lost")).await.ok();
    check(&commit(&*provider, start("c")).await.unwrap_err());
    check(&provider.claim_turns(&turns(9)).await.unwrap_err());
    check(&provider.read_head(&id("a")).await.unwrap_err());
    give_back(taken).await;
    store.until_free().await;
    commit(&*provider, start("c")).await.unwrap();
    assert!(provider.read_head(&id("c")).await.unwrap().is_some());
    let claimed = provider.claim_turns(&turns(9)).await.unwrap();
    assert!(claimed.items.len() >= 3, "{claimed:?}");
    // The one that listens is back too, by itself.
    sleep(Duration::from_millis(10)).await;
    store.until_listening("open").await;
    provider.close().await;
}
