//! Restarts, crashes, shutdowns, several runtimes on one store, and code that changed in between.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "tests: what cannot happen fails the test, and handlers own their inputs"
)]

mod support;

#[path = "recovery/activity_timeouts.rs"]
mod activity_timeouts;
#[path = "recovery/blocked.rs"]
mod blocked;
#[path = "recovery/changed_code.rs"]
mod changed_code;
#[path = "recovery/changed_inputs.rs"]
mod changed_inputs;
#[path = "recovery/clock_back.rs"]
mod clock_back;
#[path = "recovery/control.rs"]
mod control;
#[path = "recovery/counted.rs"]
mod counted;
#[path = "recovery/crashes.rs"]
mod crashes;
#[path = "recovery/flood.rs"]
mod flood;
#[path = "recovery/fused.rs"]
mod fused;
#[path = "recovery/handle.rs"]
mod handle;
#[path = "recovery/hanging.rs"]
mod hanging;
#[path = "recovery/idle.rs"]
mod idle;
#[path = "recovery/isolation.rs"]
mod isolation;
#[path = "recovery/leases.rs"]
mod leases;
#[path = "recovery/mailbox.rs"]
mod mailbox;
#[path = "recovery/queues.rs"]
mod queues;
#[path = "recovery/shadow.rs"]
mod shadow;
#[path = "recovery/shapes.rs"]
mod shapes;
#[path = "recovery/shutdown.rs"]
mod shutdown;
#[path = "recovery/store_faults.rs"]
mod store_faults;
#[path = "recovery/thousand_shutdowns.rs"]
mod thousand_shutdowns;
#[path = "recovery/warm_and_cold.rs"]
mod warm_and_cold;
#[path = "recovery/withdrawn.rs"]
mod withdrawn;
