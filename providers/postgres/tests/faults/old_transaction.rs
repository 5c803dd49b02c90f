//! A transaction that somebody has left open, so that dead rows cannot be removed.

use std::time::Duration;

use duroxide_core::providers::Provider as _;
use sqlx::Connection as _;

use super::clients::Clients;
use super::load::{node, shared};
use super::store::{Store, sleep};
use super::verify::verify;
use crate::private_server::PrivateServer;

/// How long it is measured, before and at the end.
const MEASURE: Duration = Duration::from_secs(5);
const LEFT_OPEN: Duration = Duration::from_secs(30);
/// By how much the work may slow down.
const SLOWDOWN_MAX: u64 = 3;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn a_transaction_that_is_left_open_does_not_bring_work_to_a_halt() {
    let server = PrivateServer::start(&[]).await;
    let store = Store::at(&server.url());
    let provider = store.open("working", store.options()).await;
    let runtime = node(shared(&provider)).await;
    let clients = Clients::start(&shared(&provider), 12);
    sleep(Duration::from_secs(1)).await;
    let measure = async || {
        let before = clients.done();
        sleep(MEASURE).await;
        clients.done() - before
    };
    let usually = measure().await;

    let mut stranger = store.connection().await;
    sqlx::raw_sql("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM ready")
        .execute(&mut stranger)
        .await
        .unwrap();
    sleep(LEFT_OPEN.saturating_sub(MEASURE)).await;
    let then = measure().await;
    let stats = provider.stats().await.unwrap();
    println!("{usually} instances, and {then} beside the old transaction; {stats:?}");
    assert!(stats.oldest_transaction.unwrap() >= LEFT_OPEN);
    let ready = stats.tables.iter().find(|table| table.name == "ready");
    assert!(ready.unwrap().dead_rows > 1_000, "{stats:?}");
    assert!(then * SLOWDOWN_MAX >= usually, "{usually}, then {then}");

    stranger.close().await.unwrap();
    let asked = clients.stop().await;
    verify(&store, &shared(&provider), &asked).await;
    runtime.shutdown(None).await;
    provider.close().await;
}
