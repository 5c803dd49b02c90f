#![doc = include_str!("../README.md")]

mod connect;

pub use duroxide_core::*;

/// The backends, and the contract that a backend keeps.
///
/// A program names its backend directly, for example `sqlite::SqliteProvider`, or by the URL that
/// it gives to [`connect`](providers::connect).
pub mod providers {
    pub use duroxide_core::providers::*;
    pub use duroxide_memory as memory;
    #[cfg(feature = "postgres")]
    pub use duroxide_postgres as postgres;
    #[cfg(feature = "redis")]
    pub use duroxide_redis as redis;
    #[cfg(feature = "sqlite")]
    pub use duroxide_sqlite as sqlite;

    pub use crate::connect::connect;
}

/// The Rust blocks of the guide, compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/ORCHESTRATION-GUIDE.md")]
struct OrchestrationGuide;
