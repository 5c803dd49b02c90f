//! Connections end at random while a node works, and statements are cancelled.

use std::time::Duration;

use duroxide_core::providers::Provider as _;

use super::clients::Clients;
use super::load::{node, shared};
use super::store::{Store, now_ms, sleep};
use super::verify::verify;

const VICTIM: &str = "victim";
const PAUSE: Duration = Duration::from_millis(50);
const DURATION_MS: u64 = 5_000;
const CLIENTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn everything_is_done_once_while_connections_and_statements_end_at_random() {
    let store = Store::shared().await;
    let provider = store.open(VICTIM, store.options()).await;
    let runtime = node(shared(&provider)).await;
    let clients = Clients::start(&shared(&provider), CLIENTS);
    let until_ms = now_ms() + DURATION_MS;
    let (mut ended, mut cancelled) = (0, 0);
    while now_ms() < until_ms {
        ended += store.terminate(VICTIM, 1).await;
        cancelled += store.cancel(VICTIM).await;
        sleep(PAUSE).await;
    }
    let asked = clients.stop().await;
    assert!(ended > 30, "{ended} connections were ended");
    assert!(asked.len() > CLIENTS, "{} instances", asked.len());
    println!(
        "{ended} connections ended, {cancelled} statements cancelled, {} instances done",
        asked.len()
    );
    verify(&store, &shared(&provider), &asked).await;
    runtime.shutdown(None).await;
    provider.close().await;
    store.until_connections(VICTIM, 0).await;
}
