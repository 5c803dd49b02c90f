//! Providers around a provider.

mod recorded;

pub use recorded::Recorded;
