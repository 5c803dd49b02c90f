//! Providers around a provider.

mod faulty;
mod recorded;
mod scaled;

use duroxide_core::providers::{ErrorKind, Provider, ProviderAdmin, ProviderError};

pub use faulty::{Effect, Fault, Faulty, Given, Operation, When};
pub use recorded::Recorded;
pub use scaled::Scaled;

/// The management operations of a provider, which one that has none answers as CAP-01 says.
fn admin_of<P: Provider + ?Sized>(provider: &P) -> Result<&dyn ProviderAdmin, ProviderError> {
    provider.admin().ok_or_else(|| {
        ProviderError::new(
            ErrorKind::Unsupported,
            "admin",
            "this provider has no management operations",
        )
    })
}
