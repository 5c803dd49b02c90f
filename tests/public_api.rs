//! Every public item that programs written for duroxide 0.1.6 use is there, in that shape.
#![allow(
    unused_qualifications,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::wildcard_enum_match_arm,
    clippy::needless_pass_by_value,
    reason = "tests: paths are what is tested, and what cannot happen fails the test"
)]

mod support;

#[path = "public_api/client.rs"]
mod client;
#[path = "public_api/context.rs"]
mod context;
#[path = "public_api/errors.rs"]
mod errors;
#[path = "public_api/events.rs"]
mod events;
#[path = "public_api/handlers.rs"]
mod handlers;
#[path = "public_api/providers.rs"]
mod providers;
#[path = "public_api/registries.rs"]
mod registries;
#[path = "public_api/runtime.rs"]
mod runtime;
