//! Time that nobody can move.

mod scaled_clock;

pub use scaled_clock::ScaledClock;
