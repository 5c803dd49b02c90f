//! What `fuzz/` reaches of what is private.

use duroxide_core::providers::ProviderError;

use crate::location;

/// Reads a URL, and connects to nothing.
///
/// # Errors
/// `Config` when it is none of a PostgreSQL database.
pub fn parse(url: &str) -> Result<(), ProviderError> {
    location::parse(url).map(drop)
}
