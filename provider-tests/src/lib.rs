//! The conformance suite of duroxide's provider contract.
//!
//! A provider proves itself by a [`Fixture`] that creates empty stores, and one macro call in a
//! test file; every case becomes a test of its own:
//!
//! ```text
//! duroxide_provider_tests::conformance_tests! {
//!     subject = Subject::new(MyFixture),
//!     profiles = [required, management],
//! }
//! ```
//!
//! The same cases are a program as well, with filters, seeds and reports: [`main`] is all of it.
//!
//! The clauses are in `docs/provider-contract.md`, the cases in [`CATALOGUE`]. A case that fails
//! prints the calls it made and what the provider answered. The suite grows with the contract: the
//! names and the number of its cases are no stable interface.

#[macro_use]
mod macros;
#[macro_use]
mod catalogue;
mod case;
#[expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a case fails by panicking"
)]
mod cases;
mod decorators;
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
mod end_to_end;
mod fixture;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "network")]
pub mod network;
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
mod random;
mod real_time;
mod report;
mod runner;
#[cfg(feature = "servers")]
pub mod servers;
mod suite;
#[expect(clippy::expect_used, reason = "a case fails by panicking")]
mod support;
mod transcript;
mod untestable;

pub use case::{CATALOGUE, Case, CaseFuture, Profile};
pub use decorators::{Effect, Fault, Faulty, Given, Operation, Recorded, Scaled, When};
pub use fixture::{Fixture, Pace, Store, TestClock, Unavailable};
pub use random::model;
pub use real_time::{RealTime, ScaledClock, VIRTUAL_TIME_ONLY};
pub use runner::{Console, FLAGS, main, main_on};
pub use suite::{
    Failure, Outcome, RunOptions, Seed, Subject, check_declaration, run_case, run_named,
};
pub use support::Cx;
pub use transcript::Transcript;
pub use untestable::UNTESTABLE;
