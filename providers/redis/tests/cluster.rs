//! Stores on a Redis Cluster: how they are opened, and what becomes of calls when partitions go elsewhere.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did when it does"
)]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_cluster.rs"]
mod private_cluster;
#[path = "support/private_server.rs"]
mod private_server;
mod support_opening;

mod cluster {
    #[path = "../faults/ledger.rs"]
    #[allow(dead_code, reason = "a part of it is for other tests")]
    mod ledger;
    #[path = "../faults/store.rs"]
    #[allow(dead_code, reason = "a part of it is for other tests")]
    mod store;

    mod bells;
    mod failover;
    mod killed;
    mod migration;
    mod opening;
    mod rights;
}
