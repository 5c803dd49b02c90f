//! Providers around a provider.

mod faulty;
mod recorded;
mod scaled;

pub use faulty::{Effect, Fault, Faulty, Given, Operation, When};
pub use recorded::Recorded;
pub use scaled::Scaled;
