//! Stores on servers that Sentinel watches over.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/operations.rs"]
mod operations;
#[path = "support/private_sentinel.rs"]
mod private_sentinel;
#[path = "support/private_server.rs"]
mod private_server;

mod sentinel {
    #[path = "../faults/ledger.rs"]
    #[allow(dead_code, reason = "a part of it is for other tests")]
    mod ledger;
    #[path = "../faults/store.rs"]
    #[allow(dead_code, reason = "a part of it is for other tests")]
    mod store;

    mod failover;
    mod opening;
}
