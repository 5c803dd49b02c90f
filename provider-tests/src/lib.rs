//! The conformance suite of duroxide's provider contract.
//!
//! A provider proves itself by a [`Fixture`] that creates empty stores, and one macro call in a
//! test file; every case becomes a test of its own:
//!
//! ```text
//! duroxide_provider_tests::conformance_tests! {
//!     subject = Subject::new(MyFixture).with_reference(MemoryFixture),
//!     profiles = [required, management, end_to_end, random],
//! }
//! ```
//!
//! The same cases are a program as well, with filters, seeds and reports: [`main`] is all of it. The
//! same program kills the provider's processes, by its command `torture`.
//!
//! # What is where
//!
//! | for | there is |
//! |---|---|
//! | a fixture | [`Fixture`], [`Store`], [`TestClock`]; [`Unavailable`] where there is no store |
//! | the end of a process | [`Store::crash`] and [`copy_as_killed`], [`Ending`]; [`Fixture::open_in`] for the torture |
//! | time | `ManualClock` of the core, which is a [`TestClock`]; [`RealTime`] for a store whose time nobody can move |
//! | running cases | [`conformance_tests!`], [`main`]; one by one with [`CATALOGUE`] and [`run_case`] |
//! | repeating what was drawn | [`RunOptions`]; [`model::replay`] for a sequence that a failure printed |
//! | providers around a provider | [`Faulty`] fails by a script, [`Recorded`] writes down the calls, [`Scaled`] shortens the times |
//! | servers, with the feature `servers` | `servers::server` finds the one that a test needs, or starts it |
//! | what a store costs | [`Fixture::open_to_measure`], [`CostMeter`] and [`Costs`] |
//! | broken connections, with the feature `network` | `network::Proxy` |
//! | what no case shows | [`UNTESTABLE`], [`VIRTUAL_TIME_ONLY`] |
//!
//! The clauses are in `docs/provider-contract.md`, the way to use all this in
//! `docs/provider-testing-guide.md`. A case that fails prints the clauses that it shows, the calls it
//! made and what the provider answered. The suite grows with the contract: the names and the number
//! of its cases are no stable interface.
//!
//! # Inside
//!
//! The table of cases is in `catalogue.rs`: profile, area, case, clauses. A macro makes the tests
//! and the registry from it. The cases are in `cases/`, one file for each area of the contract, in
//! `end_to_end/`, on the real runtime and client, and in `random/`, drawn from a seed; `support/` is
//! what they are written with. `suite/` runs one case; `runner/` runs many as a program, and
//! `report/` renders what came of them. `torture/` is the other half of the program.

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
mod ending;
mod fixture;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod metered;
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
mod torture;
mod transcript;
mod under_way;
mod untestable;

pub use case::{CATALOGUE, Case, CaseFuture, Profile};
pub use decorators::{Effect, Fault, Faulty, Given, Operation, Recorded, Scaled, When};
pub use ending::{Ending, copy_as_killed};
pub use fixture::{Fixture, Pace, Store, TestClock, Unavailable};
pub use metered::{CostMeter, CostScope, Costs, MeteredStore};
pub use random::model;
pub use real_time::{RealTime, ScaledClock, VIRTUAL_TIME_ONLY};
pub use runner::{Arguments, Console, main, main_on, run_suite};
pub use suite::{
    Failure, Outcome, RunOptions, Seed, Subject, check_declaration, run_case, run_named,
};
pub use support::Cx;
pub use torture::check_history;
pub use transcript::Transcript;
pub use untestable::UNTESTABLE;
