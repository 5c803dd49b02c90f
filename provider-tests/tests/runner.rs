//! The suite as a program: what it says of good providers and of bad ones, and how it ends.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test fails by panicking"
)]

mod runner {
    mod arguments;
    mod bad_providers;
    pub(crate) mod broken;
    mod endings;
    pub(crate) mod outcome;
    mod outcomes;
}
