//! Time that nobody can move.

mod clock;
mod scaled_clock;
mod virtual_only;

pub use clock::RealTime;
pub use scaled_clock::ScaledClock;
pub use virtual_only::VIRTUAL_TIME_ONLY;
pub(crate) use virtual_only::needs_virtual_time;
