//! The in-memory provider of duroxide.
//!
//! It is the reference implementation of `docs/provider-contract.md`: every expiry is exact, every
//! order is exact, and one lock makes every operation atomic. Nothing survives the process.

mod activities;
mod admin;
mod check;
mod claim;
mod commit;
#[cfg(feature = "conformance")]
pub mod conformance;
mod history;
mod inbox;
mod lease;
mod options;
mod provider;
mod send;
mod state;
mod turn;
mod wait;

#[cfg(test)]
mod tests;

pub use options::MemoryOptions;
pub use provider::MemoryProvider;
