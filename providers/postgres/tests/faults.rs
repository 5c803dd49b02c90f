//! What becomes of commits, claims and whole runtimes when the network, the server or its neighbours
//! fail.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it did when it does"
)]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_server.rs"]
mod private_server;

mod faults {
    mod bells;
    mod clients;
    mod clocks;
    mod cut_claims;
    mod cut_commits;
    mod cut_opening;
    mod few_connections;
    mod full_disk;
    mod load;
    mod locks;
    mod old_transaction;
    mod restarts;
    mod stalls;
    mod store;
    mod terminated;
    mod verify;
}
