//! What `fuzz/` reaches of what is private. Not part of the public interface.

use duroxide_core::providers::ProviderError;

use crate::location::Location;

/// Reads a URL and looks where its file is, without opening or creating anything.
///
/// # Errors
/// [`ErrorKind::Config`](duroxide_core::providers::ErrorKind::Config) if it names no database.
pub fn locate(url: &str) -> Result<(), ProviderError> {
    Location::parse(url)?.resolve().map(drop)
}

/// Reads a URL without looking at the file system.
///
/// # Errors
/// As [`locate`].
pub fn parse(url: &str) -> Result<(), ProviderError> {
    Location::parse(url).map(drop)
}
