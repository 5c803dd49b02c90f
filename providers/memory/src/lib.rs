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
mod defect;
mod expiry;
mod history;
mod inbox;
mod inspect;
mod instances;
mod lease;
mod listing;
mod metrics;
mod options;
mod provider;
mod queues;
mod send;
mod spoiled;
mod state;
mod torn;
mod turn;
mod value;
mod wait;

#[cfg(test)]
mod tests;

#[cfg(feature = "mutants")]
pub use defect::Defect;
pub use options::MemoryOptions;
pub use provider::MemoryProvider;
