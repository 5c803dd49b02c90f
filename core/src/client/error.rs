//! What a client's call can end in.

use crate::providers::{ErrorKind, ProviderError};

/// Why a client's call did not succeed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The store refused, or could not be reached.
    #[error("the store {}: {_0}", if is_refusal(.0.kind()) { "refused" } else { "failed" })]
    Provider(#[from] ProviderError),
    /// The store has no management operations. No store answers so any more, since all have them; programs
    /// that look for it still compile.
    #[error("this store has no management operations")]
    ManagementNotAvailable,
    /// An argument cannot be used.
    #[error("invalid input: {message}")]
    InvalidInput {
        /// What is wrong with it and what to do.
        message: String,
    },
    /// The orchestration did not end in time. Nobody has ended it either: it may still be running,
    /// or nobody has started it, which is waited for as well.
    #[error(
        "timed out waiting; the orchestration may still be running, or none of this id was started: \
         `get_orchestration_status` tells which"
    )]
    Timeout,
    /// The orchestration did not end in time, and cannot go on as things are: it is suspended, or a node
    /// has said so, for example since no node that was deployed has its code; or a child cannot, or a
    /// child's child, for which it waits. It waits for that to change.
    #[error("timed out waiting; the instance cannot go on: {reason}")]
    Blocked {
        /// What is missing, and where; and which child lacks it, if it is not the instance itself.
        reason: String,
    },
    /// The rewind that was waited for was given up, and the instance stands as it ended: for example since
    /// the code that was deployed does not do what the history says, under a policy that waits for no other.
    #[error("the instance was not rewound: {reason}; mend that, and rewind it again")]
    NotRewound {
        /// Why, as the node said that gave it up.
        reason: String,
    },
}

impl ClientError {
    /// Whether the same call may succeed later.
    ///
    /// A call that ended as [`CommitUnknown`](crate::providers::ErrorKind::CommitUnknown) may have
    /// been carried out; repeating it is harmless for a start and a cancellation, and for an event
    /// with an [id](super::RaiseOptions::event_id).
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Provider(error) => error.is_retryable(),
            Self::Timeout | Self::Blocked { .. } => true,
            Self::ManagementNotAvailable | Self::InvalidInput { .. } | Self::NotRewound { .. } => {
                false
            }
        }
    }

    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput {
            message: message.into(),
        }
    }
}

/// Whether a store that works answers so.
fn is_refusal(kind: ErrorKind) -> bool {
    match kind {
        ErrorKind::LeaseLost
        | ErrorKind::PositionConflict
        | ErrorKind::AlreadyExists
        | ErrorKind::NotFound
        | ErrorKind::Ended
        | ErrorKind::InvalidInput
        | ErrorKind::LimitExceeded
        | ErrorKind::Unsupported => true,
        ErrorKind::Corrupt
        | ErrorKind::Unavailable
        | ErrorKind::CommitUnknown
        | ErrorKind::Config
        | ErrorKind::Unexpected => false,
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

    #[test]
    fn a_store_that_refuses_has_not_failed() {
        let text = |kind| ClientError::from(ProviderError::new(kind, "commit", "no")).to_string();
        assert_eq!(
            text(ErrorKind::AlreadyExists),
            "the store refused: commit: no"
        );
        assert_eq!(text(ErrorKind::NotFound), "the store refused: commit: no");
        assert_eq!(
            text(ErrorKind::LimitExceeded),
            "the store refused: commit: no"
        );
        assert_eq!(text(ErrorKind::Unavailable), "the store failed: commit: no");
        assert_eq!(text(ErrorKind::Corrupt), "the store failed: commit: no");
    }

    #[test]
    fn whose_time_is_up_hears_what_is_known_of_the_instance() {
        assert_eq!(
            ClientError::Timeout.to_string(),
            "timed out waiting; the orchestration may still be running, or none of this id was \
             started: `get_orchestration_status` tells which"
        );
        let blocked = ClientError::Blocked {
            reason: "node-1 has no orchestration Order".to_owned(),
        };
        assert_eq!(
            blocked.to_string(),
            "timed out waiting; the instance cannot go on: node-1 has no orchestration Order"
        );
        assert!(blocked.is_retryable() && blocked.source().is_none());
    }
}
