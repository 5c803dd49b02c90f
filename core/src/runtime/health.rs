//! How a runtime stands with its store.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use crate::providers::{ErrorKind, ProviderError};

/// What fails at present, by the runtime's own experience.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// The operations that failed when they were last tried; none if all is well.
    pub faults: Vec<Fault>,
}

impl Health {
    /// Whether nothing fails.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.faults.is_empty()
    }
}

/// An operation of the store that fails.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fault {
    /// The operation: `claim`, `commit`, `read_history`, `renew` and so on.
    pub operation: &'static str,
    /// How it failed last.
    pub kind: ErrorKind,
    /// What the store said last.
    pub message: String,
    /// Since when it has failed without a success in between, in milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// How often it has failed since.
    pub count: u64,
}

/// The faults behind a [`Health`].
#[derive(Debug, Default)]
pub(super) struct HealthRecord {
    faults: Mutex<BTreeMap<&'static str, Fault>>,
    /// Whether there are any; so that a success costs nothing while all is well.
    any: AtomicBool,
}

impl HealthRecord {
    /// Notes what came of an operation. A refusal is an answer, and no fault of the store's.
    pub(super) fn note<T>(
        &self,
        operation: &'static str,
        result: &Result<T, ProviderError>,
        now_ms: u64,
    ) {
        match result {
            Err(error) if is_fault(error) => self.failed(operation, error, now_ms),
            _ => self.succeeded(operation),
        }
    }

    fn failed(&self, operation: &'static str, error: &ProviderError, now_ms: u64) {
        let mut faults = self.faults.lock();
        let fault = faults.entry(operation).or_insert_with(|| Fault {
            operation,
            kind: error.kind(),
            message: String::new(),
            since_ms: now_ms,
            count: 0,
        });
        fault.kind = error.kind();
        fault.message = error.to_string();
        fault.count += 1;
        self.any.store(true, Ordering::Release);
    }

    fn succeeded(&self, operation: &'static str) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let mut faults = self.faults.lock();
        faults.remove(operation);
        self.any.store(!faults.is_empty(), Ordering::Release);
    }

    /// Whether this operation failed when it was last tried.
    pub(super) fn is_failing(&self, operation: &'static str) -> bool {
        self.any.load(Ordering::Acquire) && self.faults.lock().contains_key(operation)
    }

    pub(super) fn report(&self) -> Health {
        Health {
            faults: self.faults.lock().values().cloned().collect(),
        }
    }
}

/// Whether an error is the store's own: what it says of a request's content or of its fences is an
/// answer.
pub(super) fn is_fault(error: &ProviderError) -> bool {
    match error.kind() {
        ErrorKind::LeaseLost
        | ErrorKind::PositionConflict
        | ErrorKind::AlreadyExists
        | ErrorKind::NotFound
        | ErrorKind::InvalidInput
        | ErrorKind::LimitExceeded => false,
        ErrorKind::Corrupt
        | ErrorKind::Unsupported
        | ErrorKind::Unavailable
        | ErrorKind::CommitUnknown
        | ErrorKind::Config
        | ErrorKind::Unexpected => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(kind: ErrorKind) -> Result<(), ProviderError> {
        Err(ProviderError::new(kind, "commit", "told to fail"))
    }

    #[test]
    fn a_fault_lasts_until_the_operation_succeeds() {
        let record = HealthRecord::default();
        assert!(record.report().is_healthy());
        record.note("commit", &failed(ErrorKind::Config), 5);
        record.note("commit", &failed(ErrorKind::Unavailable), 7);
        record.note("claim", &failed(ErrorKind::Unavailable), 8);
        let health = record.report();
        let commit = &health.faults[1];
        assert_eq!(
            (commit.operation, commit.since_ms, commit.count),
            ("commit", 5, 2)
        );
        assert_eq!(commit.kind, ErrorKind::Unavailable);
        assert!(record.is_failing("commit"));
        record.note("commit", &Ok::<_, ProviderError>(()), 9);
        assert!(!record.is_failing("commit") && !record.report().is_healthy());
        record.note("claim", &Ok::<_, ProviderError>(()), 9);
        assert!(record.report().is_healthy());
    }

    /// Each of these says something of the request.
    #[test]
    fn a_refusal_is_no_fault() {
        let record = HealthRecord::default();
        for kind in [
            ErrorKind::LeaseLost,
            ErrorKind::PositionConflict,
            ErrorKind::AlreadyExists,
            ErrorKind::NotFound,
            ErrorKind::InvalidInput,
            ErrorKind::LimitExceeded,
        ] {
            record.note("commit", &failed(kind), 1);
            assert!(record.report().is_healthy(), "{kind:?}");
        }
    }
}
