//! The error of a provider: a kind to decide by, an advice for retrying, a text for people.

use std::borrow::Cow;
use std::fmt;

type Source = Box<dyn std::error::Error + Send + Sync>;

/// What went wrong; callers decide by this, never by text (ERR-01).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A lease that the operation rests on is not held.
    LeaseLost,
    /// The history does not end where the turn started.
    PositionConflict,
    /// There is such an instance already.
    AlreadyExists,
    /// The instance has ended, and reads no more mail.
    Ended,
    /// There is no such instance.
    NotFound,
    /// The request contradicts the contract.
    InvalidInput,
    /// A declared limit would be passed; the context names it.
    LimitExceeded,
    /// Stored bytes cannot be understood.
    Corrupt,
    /// The provider does not do this.
    Unsupported,
    /// The store cannot be reached, or refuses for now; nothing was changed (ERR-02).
    Unavailable,
    /// The store may or may not have applied the commit; repeat it as it is (ERR-02).
    CommitUnknown,
    /// The provider is set up wrongly.
    Config,
    /// A bug, here or in the store.
    Unexpected,
}

/// Whether trying again can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Retry {
    /// It cannot.
    Never,
    /// It can, later.
    Later,
    /// It was tried again and did not help.
    Exhausted,
}

/// An error of a provider.
pub struct ProviderError {
    inner: Box<Inner>,
}

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    operation: &'static str,
    message: Cow<'static, str>,
    context: Vec<(&'static str, String)>,
    source: Option<Source>,
}

impl ProviderError {
    /// An error of this kind; the retry advice follows from the kind.
    #[must_use]
    pub fn new(
        kind: ErrorKind,
        operation: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let transient = matches!(kind, ErrorKind::Unavailable | ErrorKind::CommitUnknown);
        let retry = if transient {
            Retry::Later
        } else {
            Retry::Never
        };
        let message = message.into();
        Self {
            inner: Box::new(Inner {
                kind,
                retry,
                operation,
                message,
                context: Vec::new(),
                source: None,
            }),
        }
    }

    /// The store cannot be reached, or refuses for now.
    #[must_use]
    pub fn retryable(operation: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, operation, message)
    }

    /// Something that trying again does not help.
    #[must_use]
    pub fn permanent(operation: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unexpected, operation, message)
    }

    /// Adds a fact, for example the instance. Never a secret, never a payload.
    #[must_use]
    pub fn with_context(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.inner.context.push((key, value.to_string()));
        self
    }

    /// Keeps the error that caused this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.inner.source = Some(source.into());
        self
    }

    /// Replaces the retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.inner.retry = retry;
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn retry(&self) -> Retry {
        self.inner.retry
    }

    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.inner.retry == Retry::Later
    }

    /// The operation that failed.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.inner.operation
    }

    /// What happened and what to do, for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.inner.message
    }

    /// The value of a context key.
    #[must_use]
    pub fn context(&self, key: &str) -> Option<&str> {
        self.inner
            .context
            .iter()
            .find(|(name, _)| *name == key)
            .map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            operation,
            message,
            context,
            ..
        } = &*self.inner;
        write!(f, "{operation}: {message}")?;
        for (index, (key, value)) in context.iter().enumerate() {
            let before = if index == 0 { " (" } else { ", " };
            write!(f, "{before}{key}: {value}")?;
        }
        if context.is_empty() {
            Ok(())
        } else {
            f.write_str(")")
        }
    }
}

/// A `main` that returns the error shows this, so that what people read comes first.
impl fmt::Debug for ProviderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, retry, .. } = &*self.inner;
        write!(f, "{self} [kind {kind:?}, retry {retry:?}]")?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for ProviderError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_one_line_with_context_and_debug_names_the_cause() {
        let error = ProviderError::new(ErrorKind::LeaseLost, "commit", "the lease is not held")
            .with_context("instance", "a")
            .with_context("execution", 2)
            .with_source("disk on fire");
        assert_eq!(
            error.to_string(),
            "commit: the lease is not held (instance: a, execution: 2)"
        );
        assert_eq!(
            format!("{error:?}"),
            "commit: the lease is not held (instance: a, execution: 2) [kind LeaseLost, retry Never]\n  \
             caused by: disk on fire"
        );
        assert_eq!(error.context("execution"), Some("2"));
    }

    #[test]
    fn only_transient_kinds_advise_a_retry() {
        assert!(ProviderError::retryable("claim_turns", "busy").is_retryable());
        assert!(!ProviderError::permanent("claim_turns", "bug").is_retryable());
        assert!(ProviderError::new(ErrorKind::CommitUnknown, "commit", "cut").is_retryable());
    }
}
