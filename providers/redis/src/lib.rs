//! The Redis provider of [duroxide](https://docs.rs/duroxide): many processes, on one server
//! or on a Cluster.
//!
//! A claim of turns and activities is one script, and so is a flush of any number of commits: the
//! server runs each of them alone and whole, by its own clock. `docs.md` says what each setting of the
//! server can lose.
#![doc = include_str!("../docs.md")]

mod access;
mod activities;
mod activity;
mod admin;
mod bell;
mod claim;
mod codec;
mod codes;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod credentials;
mod ear;
mod engine;
mod error;
mod executions;
mod front;
mod head;
mod history;
mod hub;
mod inspect;
mod known;
mod lane;
mod lease;
mod link;
mod listing;
mod location;
mod look;
mod mail;
mod meaning;
mod merge;
mod message;
mod metrics;
mod opening;
mod options;
mod partition;
mod pool;
mod provider;
mod pulse;
mod read;
mod read_lane;
mod relay;
mod removal;
mod rights;
mod script;
mod sentinel;
mod server;
mod setup;
mod slot;
mod slots;
mod topology;
mod turn;
mod url;
mod wait;
mod warning;

pub use credentials::{Credentials, Login};
pub use options::RedisOptions;
pub use provider::RedisProvider;
