//! What becomes of commits, claims and waits when the network, the server or its neighbours fail.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did when it does"
)]

#[path = "support/forwarder.rs"]
mod forwarder;
#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;

mod faults {
    mod bells;
    mod clock;
    mod crashes;
    mod cut_claims;
    mod cut_commits;
    mod damage;
    mod failover;
    mod full_memory;
    mod killed_clients;
    #[allow(dead_code, reason = "a part of it is for other tests")]
    mod ledger;
    mod nodes;
    mod proxies;
    mod refusals;
    mod replicas;
    mod stalls;
    mod store;
}
