//! Scenarios to learn from, from hello world to versioned upgrades. Start with `basics`.
//!
//! Each one is a whole program in small: activities, orchestrations, a start, an outcome.
//! `World` is a store with a runtime and a client on it; `sample_hello_world` shows what it hides.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "tests: what cannot happen fails the test, and handlers own their inputs"
)]

mod support;

#[path = "e2e_samples/basics.rs"]
mod basics;
#[path = "e2e_samples/cancellation.rs"]
mod cancellation;
#[path = "e2e_samples/combinators.rs"]
mod combinators;
#[path = "e2e_samples/continue_as_new.rs"]
mod continue_as_new;
#[path = "e2e_samples/errors.rs"]
mod errors;
#[path = "e2e_samples/external_events.rs"]
mod external_events;
#[path = "e2e_samples/operations.rs"]
mod operations;
#[path = "e2e_samples/retry.rs"]
mod retry;
#[path = "e2e_samples/sub_orchestrations.rs"]
mod sub_orchestrations;
#[path = "e2e_samples/timers.rs"]
mod timers;
#[path = "e2e_samples/typed.rs"]
mod typed;
#[path = "e2e_samples/versioning.rs"]
mod versioning;
