//! The server goes away while nodes work, and comes back.

use std::time::Duration;

use duroxide_core::providers::Provider as _;

use super::clients::Clients;
use super::load::{node, shared};
use super::store::{Store, now_ms, sleep};
use super::verify::verify;
use crate::private_server::PrivateServer;

const CLIENTS: usize = 12;
/// How long there is work before the first and after the last outage.
const WORK: Duration = Duration::from_secs(2);
/// How soon after the server's return the first instance must be done: the longest pause of a node
/// and the lease of what it lost, on a busy machine too.
const BACK_MAX_MS: u64 = 90_000;

/// Takes the server away for each of these times, with work in between, and checks what is left.
async fn go_away(outages: &[Duration]) {
    let mut server = PrivateServer::start(&[]).await;
    let store = Store::at(&server.url());
    let first = store.open("first", store.options()).await;
    let second = store.open("second", store.options()).await;
    let runtimes = [node(shared(&first)).await, node(shared(&second)).await];
    let clients = Clients::start(&shared(&first), CLIENTS);
    sleep(WORK).await;
    assert!(clients.done() > 0);
    for outage in outages {
        server.stop_immediately();
        sleep(*outage).await;
        server.start_again().await;
        let (back_ms, done) = (now_ms(), clients.done());
        // More than what was under way.
        while clients.done() < done + CLIENTS as u64 {
            assert!(
                now_ms() - back_ms < BACK_MAX_MS,
                "{} instances",
                clients.done()
            );
            sleep(Duration::from_millis(10)).await;
        }
        println!("working again after {} ms", now_ms() - back_ms);
        sleep(WORK).await;
    }
    let asked = clients.stop().await;
    println!("{} instances done", asked.len());
    verify(&store, &shared(&second), &asked).await;
    for runtime in runtimes {
        runtime.shutdown(None).await;
    }
    first.close().await;
    second.close().await;
    store.until_connections("first", 0).await;
    store.until_connections("second", 0).await;
    // Two nodes beside each other cause none, deadlocks among them; an outage ends connections.
    let log = server.log();
    let errors: Vec<&str> = log.lines().filter(|it| it.contains(" ERROR: ")).collect();
    assert!(errors.is_empty(), "{errors:#?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn everything_is_done_once_across_restarts_of_the_server() {
    go_away(&[Duration::from_secs(3), Duration::ZERO]).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a PostgreSQL server: `cargo xtask test servers` gets one"]
async fn nodes_recover_by_themselves_from_a_server_that_is_away_for_long() {
    go_away(&[Duration::from_secs(30)]).await;
}
