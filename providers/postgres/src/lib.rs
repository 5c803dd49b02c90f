//! The PostgreSQL provider of duroxide: many processes, one database, nothing twice.
//!
//! ```no_run
//! # async fn example() -> Result<(), duroxide_core::providers::ProviderError> {
//! use duroxide_postgres::PostgresProvider;
//!
//! let provider = PostgresProvider::new("postgres://app@localhost/app", None).await?;
//! # Ok(())
//! # }
//! ```
//!
//! A claim and a commit of any number of operations are one call of a function in the database each:
//! one round trip and one transaction. What callers bring while a call is under way goes out together
//! with the next one. `docs.md` beside this crate says how and why.

mod activity;
mod admin;
mod bell;
mod call;
mod channel;
mod claim;
mod codes;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod connection;
mod engine;
mod error;
mod floor;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod head;
mod history;
mod hub;
mod lane;
mod lease;
mod listener;
mod location;
mod look;
mod mail;
mod member;
mod message;
mod migration;
mod options;
mod provider;
mod pulse;
mod queue;
mod read;
mod room;
mod schema;
mod session;
mod setup;
mod sqlstate;
mod stats;
mod turn;
mod value;
mod wait;
mod wave;

pub use options::{Listen, Migrations, PostgresOptions, SynchronousCommit};
pub use provider::PostgresProvider;
pub use stats::{PostgresStats, TableStats};
