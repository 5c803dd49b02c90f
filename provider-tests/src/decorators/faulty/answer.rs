//! What an operation answers when it fails.

use duroxide_core::providers::ProviderError;

/// An answer that can be a failure.
pub(super) trait Answer: Send {
    /// The failure of a call with so many members.
    fn failed(members: usize, error: impl Fn() -> ProviderError) -> Self;
}

impl<T: Send> Answer for Result<T, ProviderError> {
    fn failed(_: usize, error: impl Fn() -> ProviderError) -> Self {
        Err(error())
    }
}

/// A batch fails member by member.
impl<T: Send> Answer for Vec<Result<T, ProviderError>> {
    fn failed(members: usize, error: impl Fn() -> ProviderError) -> Self {
        (0..members).map(|_| Err(error())).collect()
    }
}

/// Closing has no way to fail; it may not happen.
impl Answer for () {
    fn failed(_: usize, _: impl Fn() -> ProviderError) -> Self {}
}
