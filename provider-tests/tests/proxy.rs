//! The proxy breaks connections exactly where it is told to.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

#[path = "proxy/conversation.rs"]
mod conversation;
#[path = "proxy/cuts.rs"]
mod cuts;
#[path = "proxy/framing.rs"]
mod framing;
#[path = "proxy/trouble.rs"]
mod trouble;
