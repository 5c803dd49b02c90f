//! What a client's call can end in.

use std::fmt;

use crate::providers::ProviderError;

/// Why a client's call did not succeed.
#[derive(Debug)]
pub enum ClientError {
    /// The store refused, or could not be reached.
    Provider(ProviderError),
    /// The store has no management operations.
    ManagementNotAvailable,
    /// An argument cannot be used.
    InvalidInput {
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The orchestration did not end in time.
    Timeout,
}

impl ClientError {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Provider(error) => error.is_retryable(),
            Self::Timeout => true,
            Self::ManagementNotAvailable | Self::InvalidInput { .. } => false,
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput {
            message: message.into(),
        }
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Provider(error) => write!(f, "the store failed: {error}"),
            Self::ManagementNotAvailable => f.write_str(
                "this store has no management operations; ask `has_management_capability` first",
            ),
            Self::InvalidInput { message } => write!(f, "invalid input: {message}"),
            Self::Timeout => f.write_str(
                "the orchestration did not end in time; it goes on, wait again or longer",
            ),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Provider(error) => Some(error),
            Self::ManagementNotAvailable | Self::InvalidInput { .. } | Self::Timeout => None,
        }
    }
}

impl From<ProviderError> for ClientError {
    fn from(error: ProviderError) -> Self {
        Self::Provider(error)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;

    #[test]
    fn the_cause_is_kept_and_decides_whether_to_retry() {
        let busy = ClientError::from(ProviderError::retryable("commit", "busy"));
        assert!(busy.is_retryable() && ClientError::Timeout.is_retryable());
        assert_eq!(busy.to_string(), "the store failed: commit: busy");
        assert!(busy.source().is_some());
        assert!(!ClientError::from(ProviderError::permanent("commit", "bug")).is_retryable());
        assert!(!ClientError::invalid("no").is_retryable());
        assert!(!ClientError::ManagementNotAvailable.is_retryable());
    }
}
