//! The SQLite provider of duroxide: one file, one writer, group commit.
//!
//! ```no_run
//! # async fn example() -> Result<(), duroxide_core::providers::ProviderError> {
//! use duroxide_sqlite::SqliteProvider;
//!
//! let provider = SqliteProvider::new("sqlite:./data.db", None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! One thread owns the only connection that writes. It takes what is queued, runs it in one
//! transaction and answers everybody once that is durable. `docs.md` beside this crate says how
//! and why.

mod activity;
mod admin;
mod awaited;
mod channel;
mod checkpoint;
mod claim;
mod clock;
mod codes;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod error;
mod front;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod history;
mod hub;
mod identity;
mod inbox;
mod inspect;
mod job;
mod lease;
mod listing;
mod location;
mod lock;
mod mail;
mod message;
mod metrics;
mod network;
mod options;
#[cfg(test)]
mod plan;
mod provider;
mod reader;
mod removal;
mod room;
mod schema;
mod session;
mod shared;
mod sql;
mod stats;
mod store;
mod target;
mod topic;
mod turn;
mod value;
mod wait;
mod wakes;
mod worker;
mod writer;
mod written;

pub use options::{SqliteMode, SqliteOptions, Synchronous};
pub use provider::SqliteProvider;
pub use stats::SqliteStats;
